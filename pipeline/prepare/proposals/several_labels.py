"""Whether rows have several labels: lists in cells, or texts with a separator."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from diptych.components.catalogue.readers.written_lists import written_items
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence

_LABEL, _SEVERAL, _SEPARATOR = "data.columns.label", "data.several_labels", "data.label_separator"
_SEPARATORS = ("|", ";", ",", "/", "+", "&", " ")
# Names of classes may hold these, so more must speak for them.
_WEAK = (",", "/", "+", "&", " ")
_PLURALS = ("labels", "tags", "classes", "categories", "genres", "attributes", "keywords", "topics", "targets")
_MIN_RECURRENCE, _MIN_DOUBTFUL = 0.8, 0.5
# Lists without quotes, as databases and some libraries write them.
_BRACKETS = re.compile(r"\[[^][]*\]|\{[^{}]*\}|\([^()]*\)")


def propose_several_labels(evidence: Evidence) -> list[Decision]:
    """That rows have several labels, where cells of the label's column hold lists or a separator."""
    column = evidence.data.columns.label
    if not isinstance(column, str) or evidence.data.has_several_labels:
        return []
    values = evidence.values(column)
    lists = [items for value in values if (items := written_items(value)) is not None]
    if several := [items for items in lists if len(set(map(str, items))) > 1]:
        reason = f"several labels in {len(several):,} of {pluralize(len(values), 'row')}"
        if written := next((value for value in values if isinstance(value, str) and written_items(value)), None):
            reason += f"; '{column}' holds lists, such as {written}"
        return [_label(column, {str(item) for items in lists for item in items}), Decision(_SEVERAL, True, reason)]
    texts = [value.strip() for value in values if isinstance(value, str)]
    bare = next((text for text in texts if "," in text), None)
    if bare and all(map(_BRACKETS.fullmatch, texts)):
        return [_bare_lists(column, bare)]
    found = [parting for separator in _SEPARATORS if (parting := _parting(texts, separator)) is not None]
    if not found:
        return []
    best = max(found, key=lambda parting: (parting.is_sure(column), parting.recurrence))
    if best.is_sure(column):
        parts = {part.strip() for text in texts for part in text.split(best.separator)} - {""}
        return [_label(column, parts), Decision(_SEPARATOR, best.separator, best.evidence, best.doubts)]
    return [_kept_whole(column, best)] if best.is_doubtful else []


def _bare_lists(column: str, example: str) -> Decision:
    reason = f"the class to learn; all cells are in brackets, such as {example}, each taken for one class"
    other = f'{_SEVERAL}: true, if they are lists: then write them with quotes, as ["cat", "dog"]'
    return Decision(_LABEL, column, reason, [other])


def _label(column: str, labels: set[str]) -> Decision:
    return Decision(_LABEL, column, f"the classes to learn; {pluralize(len(labels), 'different one')}")


@dataclass(frozen=True)
class _Parting:
    """What a separator makes of the cells of a column.

    Attributes:
        cells: number of cells that are not empty.
        parted: number of cells that hold the separator.
        counts: the different numbers of parts of a cell.
        recurrence: share of the parts of parted cells, each counted once, that are found in another cell's text too:
            alone, or beside other parts.
        lone: a part that is not, or None.
    """

    separator: str
    cells: int
    parted: int
    counts: frozenset[int]
    recurrence: float
    are_numbers: bool
    lone: str | None

    def is_sure(self, column: str) -> bool:
        if self.separator not in _WEAK:
            return self.recurrence >= _MIN_DOUBTFUL
        if column.lower().rpartition(".")[2] in _PLURALS or self.are_numbers:
            return self.recurrence >= _MIN_DOUBTFUL
        # "dog, big" and "cat, small" are names of as many parts each, and so are paths of classes.
        return self.separator != " " and self.recurrence >= _MIN_RECURRENCE and len(self.counts) > 1

    @property
    def is_doubtful(self) -> bool:
        return self.separator not in _WEAK or self.recurrence >= _MIN_DOUBTFUL

    @property
    def evidence(self) -> str:
        recurs = "each part recurs" if self.recurrence == 1 else f"{self.recurrence:.0%} of the parts recur"
        return f"'{self.separator}' in {self.parted:,} of {pluralize(self.cells, 'cell')}; {recurs} in other cells"

    @property
    def doubts(self) -> list[str]:
        if self.recurrence == 1 and (self.separator not in _WEAK or len(self.counts) > 1):
            return []
        return [f"no {_SEPARATOR}, if '{self.separator}' belongs to the names of the classes"]


def _kept_whole(column: str, parting: _Parting) -> Decision:
    sign = parting.separator
    why = f"'{parting.lone}' stands in no other cell" if parting.lone else "it may belong to the names of the classes"
    reason = f"the class to learn; '{sign}' in {parting.parted:,} of {pluralize(parting.cells, 'cell')} is kept: {why}"
    other = f"{_SEPARATOR}: '{sign}', if it parts several labels of a row"
    return Decision(_LABEL, column, reason, [other])


def _parting(texts: Sequence[str], separator: str) -> _Parting | None:
    cells = {text: [part for piece in text.split(separator) if (part := piece.strip())] for text in texts}
    parted = {text for text, parts in cells.items() if separator in text and len(parts) > 1}
    if not parted:
        return None
    texts_of_part: dict[str, set[str]] = defaultdict(set)
    for text, parts in cells.items():
        for part in parts:
            texts_of_part[part].add(text)
    own = dict.fromkeys(part for text in cells if text in parted for part in cells[text])
    lone = [part for part in own if len(texts_of_part[part]) == 1]
    return _Parting(
        separator,
        len(texts),
        sum(text in parted for text in texts),
        frozenset(map(len, cells.values())),
        1 - len(lone) / len(own),
        all(part.isdecimal() for part in own),
        lone[0] if lone else None,
    )
