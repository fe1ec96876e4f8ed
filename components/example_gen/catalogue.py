"""Reading catalogues: CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import posixpath
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from components.example_gen.options import DataOptions
from components.example_gen.storage import is_remote, open_file


class CatalogueError(ValueError):
    """The catalogue as a whole cannot be read; the message says where and what to do."""


@dataclass(frozen=True)
class Row:
    """One row of the catalogue.

    Attributes:
        number: 1 for the first row of data.
        problem: why the row's text could not be read; None for a well-formed row.
    """

    number: int
    id: str = ""
    image: str = ""
    description: str = ""
    label: str = ""
    group: str | None = None
    problem: str | None = None


def images_root(options: DataOptions) -> str:
    """The folder that the catalogue's image paths are relative to; itself, if relative, to the catalogue's folder."""
    path = posixpath if is_remote(options.catalogue) else os.path
    folder = path.dirname(options.catalogue) or "."
    if not options.images_root:
        return folder
    return options.images_root if is_remote(options.images_root) else path.join(folder, options.images_root)


def read_catalogue(options: DataOptions) -> Iterator[Row]:
    """Yields every row in order, malformed ones too, with their ``problem``.

    Raises:
        CatalogueError: no such file, an unknown ending, a missing or doubled column.
    """
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    ending = os.path.splitext(options.catalogue)[1].lower()
    if ending not in readers:
        raise CatalogueError(
            f"data.catalogue: '{options.catalogue}' ends with '{ending}'; readable are {', '.join(sorted(readers))}"
        )
    try:
        # Bytes that are no UTF-8 become surrogates, so that the one row that has them is rejected, not the file.
        with (
            open_file(options.catalogue) as binary,
            io.TextIOWrapper(binary, "utf-8-sig", errors="surrogateescape", newline="") as text,
        ):
            yield from readers[ending](text, options)
    except FileNotFoundError:
        raise CatalogueError(f"data.catalogue: there is no file '{options.catalogue}'") from None
    except OSError as error:
        raise CatalogueError(f"data.catalogue: '{options.catalogue}' cannot be read: {error.strerror}") from None


def _read_csv(text: io.TextIOWrapper, options: DataOptions) -> Iterator[Row]:
    csv.field_size_limit(sys.maxsize)
    # Python 3.10's reader refuses NUL; the replacement character keeps the row and shows in it.
    reader = csv.reader((line.replace("\0", "\ufffd") for line in text), strict=True)
    try:
        header = next(reader)
    except StopIteration:
        raise CatalogueError(
            f"data.catalogue: '{options.catalogue}' is empty; its first line must name the columns"
        ) from None
    except csv.Error as error:
        raise CatalogueError(f"data.catalogue: the first line of '{options.catalogue}' is not CSV: {error}") from None
    if doubled := sorted({name for name in header if header.count(name) > 1}):
        raise CatalogueError(f"data.catalogue: '{options.catalogue}' names the columns {doubled} twice")
    _check_columns(header, options)
    numbers = itertools.count(1)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise CatalogueError(
                    f"data.catalogue: '{options.catalogue}': a quote opened in line {line} or after is never closed"
                ) from None
            yield Row(next(numbers), problem=f"line {line} is not CSV: {error}")
            continue
        if not fields:
            continue
        if len(fields) != len(header):
            yield Row(next(numbers), problem=f"{len(fields)} fields where the header names {len(header)}")
        else:
            yield _row(next(numbers), dict(zip(header, fields, strict=True)), options)


def _read_jsonl(text: io.TextIOWrapper, options: DataOptions) -> Iterator[Row]:
    lines = ((number, line) for number, line in enumerate((line for line in text if line.strip()), start=1))
    parsed = ((number, *_parse_json(line)) for number, line in lines)
    first = next(parsed, None)
    if first is None:
        raise CatalogueError(f"data.catalogue: '{options.catalogue}' is empty; it needs one JSON object per line")
    seen: set[str] = set()
    for number, values, problem in itertools.chain([first], parsed):
        seen.update(values)
        yield Row(number, problem=problem) if problem else _row(number, values, options)
    _check_columns(seen, options)


def _parse_json(line: str) -> tuple[dict[str, Any], str | None]:
    try:
        # Python writes NaN for a missing value.
        values = json.loads(line, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        return {}, f"not JSON: {error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return {}, f"not readable JSON: {error}"
    if not isinstance(values, dict):
        return {}, f"a JSON {type(values).__name__} where an object is needed"
    return values, None


def _check_columns(header: Iterable[str], options: DataOptions) -> None:
    # Bytes that are no UTF-8 could not be printed.
    names = [name.encode(errors="replace").decode() for name in header]
    for setting, column in options.used_columns.items():
        if column not in names:
            near = get_close_matches(column, names, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise CatalogueError(
                f"{setting}: the catalogue '{options.catalogue}' has no column '{column}'; {hint}"
                f"its columns are {', '.join(names) or 'none'}"
            )


def _row(number: int, values: Mapping[str, Any], options: DataOptions) -> Row:
    """A row of checked text; a missing JSON key or null is an empty text."""
    columns = options.columns
    wanted = {
        "image": columns.image,
        "description": columns.description,
        "label": columns.label,
        "id": columns.id,
        "group": options.split_by,
    }
    texts: dict[str, str] = {}
    for key, column in wanted.items():
        value = values.get(column) if column else None
        if isinstance(value, (dict, list)):
            return Row(number, problem=f"column '{column}' holds a {type(value).__name__}; a text or number is needed")
        texts[key] = "" if value is None else str(value)
        if not _is_utf8(texts[key]):
            return Row(number, problem=f"column '{column}' is not valid UTF-8")
    return Row(
        number,
        id=texts["id"] or texts["image"],
        image=texts["image"],
        description=texts["description"],
        label=texts["label"].strip(),
        group=texts["group"].strip() or None,
    )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
