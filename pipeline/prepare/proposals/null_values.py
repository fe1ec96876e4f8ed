"""Which texts stand for no value, as databases and data frames write them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from diptych.components.catalogue.readers.cell_text import as_text
from diptych.components.catalogue.split_names import split_of_value
from diptych.components.catalogue.templates import template_columns
from diptych.models.counts import pluralize
from diptych.models.features import TRAIN
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence
from diptych.pipeline.prepare.yaml_text import format_value

_KEY = "data.null_values"
# What nobody writes who means a text.
_NULLS = frozenset(
    {"\\N", "NULL", "null", "(null)", "<null>", "NaN", "nan", "NAN", "-nan", "<NA>", "<na>", "NaT", "#N/A", "#NA"}
)
# These may be a class as well: Namibia, or no finding.
_PERHAPS = frozenset({"NA", "N/A", "n/a", "na", "None", "?", "-"})
# Less than that may be chance.
_MIN_STAND_INS = 2


def propose_null_values(evidence: Evidence) -> list[Decision]:
    """The texts that stand for no label or no description, and what else those among the labels may mean."""
    if stand_ins := _stand_ins(evidence):
        said = " and ".join(f"'{label}' is the only label of {split}" for split, label in stand_ins.items())
        reason = f"{said}, and none of train's: it stands for no label"
        nulls = sorted(set(stand_ins.values()))
        return [Decision(_KEY, nulls, reason, [f"{_KEY}: [], if '{nulls[0]}' is a class"])]
    label, description = evidence.data.columns.label, evidence.data.columns.description
    # The names of class folders are what they are.
    are_values = isinstance(label, str) and evidence.catalogue.kind != "folder"
    labels = _count(evidence, [str(label)] if are_values else [])
    texts = _count(evidence, (template_columns(description) or [description]) if description else [])
    # What may be a class is one where it stands among the labels.
    nulls = sorted({text for text in labels | texts if text in _NULLS or text not in labels})
    if not labels and not nulls:
        return []
    if not nulls:
        perhaps = sorted(labels)
        reason = f"{_said(labels)} may be a class as well as a missing label; taken as a class"
        return [Decision(_KEY, [], reason, [f"{_KEY}: {format_value(perhaps)}"])]
    reason = f"texts that stand for no value: {_said({text: (labels + texts)[text] for text in nulls})}"
    alternatives = [f"{_KEY}: {format_value(sorted({*nulls, *labels}))}"] if labels.keys() - nulls else []
    if taken := sorted(labels.keys() & nulls):
        others = [text for text in nulls if text not in taken]
        classes = f"'{taken[0]}' is a class" if len(taken) == 1 else "those among the labels are classes"
        alternatives.append(f"{_KEY}: {format_value(others)}, if {classes}")
    return [Decision(_KEY, nulls, reason, alternatives)]


def _stand_ins(evidence: Evidence) -> dict[str, str]:
    """Of each declared split but train, the label that all its rows have, and no row of train: it stands for none."""
    labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for split, label in _split_labels(evidence):
        labels[split][label] += 1
    lone = {split: next(iter(found)) for split, found in labels.items() if split != TRAIN and len(found) == 1}
    return {
        split: label
        for split, label in lone.items()
        if len(labels[TRAIN]) > 1 and label not in labels[TRAIN] and labels[split][label] >= _MIN_STAND_INS
    }


def _split_labels(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """The split and the label of each row of the sample that has both."""
    column = evidence.data.columns.label
    if not isinstance(column, str) or not (evidence.catalogue.splits.by or evidence.data.columns.split):
        return
    for place, source in enumerate(evidence.sources):
        value = evidence.rows[place].get(column)
        row = evidence.catalogue.splits.apply(evidence.row(place), source, evidence.data)
        split = split_of_value(row.split or "")
        if split and isinstance(value, (str, int, float)) and (text := as_text(value).strip()):
            yield split, text


def _count(evidence: Evidence, columns: Iterable[str]) -> Counter[str]:
    """How often each text that may stand for no value is a value of the columns."""
    texts = (value.strip() for column in columns for value in evidence.values(column) if isinstance(value, str))
    return Counter(text for text in texts if text in _NULLS | _PERHAPS)


def _said(counts: dict[str, int]) -> str:
    return ", ".join(f"'{text}' in {pluralize(counts[text], 'cell')}" for text in sorted(counts))
