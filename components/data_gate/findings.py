"""Findings of the gate, and the rules that need only counts and ids: rejected rows, and labels that cannot be learned.

``diptych check`` applies these rules too, so this module imports neither TFX nor TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from diptych.components.data_gate.options import GateOptions, Severity
from diptych.models import features
from diptych.models.errors import nearest
from diptych.models.features import TRAIN
from diptych.models.labels import LabelOptions

#: The most ids in a finding.
MAX_IDS = 20
SHARE_OF_ROWS = "share of rows"

# The most names and ids in a message.
_MAX_NAMES = 5


@dataclass(frozen=True)
class Finding:
    """Something that is wrong or unusual with the data.

    Attributes:
        rule: the rule that found it, a key of ``gate``; ``single_label`` and ``unknown_label`` have no options.
        severity: what it does to the run.
        message: where it was found, what is wrong, and the remedy.
        feature: the feature whose values show it; None if it is no single one.
        split: the split that shows it; None for the whole catalogue.
        measured: the value of ``formula``, if there is one; above ``threshold``, except where a rule only warns.
        formula: the name of what was measured.
        threshold: the largest value that the options allow.
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
        """Whether it stops the run."""
        return self.severity == "stop"

    def as_json(self) -> dict[str, Any]:
        """The finding as it stands in ``verdict.json``."""
        return asdict(self)


def join_names(names: Iterable[str], limit: int = _MAX_NAMES) -> str:
    """The first names and the number of the others: ``a, b and 3 more``."""
    listed = list(names)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def mention_ids(ids: Iterable[str]) -> str:
    """The end of a message that names rows: ``; rows with id a, b``. Empty if there are no ids."""
    listed = list(ids)
    return f"; rows with id {join_names(listed)}" if listed else ""


def check_rejects(
    account: Mapping[str, Any], rejects: Iterable[Mapping[str, Any]], options: GateOptions
) -> list[Finding]:
    """A finding if any row was rejected; it only warns if the share of rejected rows is within the limit.

    Args:
        account: ``account.json`` of the Rejects.
        rejects: the lines of ``rejects.jsonl``.
    """
    listed, rule = list(rejects), options.rejects
    if not listed:
        return []
    share = len(listed) / account["rows"]
    reasons = ", ".join(f"{count} {reason}" for reason, count in account["rejects"].items())
    rows = join_names(f"row {reject['row']} ({reject['reason']}: {reject['detail']})" for reject in listed)
    message = f"{len(listed)} of {account['rows']} rows ({share:.1%}) were rejected: {reasons}; {rows}"
    remedy = f"; gate.rejects.max allows {rule.max:.1%}: mend the rows or raise it"
    within = share <= rule.max
    return [
        Finding(
            "rejects",
            "warn" if within and rule.severity == "stop" else rule.severity,
            message if within else message + remedy,
            measured=share,
            formula=SHARE_OF_ROWS,
            threshold=rule.max,
            ids=tuple(reject["id"] for reject in listed if reject["id"])[:MAX_IDS],
        )
    ]


def check_learnable_labels(labels: Mapping[str, Mapping[str, list[str]]], options: LabelOptions) -> list[Finding]:
    """Findings about labels that no network could learn: a single one, or some that only val or test has.

    Args:
        labels: split to label to the ids of its rows.
    """
    known = labels[TRAIN]
    findings = []
    if len(known) < 2:
        message = f"split '{TRAIN}' holds one label only ({join_names(known)}); two are needed"
        findings.append(_stop("single_label", message, TRAIN, [row_id for ids in known.values() for row_id in ids]))
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
        f"name one of its labels ({join_names(sorted(known))}), or none"
    )


def _unknown_label(
    label: str, split: str, ids: list[str], known: Mapping[str, list[str]], options: LabelOptions
) -> Finding:
    problem = f"label '{label}' is in split '{split}' (rows with id {join_names(ids)}) but not in '{TRAIN}'"
    if options.unknown is not None:
        message = f"{problem}: it counts as '{options.unknown}' (label.unknown)"
        return Finding("unknown_label", "warn", message, features.LABEL, split, ids=tuple(ids[:MAX_IDS]))
    message = (
        f"{problem}, where it would be learned: {nearest(label, known)}add rows of it, join it with another label, "
        "change data.seed or data.splits, or name the label that it counts as in label.unknown"
    )
    return _stop("unknown_label", message, split, ids)
