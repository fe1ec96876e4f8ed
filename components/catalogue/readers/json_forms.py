"""How a JSON document holds a table: as a list of rows somewhere in it, by columns, by keys, or row after row."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Literal

from diptych.components.catalogue.readers.json_text import JsonText
from diptych.components.catalogue.readers.row_files import has_image_ending
from diptych.components.catalogue.readers.rows import CatalogueError

#: ``rows``: a list of objects; ``lists``: a list of lists; ``split``: lists, with the names beside them; ``columns``:
#: an object of columns; ``keyed``: an object of rows; ``stream``: one object after the other.
FormName = Literal["rows", "lists", "split", "columns", "keyed", "stream"]
#: The key of a row in an object of rows, as a column.
KEY_COLUMN = "key"

# Members of an object that are looked at; an object of rows has as many as there are rows.
_MEMBERS = 64
_LEVELS = 3


@dataclass(frozen=True)
class Form:
    """Where and how the document holds its rows.

    Attributes:
        path: the keys that lead to them.
    """

    name: FormName
    path: tuple[str, ...] = ()


@dataclass
class Shape:
    """A value, without what it holds.

    Attributes:
        sign: the first character: ``{``, ``[`` or that of a text, a number and so on.
        members: the first members of an object; of an array, the first item is the member "0".
        count: number of members or items.
        followed: whether, after the document's first value, another follows.
    """

    sign: str
    members: dict[str, Shape] = field(default_factory=dict)
    count: int = 0
    followed: bool = False

    @property
    def is_list_of_objects(self) -> bool:
        """Whether the first item of an array is an object."""
        return self.sign == "[" and self._first.sign == "{"

    @property
    def is_list_of_lists(self) -> bool:
        """Whether the first item of an array is an array."""
        return self.sign == "[" and self._first.sign == "["

    @property
    def _first(self) -> Shape:
        return next(iter(self.members.values()), Shape(""))

    def signs(self) -> set[str]:
        """The signs of the members; "" stands for all that are neither object nor array."""
        return {member.sign if member.sign in ("{", "[") else "" for member in self.members.values()}


def survey(text: JsonText) -> Shape:
    """The shape of a document, as far as its first three levels show it.

    Raises:
        CatalogueError: the document is broken.
    """
    shape = _survey(text, _LEVELS)
    shape.followed = text.next() == "{" == shape.sign
    if not shape.followed:
        text.end()
    return shape


def _survey(text: JsonText, levels: int) -> Shape:
    shape = Shape(text.next())
    if shape.sign == "[":
        for place in text.enter_array():
            shape.count += 1
            _survey_member(text, shape, str(place), levels if place == 0 else 0)
    elif shape.sign == "{":
        for key in text.enter_object():
            shape.count += 1
            _survey_member(text, shape, key, levels if shape.count <= _MEMBERS else 0)
    else:
        text.value()
    return shape


def _survey_member(text: JsonText, shape: Shape, key: str, levels: int) -> None:
    if levels:
        shape.members[key] = _survey(text, levels - 1)
    else:
        text.skip(1)


def find_form(shape: Shape, records: str | None, columns: Set[str], source: str) -> Form:
    """The form of a document's table.

    Args:
        records: ``data.table.records``.
        columns: names of columns that it has; none if they are not known yet.

    Raises:
        CatalogueError: there is no table, or there are several and the settings do not say which is meant.
    """
    path: tuple[str, ...] = ()
    if records:
        path, shape = _follow(shape, records, source)
    if shape.sign == "[":
        return Form("lists" if shape.is_list_of_lists else "rows", path)
    if shape.sign != "{":
        raise CatalogueError(f"data.catalogue: '{source}' holds no rows; it needs an array of objects")
    if shape.followed:
        return Form("stream")
    if lists := find_lists(shape):
        return Form("rows", (*path, *_only(lists, source)))
    return _form_of_object(shape, path, columns)


def find_lists(shape: Shape) -> list[tuple[str, ...]]:
    """The paths of the lists of objects inside of an object; of pandas' ``table``, only that of its rows."""
    if shape.members.keys() == {"schema", "data"}:
        return [("data",)]
    # In an object of rows, the lists in each row belong to the row.
    inner = [member for member in shape.members.values() if member.sign == "{"]
    if len(inner) > 1 and all(member.members.keys() == inner[0].members.keys() for member in inner):
        return []
    return list(_lists_in(shape))


def _lists_in(shape: Shape) -> Iterator[tuple[str, ...]]:
    for key, member in shape.members.items():
        if member.is_list_of_objects:
            yield (key,)
        elif member.sign == "{":
            yield from ((key, *path) for path in _lists_in(member))


def _only(lists: list[tuple[str, ...]], source: str) -> tuple[str, ...]:
    if len(lists) == 1:
        return lists[0]
    names = ", ".join(".".join(path) for path in lists)
    raise CatalogueError(
        f"data.table.records: '{source}' holds several lists of objects: {names}; say which of them has the rows"
    )


def _follow(shape: Shape, records: str, source: str) -> tuple[tuple[str, ...], Shape]:
    """The keys of a dotted path, whose keys may have dots too, and what lies there."""
    if records in shape.members:
        return (records,), shape.members[records]
    for key, member in shape.members.items():
        if records.startswith(f"{key}.") and member.sign == "{":
            path, found = _follow(member, records[len(key) + 1 :], source)
            return (key, *path), found
    known = ", ".join(".".join(path) for path in _lists_in(shape)) or "none"
    raise CatalogueError(f"data.table.records: '{source}' has no '{records}'; its lists of objects are {known}")


def _form_of_object(shape: Shape, path: tuple[str, ...], columns: Set[str]) -> Form:
    members, signs = shape.members, shape.signs()
    if {"columns", "data"} <= members.keys() and members["data"].is_list_of_lists:
        return Form("split", path)
    lists = [member for member in members.values() if member.sign == "["]
    if signs == {"{"}:
        return Form("keyed" if _is_keyed(shape, columns) else "columns", path)
    return Form("columns" if len(lists) * 2 > len(members) else "stream", path)


def _is_keyed(shape: Shape, columns: Set[str]) -> bool:
    """Whether an object of objects holds rows by their keys, rather than columns by their names."""
    outer, first = shape.members.keys(), next(iter(shape.members.values()))
    inner = first.members.keys()
    are_outer, are_inner = _has_all(outer, columns), _has_all(inner | {KEY_COLUMN}, columns)
    if columns and are_outer != are_inner:
        return are_inner
    if _are_keys(outer) != _are_keys(inner):
        return _are_keys(outer)
    return shape.count > first.count


def _has_all(names: Set[str], columns: Set[str]) -> bool:
    return all(column in names or column.partition(".")[0] in names for column in columns)


def _are_keys(names: Set[str]) -> bool:
    return all(name.isdigit() or has_image_ending(name) for name in names)
