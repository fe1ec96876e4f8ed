"""What the gate says, and the rules that need nothing but counts: rejects, anomalies, labels that cannot be learned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from diptych.components.data_gate.options import GateOptions, Severity
from diptych.models import features
from diptych.models.errors import nearest
from diptych.models.features import TRAIN
from diptych.models.labels import LabelOptions

#: The most rows that a finding names.
MAX_IDS = 20
SHARE_OF_ROWS = "share of rows"

_ROWS_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """Something about the data.

    Attributes:
        rule: which rule found it; ``gate.<rule>`` are its options, where it has any.
        severity: what it does to the run.
        message: features and rows, what is wrong, and the remedy.
        feature: whose values show it; None if no single one does.
        split: in which they lie; None of the whole catalogue.
        measured: by the formula that ``formula`` names; beyond ``threshold``, unless it is only told.
        ids: of up to ``MAX_IDS`` rows that show it.
    """

    rule: str
    severity: Severity
    message: str
    feature: str | None = None
    split: str | None = None
    measured: float | None = None
    formula: str | None = None
    threshold: float | None = None
    ids: tuple[str, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether it ends the run."""
        return self.severity == "stop"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def name_some(names: Iterable[str], limit: int = _ROWS_NAMED) -> str:
    """The first few names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def rows_with(ids: Iterable[str]) -> str:
    """The part of a message that names rows; empty without any."""
    listed = list(ids)
    return f"; rows with id {name_some(listed)}" if listed else ""


def check_rejects(
    account: Mapping[str, Any], rejects: Iterable[Mapping[str, Any]], options: GateOptions
) -> list[Finding]:
    """The share of rejected rows against the largest one allowed."""
    listed, rule = list(rejects), options.rejects
    if not listed:
        return []
    ratio = len(listed) / account["rows"]
    reasons = ", ".join(f"{count} {reason}" for reason, count in account["rejects"].items())
    rows = name_some(f"row {reject['row']} ({reject['reason']}: {reject['detail']})" for reject in listed)
    told = f"{len(listed)} of {account['rows']} rows ({ratio:.1%}) were rejected: {reasons}; {rows}"
    remedy = f"; gate.rejects.max allows {rule.max:.1%}: mend the rows or raise it"
    within = ratio <= rule.max
    return [
        Finding(
            "rejects",
            "warn" if within and rule.severity == "stop" else rule.severity,
            told if within else told + remedy,
            measured=ratio,
            formula=SHARE_OF_ROWS,
            threshold=rule.max,
            ids=tuple(reject["id"] for reject in listed if reject["id"])[:MAX_IDS],
        )
    ]


def check_labels(labels: Mapping[str, Mapping[str, list[str]]], options: LabelOptions) -> list[Finding]:
    """Labels that no network could learn.

    Args:
        labels: split to label to the ids of its records.
    """
    known = labels[TRAIN]
    findings = []
    if len(known) < 2:
        told = f"split '{TRAIN}' holds one label only ({name_some(known)}); two are needed"
        findings.append(_stop("single_label", told, TRAIN, [identity for ids in known.values() for identity in ids]))
    if options.unknown is not None and options.unknown not in known:
        findings.append(_stop("unknown_label", _no_such_label(options.unknown, known), TRAIN, []))
    for split, of_split in labels.items():
        for label in sorted(set(of_split) - set(known)):
            findings.append(_unknown_label(label, split, of_split[label], known, options))
    return findings


def _stop(rule: str, message: str, split: str, ids: list[str]) -> Finding:
    return Finding(rule, "stop", message, features.LABEL, split, ids=tuple(ids[:MAX_IDS]))


def _no_such_label(label: str, known: Iterable[str]) -> str:
    return (
        f"label.unknown: '{label}' is no label of split '{TRAIN}'; {nearest(label, known)}"
        f"name one of its labels ({name_some(sorted(known))}), or none"
    )


def _unknown_label(
    label: str, split: str, ids: list[str], known: Mapping[str, list[str]], options: LabelOptions
) -> Finding:
    told = f"label '{label}' is in split '{split}' (rows with id {name_some(ids)}) but not in '{TRAIN}'"
    if options.unknown is not None:
        message = f"{told}: it counts as '{options.unknown}' (label.unknown)"
        return Finding("unknown_label", "warn", message, features.LABEL, split, ids=tuple(ids[:MAX_IDS]))
    remedy = (
        f"{told}, where it would be learned: {nearest(label, known)}add rows of it, join it with another label, "
        "change data.seed or data.splits, or name the label that it counts as in label.unknown"
    )
    return _stop("unknown_label", remedy, split, ids)


def check_anomaly(split: str, feature: str, kind: str, text: str, ids: list[str], options: GateOptions) -> Finding:
    """One anomaly that ExampleValidator found.

    Args:
        kind: ``ERROR`` or ``WARNING``, as TensorFlow Data Validation names them.
        ids: records of the split that have it alone; empty if only the split as a whole has it.
    """
    key = "error" if kind == "ERROR" else "warning"
    severity: Severity = getattr(options.anomaly, key)
    remedy = f"; mend the rows or the schema, or loosen gate.anomaly.{key}" if severity == "stop" else ""
    message = f"split '{split}', feature '{feature}': {text}{rows_with(ids)}{remedy}"
    return Finding("anomaly", severity, message, feature, split, ids=tuple(ids[:MAX_IDS]))
