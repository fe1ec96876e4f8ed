"""The rules about how labels are written: two spellings of one, several in one, numbers that are measured."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from diptych.components.data_gate.findings import MAX_IDS, Finding, mention_ids
from diptych.components.data_gate.options import Rule
from diptych.models.counts import join_names, pluralize
from diptych.models.features import LABEL

# 'hot_dog' is 'hot dog', but the grades 'A-' and 'A' are two.
_WORD_SEPARATORS = re.compile(r"(?<=\w)[\s_-]+(?=\w)")
# With quotes, readers take it for a list themselves.
_LIST = re.compile(r"[\[({].*,.*[\])}]", re.DOTALL)
_DECIMAL = re.compile(r"[+-]?\d*[.,]\d+([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+([.,]0+)?")
# Separator to whether every part must be elsewhere, too: a comma is also in names, as in 'Washington, DC'.
_LABEL_SEPARATORS = {"|": False, ";": False, ",": True}
# Numbers of fewer values, such as ratings by half stars, are classes well enough.
_FEWEST_NUMBERS = 10

#: Label to the ids of its rows in all splits.
Labels = Mapping[str, Sequence[str]]


def join_splits(labels: Mapping[str, Labels]) -> dict[str, list[str]]:
    """The ids of the rows of each label in all splits together."""
    joined: dict[str, list[str]] = defaultdict(list)
    for of_split in labels.values():
        for label, ids in of_split.items():
            joined[label] += ids
    return joined


def canonical_label(label: str) -> str:
    """What labels have in common that differ only in case, spaces, underscores, hyphens or Unicode form."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
    return _WORD_SEPARATORS.sub(" ", folded.strip())


def list_spellings(labels: Labels) -> list[list[str]]:
    """The labels that differ only in case, spaces, underscores, hyphens or Unicode form, the most frequent first."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        alike[canonical_label(label)].append(label)
    spellings = [sorted(group, key=lambda label: (-len(labels[label]), label)) for group in alike.values()]
    return sorted((group for group in spellings if len(group) > 1), key=lambda group: -len(labels[group[0]]))


def check_label_spelling(labels: Labels, rule: Rule) -> Iterator[Finding]:
    """Finds labels that are spelled in several ways; see ``list_spellings``."""
    doubled = list_spellings(labels)
    if not doubled:
        return
    ids = [row_id for group in doubled for label in group[1:] for row_id in labels[label]]
    named = join_names(" and ".join(_show(label, group, labels) for label in group) for group in doubled)
    message = (
        f"feature '{LABEL}': labels differ only in case, spaces or Unicode form, and are learned as different ones: "
        f"{named}{mention_ids(ids)}; write each label in one way"
    )
    yield Finding("label_spelling", rule.severity, message, LABEL, ids=tuple(ids[:MAX_IDS]))


def _show(label: str, group: Sequence[str], labels: Labels) -> str:
    """A label in quotes, with escapes if another one of its group looks the same, and its number of rows."""
    looks = [unicodedata.normalize("NFKC", other) for other in group]
    quoted = ascii(label) if len(set(looks)) < len(looks) else f"'{label}'"
    return f"{quoted} ({pluralize(len(labels[label]), 'row')})"


def check_label_form(labels: Labels, rule: Rule) -> Iterator[Finding]:
    """Finds labels that are lists of labels, or numbers with decimals, as measurements are."""
    if lists := [label for label in labels if _LIST.fullmatch(label.strip())]:
        remedy = 'if they are, write them with quotes, as ["a", "b"], and set data.several_labels: true'
        yield _make_finding(lists, labels, "look like lists", remedy, rule)
    for separator in _LABEL_SEPARATORS:
        if joined := _joined_labels(set(labels).difference(lists), separator):
            remedy = f"data.label_separator: '{separator}' parts them"
            yield _make_finding(
                joined, labels, f"look like several labels with '{separator}' between them", remedy, rule
            )
    if numbers := _decimal_numbers(labels):
        remedy = (
            "a class is learned for each number, as if 4.9 were no nearer to 5 than to 1: write ranges in their place"
        )
        yield _make_finding(numbers, labels, "are numbers with decimals", remedy, rule)


def _joined_labels(labels: set[str], separator: str) -> list[str]:
    """The labels with a separator whose parts are also labels or parts of others."""
    parts = {label: [part.strip() for part in label.split(separator)] for label in labels}
    holders: dict[str, int] = defaultdict(int)
    for of_label in parts.values():
        for part in set(of_label):
            holders[part] += 1
    enough = all if _LABEL_SEPARATORS[separator] else any
    return sorted(
        label
        for label, of_label in parts.items()
        if len(of_label) > 1 and all(of_label) and enough(holders[part] > 1 for part in of_label)
    )


def _decimal_numbers(labels: Labels) -> list[str]:
    decimals = sorted(label for label in labels if _DECIMAL.fullmatch(label) and not _WHOLE.fullmatch(label))
    all_numbers = all(_DECIMAL.fullmatch(label) or _WHOLE.fullmatch(label) for label in labels)
    return decimals if all_numbers and len(labels) >= _FEWEST_NUMBERS else []


def _make_finding(found: Sequence[str], labels: Labels, what: str, remedy: str, rule: Rule) -> Finding:
    ids = [row_id for label in found for row_id in labels[label]]
    named = join_names(f"'{label}'" for label in found)
    message = f"feature '{LABEL}': {len(found):,} of {len(labels):,} labels {what}: {named}{mention_ids(ids)}; {remedy}"
    return Finding("label_form", rule.severity, message, LABEL, ids=tuple(ids[:MAX_IDS]))
