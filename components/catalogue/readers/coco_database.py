"""The parts of a COCO document, in a temporary database on disk that joins them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.bounds import scratch_error
from diptych.components.catalogue.readers.json_text import JsonText
from diptych.components.catalogue.readers.jsonlines import check_object
from diptych.components.catalogue.readers.rows import CatalogueError, catalogue_errors, too_large
from diptych.components.catalogue.readers.text_files import open_text

_OWN_FIELDS = {"id", "image_id", "category_id", "segments_info", "file_name", "caption", "name"}

_PAGE_BYTES, _MIN_PAGES = 4096, 16
# What SQLite says when its file has as many pages as it may have, or the disk is full.
_FULL = "disk is full"
_NEARLY_FULL = 16 << 20
# Of a document that is not COCO's, so many keys are named at most.
_KEYS_KEPT = 20
_BYTES_OF_A_CHARACTER, _ROW_CHARACTERS = 10, 30

_TABLES = """
CREATE TABLE images (key TEXT PRIMARY KEY, fields TEXT);
CREATE TABLE annotations (image TEXT, categories TEXT, fields TEXT);
CREATE TABLE categories (key TEXT PRIMARY KEY, fields TEXT);
CREATE TABLE others (fields TEXT, problem TEXT);
"""
_INDEX = "CREATE INDEX annotations_of_image ON annotations (image)"
_JOIN = """
SELECT images.rowid, images.fields, annotations.categories, annotations.fields FROM images
LEFT JOIN annotations ON annotations.image = images.key ORDER BY images.rowid, annotations.rowid
"""
_LOST = """
SELECT fields FROM annotations WHERE image IS NULL OR image NOT IN (SELECT key FROM images) ORDER BY rowid
"""

#: The fields of an image, an annotation or a category, without those that are null.
Fields: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Annotation:
    """An annotation of an image.

    Attributes:
        categories: the keys of its category, or of those of its segments.
    """

    fields: Fields
    categories: tuple[str, ...]


class CocoDatabase:
    """Images, annotations and categories of one document, with COCO's own fields and those that the settings name."""

    def __init__(self, source: str, data: DataOptions) -> None:
        """Reads the document.

        Raises:
            CatalogueError: it cannot be read, is too large, or is not COCO's.
        """
        # The empty name opens a private database, which goes to disk when it is large and ends with its connection.
        self._database = sqlite3.connect("")
        self._database.executescript(_TABLES)
        self._source, self._data = source, data
        # Half of the space is left for the spool of the rows.
        pages = max(_MIN_PAGES, int(data.limits.scratch_gb * 1e9 / 2) // _PAGE_BYTES)
        self._database.execute(f"PRAGMA max_page_count = {pages}")
        insert = {"images": self._insert_image, "annotations": self._insert_annotation}
        wanted, found = _OWN_FIELDS | set(data.used_columns), set[str]()
        with catalogue_errors(source), self._errors(), open_text(source, data) as text:
            for key, item in JsonText(text, source, data).members():
                if len(found) < _KEYS_KEPT or key in insert:
                    found.add(key)
                values, problem = check_object(item)
                fields = {name: value for name, value in values.items() if name in wanted and value is not None}
                if key in insert:
                    insert[key](fields, problem)
                elif key == "categories":
                    self._insert("OR IGNORE INTO categories", _key(fields.get("id")), _dump(fields))
        if not found & {"images", "annotations"}:
            raise CatalogueError(
                f"data.catalogue: '{source}' has no images and no annotations, which COCO's files have; it has "
                f"{', '.join(sorted(found)) or 'nothing'}"
            )
        with catalogue_errors(source), self._errors():
            self._database.execute(_INDEX)

    def close(self) -> None:
        """Deletes the database."""
        self._database.close()

    def images(self) -> Iterator[tuple[Fields, list[Annotation]]]:
        """Each image with its annotations, in the order of the document.

        Raises:
            CatalogueError: an image has too many annotations.
        """
        for _, joined in groupby(self._database.execute(_JOIN), lambda row: row[0]):
            rows = list(self._bounded(joined, "the annotations of one image"))
            annotations = [Annotation(json.loads(row[3]), tuple(json.loads(row[2]))) for row in rows if row[3]]
            yield json.loads(rows[0][1]), annotations

    def first_values(self, field: str, count: int = 20) -> list[Any]:
        """The values of a field of the first images that have it."""
        images = (
            json.loads(fields) for (fields,) in self._database.execute("SELECT fields FROM images LIMIT ?", [count])
        )
        return [image[field] for image in images if field in image]

    def lost_annotations(self) -> Iterator[Fields]:
        """The annotations of images that are not in the document."""
        return (json.loads(fields) for (fields,) in self._database.execute(_LOST))

    def malformed(self) -> Iterator[tuple[Fields, str]]:
        """The images and annotations that cannot be joined, each with the reason."""
        for fields, problem in self._database.execute("SELECT * FROM others ORDER BY rowid"):
            yield json.loads(fields), problem

    def categories(self) -> dict[str, Fields]:
        """The fields of each category by its key, without its id.

        Raises:
            CatalogueError: there are too many.
        """
        rows = self._database.execute("SELECT * FROM categories WHERE key IS NOT NULL")
        found = self._bounded(rows, "its categories")
        named = {key: json.loads(fields) for key, fields in found}
        return {key: {name: fields[name] for name in fields if name != "id"} for key, fields in named.items()}

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if _FULL not in str(error):
                raise
            if shutil.disk_usage(tempfile.gettempdir()).free < _NEARLY_FULL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
            raise scratch_error(self._source, self._data) from None

    def _bounded(self, rows: Iterable[tuple[Any, ...]], what: str) -> Iterator[tuple[Any, ...]]:
        """The rows, as long as they fit in memory as values."""
        size, limit = 0, self._data.limits.memory_bytes // _BYTES_OF_A_CHARACTER
        for row in rows:
            # A value has some characters; a row is some values itself.
            size += sum(_ROW_CHARACTERS + len(text) for text in row if isinstance(text, str))
            if size > limit:
                raise too_large(self._source, f"{what} have more than {limit / 1e6:g} MB", self._data)
            yield row

    def _insert_image(self, fields: Fields, problem: str | None) -> None:
        key = _key(fields.get("id"))
        if key is None or problem:
            self._insert("INTO others", _dump(fields), problem or "an image without an id")
        elif not self._insert("OR IGNORE INTO images", key, _dump(fields)):
            self._insert("INTO others", _dump(fields), f"another image has the id {key}")

    def _insert_annotation(self, fields: Fields, problem: str | None) -> None:
        if problem:
            self._insert("INTO others", _dump(fields), problem)
            return
        segments = fields.pop("segments_info", None)
        parts = [fields, *(part for part in (segments if isinstance(segments, list) else []) if isinstance(part, dict))]
        keys = [key for part in parts if (key := _key(part.get("category_id"))) is not None]
        self._database.execute(
            "INSERT INTO annotations VALUES (?, ?, ?)", [_key(fields.get("image_id")), json.dumps(keys), _dump(fields)]
        )

    def _insert(self, where: str, *values: str | None) -> int:
        """Inserts a row of two values; returns the number of rows that were inserted."""
        return self._database.execute(f"INSERT {where} VALUES (?, ?)", values).rowcount


def _key(value: Any) -> str | None:
    # Some files have an id once as a number and once as a text. JSON's escapes are good UTF-8, which SQLite needs.
    return None if value is None else json.dumps(str(value))


def _dump(fields: Fields) -> str:
    try:
        return json.dumps(fields)
    except RecursionError:
        return json.dumps({name: value for name, value in fields.items() if not isinstance(value, (dict, list))})
