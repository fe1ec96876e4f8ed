"""A JSON document that holds a table in one of the forms of ``json_forms``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.json_columns import read_columns
from diptych.components.catalogue.readers.json_forms import KEY_COLUMN, Form, find_form, survey
from diptych.components.catalogue.readers.json_text import JsonText
from diptych.components.catalogue.readers.jsonlines import check_object
from diptych.components.catalogue.readers.label_studio import plain_row
from diptych.components.catalogue.readers.nested import column_names, flatten
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk, RawValues, Row, SeenColumns
from diptych.components.catalogue.readers.spool import cut_spool, read_spool, write_spool
from diptych.components.catalogue.readers.text_files import open_text
from diptych.models.counts import pluralize

_RawRow = tuple[dict[str, Any], str | None]


class JsonReader:
    """Reads the rows of a document. It has no lines to start at, so they are spooled."""

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; nested values have dotted names."""
        yield from (flatten(values) for values, problem in self.raw_rows(source, data) if not problem)

    def raw_rows(self, source: str, data: DataOptions, wanted: Set[str] = frozenset()) -> Iterator[_RawRow]:
        """The values of each row by column, and None; or no values, and what is wrong with the row.

        Args:
            wanted: the columns that are needed; none if all are.

        Raises:
            CatalogueError: the document is broken or holds no table.
        """
        form = find_form_of(source, data, wanted)
        if form.name == "split":
            names = _names_of_split(source, data, form)
            form = Form("split", (*form.path, "data"))
        else:
            names = []
        with _open_at(source, data, form.path) as text:
            if form.name in ("lists", "split"):
                yield from _rows_of_lists(text, names, data)
            elif form.name == "rows":
                yield from (_plain_row(text.value()) for _ in text.enter_array())
            elif form.name == "stream":
                while text.next():
                    yield check_object(text.value())
            else:
                keyed = read_columns(text, wanted, source, data) if form.name == "columns" else _keyed_rows(text)
                yield from _with_keys(keyed)
            if not form.path and form.name in ("lists", "rows"):
                text.end()

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``; a column is missing if no row has it."""
        write_spool(spool, source, data, _used(self.raw_rows(source, data, data.wanted_names), source, data))
        return cut_spool(source, source_index, data, spool)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        return read_spool(chunk, data)


def find_form_of(source: str, data: DataOptions, wanted: Set[str] = frozenset()) -> Form:
    """How a document holds its table.

    Raises:
        CatalogueError: the document is broken, or holds no table, or several.
    """
    with open_text(source, data) as file:
        text = JsonText(file, source, data)
        if text.next() == "[" and not data.table.records:
            # No survey, which would read all of it.
            return Form("lists" if _starts_with_list(text) else "rows")
        return find_form(survey(text), data.table.records, wanted - data.optional_columns, source)


def _starts_with_list(text: JsonText) -> bool:
    # Only the first place is taken.
    return next((text.next() == "[" for _ in text.enter_array()), False)


@contextmanager
def _open_at(source: str, data: DataOptions, path: Iterable[str]) -> Iterator[JsonText]:
    """Opens a document before the value to which some keys lead.

    Raises:
        CatalogueError: it is broken, or there is no such value.
    """
    with open_text(source, data) as file:
        text = JsonText(file, source, data)
        for key in path:
            if not _enter(text, key):
                raise CatalogueError(f"data.catalogue: '{source}' has no '{key}'")
        yield text


def _enter(text: JsonText, key: str) -> bool:
    """Goes to the value of a key in the object that comes next; says whether it is there."""
    for found in text.enter_object():
        if found == key:
            return True
        text.skip()
    return False


def _names_of_split(source: str, data: DataOptions, form: Form) -> list[str]:
    with _open_at(source, data, (*form.path, "columns")) as text:
        return [str(name) for name in text.value()]


def _rows_of_lists(text: JsonText, names: list[str], data: DataOptions) -> Iterator[_RawRow]:
    """The rows of a list of lists.

    Args:
        names: of the columns; none if the first list holds them, or if they are named by their numbers.
    """
    for _ in text.enter_array():
        row = text.value()
        if not isinstance(row, list):
            yield {}, f"a JSON {type(row).__name__} where an array is needed"
        elif not names and data.table.header:
            names = [str(name) for name in row]
        else:
            names = names or [str(number) for number in range(1, len(row) + 1)]
            problem = None if len(row) == len(names) else f"{pluralize(len(row), 'value')}, not {len(names)}"
            yield ({}, problem) if problem else (dict(zip(names, row, strict=True)), None)


def _plain_row(value: Any) -> _RawRow:
    values, problem = check_object(value)
    return ({}, problem) if problem else plain_row(values)


def _keyed_rows(text: JsonText) -> Iterator[tuple[str, Any]]:
    for key in text.enter_object():
        yield key, text.value()


def _with_keys(rows: Iterable[tuple[str | None, Any]]) -> Iterator[_RawRow]:
    """The rows with their keys as a column, unless they are only counted from 0 on."""
    counted = None
    for key, row in rows:
        counted = key in (None, "0") if counted is None else counted
        values, problem = check_object(row)
        yield values if counted else {KEY_COLUMN: key, **values}, problem


def _used(rows: Iterable[_RawRow], source: str, data: DataOptions) -> Iterator[_RawRow]:
    """The rows with nothing but the columns that are used."""
    wanted, seen, row, problem = data.wanted_names, SeenColumns(data), None, None
    for values, problem in rows:
        if seen.missing:
            seen.add(column_names(values))
        yield (row := {key: value for key, value in values.items() if key in wanted}), problem
    if row is None:
        raise CatalogueError(f"data.catalogue: '{source}' is empty; it needs an array of objects")
    if problem and not seen.names:
        raise CatalogueError(f"data.catalogue: no row of '{source}' can be read; the last one: {problem}")
    seen.check(source)
