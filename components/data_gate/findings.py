"""What the gate looks for: too many rejects, anomalies against the schema, labels that cannot be learned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from components.data_gate.options import GateOptions
from models.features import TRAIN
from models.labels import LabelOptions

_ROWS_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """Something about the data.

    Attributes:
        stops: whether it stops the run.
        message: features and rows, what is wrong, and the remedy.
    """

    stops: bool
    message: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def name_some(names: Iterable[str], limit: int = _ROWS_NAMED) -> str:
    """The first few names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def check_rejects(
    account: Mapping[str, Any], rejects: Iterable[Mapping[str, Any]], options: GateOptions
) -> list[Finding]:
    """The share of rejected rows against the largest one allowed."""
    listed = list(rejects)
    if not listed:
        return []
    ratio = len(listed) / account["rows"]
    reasons = ", ".join(f"{count} {reason}" for reason, count in account["rejects"].items())
    rows = name_some(f"row {reject['row']} ({reject['reason']}: {reject['detail']})" for reject in listed)
    message = f"{len(listed)} of {account['rows']} rows ({ratio:.1%}) were rejected: {reasons}; {rows}"
    if ratio <= options.max_reject_ratio:
        return [Finding(False, message)]
    remedy = f"gate.max_reject_ratio allows {options.max_reject_ratio:.1%}: mend the rows or raise it"
    return [Finding(True, f"{message}; {remedy}")]


def check_labels(labels: Mapping[str, Mapping[str, list[str]]], options: LabelOptions) -> list[Finding]:
    """Labels that no network could learn.

    Args:
        labels: split to label to the ids of its records.
    """
    known = labels[TRAIN]
    findings = []
    if len(known) < 2:
        findings.append(Finding(True, f"split '{TRAIN}' holds one label only ({name_some(known)}); two are needed"))
    if options.unknown is not None and options.unknown not in known:
        findings.append(Finding(True, _no_such_label(options.unknown, known)))
    for split, of_split in labels.items():
        for label in sorted(set(of_split) - set(known)):
            findings.append(_unknown_label(label, split, of_split[label], options))
    return findings


def _no_such_label(label: str, known: Iterable[str]) -> str:
    near = get_close_matches(label, list(known), n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return (
        f"label.unknown: '{label}' is no label of split '{TRAIN}'; {hint}"
        f"name one of its labels ({name_some(sorted(known))}), or none"
    )


def _unknown_label(label: str, split: str, ids: list[str], options: LabelOptions) -> Finding:
    told = f"label '{label}' is in split '{split}' (rows with id {name_some(ids)}) but not in '{TRAIN}'"
    if options.unknown is not None:
        return Finding(False, f"{told}: it counts as '{options.unknown}' (label.unknown)")
    return Finding(
        True,
        f"{told}, where it would be learned: add rows of it, join it with another label, change data.seed or "
        "data.splits, or name the label that it counts as in label.unknown",
    )


def check_anomaly(split: str, feature: str, severity: str, text: str, ids: list[str], options: GateOptions) -> Finding:
    """One anomaly that ExampleValidator found.

    Args:
        severity: ``ERROR`` or ``WARNING``, as TensorFlow Data Validation names them.
        ids: records of the split that have it alone; empty if only the split as a whole has it.
    """
    stopping = {"error": {"ERROR"}, "warning": {"ERROR", "WARNING"}, "never": set()}[options.severity]
    rows = f"; rows with id {name_some(ids)}" if ids else ""
    stops = severity in stopping
    remedy = "; mend the rows or the schema, or loosen gate.severity" if stops else ""
    return Finding(stops, f"split '{split}', feature '{feature}': {text}{rows}{remedy}")
