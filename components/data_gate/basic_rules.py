"""The rules that need only counts and ids: rejected rows, and labels that cannot be learned.

``diptych check`` applies them too, so this module imports neither TFX nor TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from diptych.components.data_gate.findings import MAX_IDS, SHARE_OF_ROWS, Finding, join_names
from diptych.components.data_gate.options import GateOptions
from diptych.models import features
from diptych.models.errors import nearest
from diptych.models.features import TRAIN
from diptych.models.labels import LabelOptions


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
