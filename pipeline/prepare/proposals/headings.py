"""Whether the first row of a table names its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from diptych.components.catalogue.readers.row_files import has_image_ending
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.infer_columns import ROLE_WORDS, score_name
from diptych.pipeline.prepare.proposals.decisions import Decision

_NAME = re.compile(r"[\w .:#()/-]{1,40}")
# In a column whose values come so often, on average, one that comes once is a name.
_REPETITIONS = 5
_NUMBER = re.compile(r"\s*-?\d+([.,]\d+)?\s*")


@dataclass(frozen=True)
class Heading:
    """What the first row is.

    Attributes:
        is_header: whether it names the columns.
        reason: what speaks for it.
        is_sure: whether much does.
    """

    is_header: bool
    reason: str
    is_sure: bool = True


def count_known_names(fields: Sequence[str]) -> int:
    """The number of fields that hold a usual name of a column."""
    names = filter(_NAME.fullmatch, fields)
    return sum(any(score_name(name, role) for role in ROLE_WORDS) for name in names)


def heading_decisions(heading: Heading) -> list[Decision]:
    """What is to be said of a first row; nothing if it clearly is a header."""
    if heading.is_header and heading.is_sure:
        return []
    alternative = "false, if it is a row" if heading.is_header else "true, if it names the columns"
    alternatives = [] if heading.is_sure else [f"data.table.header: {alternative}"]
    return [Decision("data.table.header", heading.is_header, heading.reason, alternatives)]


def judge_heading(
    first: Sequence[str], rows: Sequence[Sequence[str]], known_names: int, is_file: Callable[[str], bool]
) -> Heading:
    """Judges the first row by itself and by the rows below it.

    Args:
        rows: that have as many fields.
        known_names: how many of the first row's fields are usual names of columns.
        is_file: says whether a field is the path of a file that exists.
    """
    if image := next((field for field in first if has_image_ending(field.strip()) or is_file(field)), None):
        return Heading(False, f"the first row holds '{image}', a path, where a header has a name")
    columns = list(zip(*rows, strict=True))
    for name, values in zip(first, columns, strict=False):
        if name and sum(has_image_ending(value.strip()) for value in values) * 2 >= len(values):
            return Heading(True, f"'{name}' stands above paths of images")
    numeric = [bool(values) and all(map(_NUMBER.fullmatch, values)) for values in columns]
    named = [not _NUMBER.fullmatch(name) for name, is_numeric in zip(first, numeric, strict=False) if is_numeric]
    if any(named):
        return Heading(True, "a name stands above numbers")
    if named:
        return Heading(False, "the first row has numbers where the others do")
    if known_names or not rows:
        return Heading(True, "its names are usual ones of columns")
    if any(name in values for name, values in zip(first, columns, strict=False) if name):
        return Heading(False, "the first row has values that others have too", is_sure=False)
    for name, values in zip(first, columns, strict=False):
        distinct = len(set(values))
        if _NAME.fullmatch(name) and distinct * _REPETITIONS <= len(values):
            return Heading(True, f"'{name}' stands in no other row of a column of {pluralize(distinct, 'value')}")
    return Heading(True, "nothing tells the first row from the others", is_sure=False)
