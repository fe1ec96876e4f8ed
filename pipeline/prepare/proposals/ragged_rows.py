"""What becomes of rows that have other numbers of fields than the header names."""

from __future__ import annotations

from collections.abc import Sequence

from diptych.components.catalogue.readers.row_files import has_image_ending
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.proposals.decisions import Decision

_Rows = Sequence[Sequence[str]]


def propose_unnamed_field(names: int, rows: _Rows) -> list[Decision]:
    """What the field is that each row has beyond those that the header names.

    Args:
        names: their number.
    """
    if not rows or any(len(row) != names + 1 for row in rows):
        return []
    if not any(row[-1] for row in rows):
        return [Decision("data.table.unnamed_field", "last", "each row ends with a delimiter, the header does not")]
    first = [row[0] for row in rows]
    counted = [str(number) for number in range(1, len(rows) + 1)]
    alternatives = () if first == counted else ("data.table.last_field: rest, if the last field holds delimiters",)
    reason = "each row has one field more than the header, a row name before the others"
    return [Decision("data.table.unnamed_field", "first", reason, alternatives)]


def propose_rest(names: int, rows: _Rows, delimiter: str) -> list[Decision]:
    """Takes the end of each row for its last field, if that explains each row with more fields than there are names.

    Args:
        rows: without quotes taken away.
    """
    longer = [row for row in rows if len(row) > names]
    exact = [row for row in rows if len(row) == names]
    is_explained = len(longer) + len(exact) == len(rows) and _are_texts([row[-1] for row in exact])
    if names < 2 or not longer or not exact or not is_explained:
        return []
    columns = [[row[place] for row in exact] for place in range(names - 1)]
    if not all(_fits(row[place], columns[place]) for row in longer for place in range(names - 1)):
        return []
    count = f"{len(longer):,} of {pluralize(len(rows), 'row')}"
    reason = f"'{delimiter}' in a text without quotes at the end of {count}; the fields before it are as in others"
    alternatives = ["data.table.last_field: exact, if rows with more fields are broken"]
    return [
        Decision("data.table.quote", "", "no field is in quotes"),
        Decision("data.table.last_field", "rest", reason, alternatives),
    ]


def _fits(value: str, others: Sequence[str]) -> bool:
    """Whether a field could be one of a column."""
    for is_kind in (str.isdigit, has_image_ending, _is_word):
        if all(map(is_kind, others)):
            return is_kind(value)
    return value in others


def _is_word(value: str) -> bool:
    return bool(value) and " " not in value


def _are_texts(values: Sequence[str]) -> bool:
    """Whether most values have several words and no other has the same."""
    return sum(" " in value.strip() for value in values) * 2 > len(values) < len(set(values)) * 2
