"""Columns of one name and different numbers, each of which may hold a label of the row: ``label1``, ``label2``."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import combinations

from diptych.models.counts import pluralize
from diptych.pipeline.prepare.infer_columns import score_name
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence

_LABEL, _SEPARATOR = "data.columns.label", "data.label_separator"
_NUMBERED = re.compile(r"(.*?[a-z])[-_. ]?\d+", re.IGNORECASE)
_SEPARATORS = ("|", ";", ",")


def propose_label_columns(evidence: Evidence) -> list[Decision]:
    """A template of numbered columns that are named like the label and hold some of the same labels."""
    label = evidence.data.columns.label
    if not isinstance(label, str) or not (names := _numbered_like(label, evidence)):
        return []
    values = {name: {str(value).strip() for value in evidence.values(name)} for name in names}
    texts = set().union(*values.values())
    separator = next((sign for sign in _SEPARATORS if not any(sign in text for text in texts)), None)
    # Those of a hierarchy have no label in common.
    if separator is None or all(values[one].isdisjoint(values[other]) for one, other in combinations(names, 2)):
        return []
    template = separator.join(f"{{{name}}}" for name in names)
    reason = f"{len(names)} columns hold labels of the same names; {pluralize(len(texts), 'different one')}"
    return [
        Decision(_LABEL, template, reason, [f"{_LABEL}: {name}" for name in names]),
        Decision(_SEPARATOR, separator, "between the labels of these columns; no label holds it"),
    ]


def _numbered_like(label: str, evidence: Evidence) -> list[str]:
    """The columns that differ from the label's in their number alone, in their order; none if there are no others."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    for column in evidence.columns:
        if (match := _NUMBERED.fullmatch(column)) and not set("{}") & set(column):
            by_stem[match[1].lower()].append(column)
    found = next((columns for columns in by_stem.values() if label in columns), [])
    are_labels = bool(found) and score_name(found[0], "label") > 0
    # A column that is empty in the sample may hold labels elsewhere.
    filled = [values for column in found if (values := evidence.values(column))]
    return found if are_labels and len(filled) > 1 and all(map(_are_texts, filled)) else []


def _are_texts(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)
