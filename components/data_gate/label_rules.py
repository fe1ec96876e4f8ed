"""The rules about labels that were lost, are rare, are not in each split, or are misspelt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches

from diptych.components.data_gate.findings import MAX_IDS, Finding, mention_ids
from diptych.components.data_gate.label_name_rules import canonical_label
from diptych.components.data_gate.options import LabelRareRule, LabelTypoRule, Rule
from diptych.components.data_gate.profile import SplitProfile
from diptych.components.data_gate.split_rows import SplitRows
from diptych.models.counts import join_names, pluralize
from diptych.models.features import LABEL, TEST, TRAIN

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
        least = pluralize(rule.min_rows, "row")
        message = (
            f"split '{TRAIN}': {pluralize(len(rare), 'label has', 'labels have')} fewer than {least} "
            "(gate.label_rare.min_rows): "
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


def check_label_coverage(
    splits: Mapping[str, SplitRows], ignored: Collection[str], declared: Collection[str], rule: Rule
) -> Iterator[Finding]:
    """Finds labels of train that have too few rows to be in each split, and labels that test lacks.

    Rows of one group are in one split, so what counts is the number of groups. One finding for all labels.

    Args:
        ignored: labels that are not looked at.
        declared: the splits that the catalogue declares; no setting gives them other rows.
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for rows in splits.values():
        for group, labels in zip(rows.groups, rows.labels, strict=True):
            for label in labels:
                # So many are enough to be in each split.
                if len(groups[label]) < len(splits):
                    groups[label].add(group)
    known = {label: ids for label, ids in splits[TRAIN].ids_by_label().items() if label not in ignored}
    tested = splits[TEST].ids_by_label()
    few = sorted(label for label in known if len(groups[label]) < len(splits))
    untested = sorted(known.keys() - tested.keys() - set(few))
    if few:
        counts = join_names(f"'{label}' ({len(groups[label])})" for label in few)
        problem = f"too few rows to be in each of {', '.join(splits)} (rows, or groups of data.split_by): {counts}"
        yield _uncovered(few, known, problem, "add rows of them, or join them with other labels", rule)
    if untested:
        problem = f"no row in '{TEST}', so no figure tells how well that is learned: {join_names(untested)}"
        remedy = "data.stratify: true gives each split its share, a larger data.splits.test more rows"
        if TEST in declared:
            remedy = f"the catalogue declares '{TEST}': add rows of them to it, and look whether its labels are meant"
        yield _uncovered(untested, known, problem, remedy, rule)


def _uncovered(found: Sequence[str], labels: Labels, problem: str, remedy: str, rule: Rule) -> Finding:
    ids = [row_id for label in found for row_id in labels[label]]
    subject = "label has" if len(found) == 1 else "labels have"
    message = f"{len(found):,} {subject} {problem}{mention_ids(ids)}; {remedy}"
    return Finding("label_coverage", rule.severity, message, LABEL, ids=tuple(ids[:MAX_IDS]))


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
                if len(ids) <= len(labels[other]) * rule.max_share
                and _digits(other) == _digits(label)
                # Labels that are spelled in two ways are found by the rule about that.
                and canonical_label(other) != canonical_label(label)
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
