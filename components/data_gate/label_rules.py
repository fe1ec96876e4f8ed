"""The rules about labels that were lost, are rare, or are misspelt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches

from diptych.components.data_gate.findings import MAX_IDS, Finding, join_names, mention_ids
from diptych.components.data_gate.options import LabelRareRule, LabelTypoRule, Rule
from diptych.components.data_gate.profile import SplitProfile
from diptych.models.features import LABEL, TRAIN

NUMBER_OF_ROWS = "number of rows"
SIMILARITY = "Ratcliff-Obershelp similarity"

# A misspelt label is at most so many characters longer or shorter.
_MAX_LENGTH_DIFFERENCE = 2

#: Label to the ids of its rows in train.
Labels = Mapping[str, Sequence[str]]


def check_lost_labels(labels: Labels, accepted: SplitProfile, rule: Rule) -> Iterator[Finding]:
    """Finds labels that the last accepted data had and train lacks; the rows named are those of the accepted data."""
    for label, before in accepted.labels.items():
        if label not in labels:
            message = (
                f"label '{label}' is lost: no row of split '{TRAIN}' has it, {before.rows:,} of the last accepted data "
                f"had{mention_ids(before.ids)}; bring them back, or accept the loss by gate.label_lost.severity: ignore"
            )
            yield Finding(
                "label_lost",
                rule.severity,
                message,
                LABEL,
                TRAIN,
                measured=0.0,
                formula=NUMBER_OF_ROWS,
                threshold=1.0,
                ids=tuple(before.ids),
            )


def check_rare_labels(labels: Labels, rule: LabelRareRule) -> Iterator[Finding]:
    """Finds the labels that have too few rows; one finding for all, as there may be hundreds."""
    rare = sorted((len(ids), label) for label, ids in labels.items() if len(ids) < rule.min_rows)
    if rare:
        ids = [row_id for _, label in rare for row_id in labels[label]]
        counts = join_names(f"'{label}' ({count})" for count, label in rare)
        subject = "label has" if len(rare) == 1 else "labels have"
        message = (
            f"split '{TRAIN}': {len(rare):,} {subject} fewer than {rule.min_rows} rows (gate.label_rare.min_rows): "
            f"{counts}{mention_ids(ids)}; add rows of them, or join them with other labels"
        )
        yield Finding(
            "label_rare",
            rule.severity,
            message,
            LABEL,
            TRAIN,
            measured=float(rare[0][0]),
            formula=NUMBER_OF_ROWS,
            threshold=float(rule.min_rows),
            ids=tuple(ids[:MAX_IDS]),
        )


def check_label_typos(labels: Labels, rule: LabelTypoRule) -> Iterator[Finding]:
    """Finds rare labels that resemble a frequent one. Labels whose digits differ are different on purpose.

    J. W. Ratcliff, D. E. Metzener, "Pattern matching: the Gestalt approach" (1988), as Python's ``difflib`` has it.
    """
    most = max(map(len, labels.values()), default=0)
    by_length: dict[int, list[str]] = defaultdict(list)
    for label, ids in labels.items():
        # A label of fewer rows is so rare itself that no other label is rare in comparison.
        if len(ids) * rule.max_share >= 1:
            by_length[len(label)].append(label)
    for label, ids in sorted(labels.items()):
        if len(ids) <= most * rule.max_share:
            lengths = range(len(label) - _MAX_LENGTH_DIFFERENCE, len(label) + _MAX_LENGTH_DIFFERENCE + 1)
            frequent = [
                other
                for length in lengths
                for other in by_length.get(length, [])
                if len(ids) <= len(labels[other]) * rule.max_share and _digits(other) == _digits(label)
            ]
            for similar in get_close_matches(label, frequent, n=1, cutoff=rule.similarity):
                yield _misspelt(label, similar, labels, rule)


def _digits(label: str) -> list[str]:
    return [character for character in label if character.isdigit()]


def _misspelt(label: str, similar: str, labels: Labels, rule: LabelTypoRule) -> Finding:
    ids = labels[label]
    message = (
        f"split '{TRAIN}': label '{label}' ({len(ids):,} of the rows) looks like a misspelt '{similar}' "
        f"({len(labels[similar]):,}){mention_ids(ids)}; mend it, or raise gate.label_typo.similarity"
    )
    return Finding(
        "label_typo",
        rule.severity,
        message,
        LABEL,
        TRAIN,
        measured=SequenceMatcher(None, similar, label).ratio(),
        formula=SIMILARITY,
        threshold=rule.similarity,
        ids=tuple(ids[:MAX_IDS]),
    )
