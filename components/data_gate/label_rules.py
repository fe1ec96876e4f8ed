"""Labels that were lost, are rare, or are misspelt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches

from diptych.components.data_gate.findings import MAX_IDS, Finding, name_some, rows_with
from diptych.components.data_gate.options import LabelRareRule, LabelTypoRule, Rule
from diptych.components.data_gate.profile import Profile
from diptych.models.features import LABEL, TRAIN

ROWS = "number of rows"
SIMILARITY = "Ratcliff-Obershelp similarity"

# Two letters that are missing are the most that a slip of the pen costs.
_LENGTHS_APART = 2

Labels = Mapping[str, Sequence[str]]


def check_lost(labels: Labels, accepted: Profile, options: Rule) -> Iterator[Finding]:
    """Labels that the last accepted data had and train lacks; the rows named are those that had them.

    Args:
        labels: label to the ids of its rows of train.
    """
    for label, before in accepted.labels.items():
        if label not in labels:
            message = (
                f"label '{label}' is lost: no row of split '{TRAIN}' has it, {before.rows:,} of the last accepted data "
                f"had{rows_with(before.ids)}; bring them back, or accept the loss by gate.label_lost.severity: ignore"
            )
            yield Finding("label_lost", options.severity, message, LABEL, TRAIN, 0.0, ROWS, 1.0, tuple(before.ids))


def check_rare(labels: Labels, options: LabelRareRule) -> Iterator[Finding]:
    """All labels of too few rows, in one finding: there may be hundreds."""
    rare = sorted((len(ids), label) for label, ids in labels.items() if len(ids) < options.min_rows)
    if rare:
        ids = [identity for _, label in rare for identity in labels[label]]
        told = name_some(f"'{label}' ({count})" for count, label in rare)
        subject = "label has" if len(rare) == 1 else "labels have"
        message = (
            f"split '{TRAIN}': {len(rare):,} {subject} fewer than {options.min_rows} rows (gate.label_rare.min_rows): "
            f"{told}{rows_with(ids)}; add rows of them, or join them with other labels"
        )
        yield Finding(
            "label_rare",
            options.severity,
            message,
            LABEL,
            TRAIN,
            float(rare[0][0]),
            ROWS,
            float(options.min_rows),
            tuple(ids[:MAX_IDS]),
        )


def check_typos(labels: Labels, options: LabelTypoRule) -> Iterator[Finding]:
    """Rare labels that resemble a frequent one (J. W. Ratcliff, D. E. Metzener, "Pattern matching: the Gestalt
    approach", 1988; Python's ``difflib``). Labels whose digits differ are two on purpose.
    """
    by_length: dict[int, list[str]] = defaultdict(list)
    most = max(map(len, labels.values()), default=0)
    for label, ids in labels.items():
        # No label is rare beside one that has fewer rows than this.
        if len(ids) * options.max_share >= 1:
            by_length[len(label)].append(label)
    for label, ids in sorted(labels.items()):
        if len(ids) <= most * options.max_share:
            around = range(len(label) - _LENGTHS_APART, len(label) + _LENGTHS_APART + 1)
            others = [
                other
                for length in around
                for other in by_length.get(length, [])
                if len(ids) <= len(labels[other]) * options.max_share and _digits(other) == _digits(label)
            ]
            for near in get_close_matches(label, others, n=1, cutoff=options.similarity):
                yield _misspelt(label, near, labels, options)


def _digits(label: str) -> list[str]:
    return [character for character in label if character.isdigit()]


def _misspelt(label: str, near: str, labels: Labels, options: LabelTypoRule) -> Finding:
    ids = labels[label]
    message = (
        f"split '{TRAIN}': label '{label}' ({len(ids):,} of the rows) looks like a misspelt '{near}' "
        f"({len(labels[near]):,}){rows_with(ids)}; mend it, or raise gate.label_typo.similarity"
    )
    measured = SequenceMatcher(None, near, label).ratio()
    return Finding(
        "label_typo",
        options.severity,
        message,
        LABEL,
        TRAIN,
        measured,
        SIMILARITY,
        options.similarity,
        tuple(ids[:MAX_IDS]),
    )
