"""COCO captions: images, annotations and categories in one JSON document, joined by their ids.

The format is that of https://cocodataset.org/#format-data.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.json_text import JsonText
from diptych.components.catalogue.readers.jsonlines import check_object
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    RawValues,
    Row,
    check_columns,
    sample_by_reading,
)
from diptych.components.catalogue.readers.spool import cut_spool, read_spool, write_spool
from diptych.components.catalogue.readers.text_files import open_text

_OWN_FIELDS = {"id", "image_id", "category_id", "file_name", "caption", "name"}
_Values = dict[str, Any]

_TABLES = """
CREATE TABLE images (key TEXT PRIMARY KEY, fields TEXT);
CREATE TABLE annotations (image TEXT, category TEXT, fields TEXT);
CREATE TABLE categories (key TEXT PRIMARY KEY, fields TEXT);
CREATE TABLE others (fields TEXT, problem TEXT);
"""
_ANNOTATIONS = """
SELECT annotations.fields, images.fields, categories.fields FROM annotations
LEFT JOIN images ON images.key = annotations.image LEFT JOIN categories ON categories.key = annotations.category
ORDER BY annotations.rowid
"""
_BARE_IMAGES = """
SELECT fields FROM images WHERE key NOT IN (SELECT image FROM annotations WHERE image IS NOT NULL) ORDER BY rowid
"""


class CocoReader:
    """Reads one row per annotation, then one for every image that has no annotation.

    A row has the fields of its annotation, image and category; where they have the same name, the first of them wins.
    Where no field has the name that the settings give to a column, COCO's own field is taken: the image's
    ``file_name``, the ``caption``, the category's ``name`` and the annotation's ``id``. The join is made in a temporary
    database on disk, and its rows are spooled.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``."""
        return sample_by_reading(self, source, data)

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``; a column is missing if no row has it."""
        # The empty name opens a private database, which goes to disk when it is large and ends with its connection.
        with closing(sqlite3.connect("")) as database:
            database.executescript(_TABLES)
            _load(database, source, data)
            write_spool(spool, _rows(database, source, data))
        return cut_spool(source, source_index, data, spool)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        columns = data.columns.model_copy(update={"id": data.columns.id or "id"})
        return read_spool(chunk, data.model_copy(update={"columns": columns}))


def _load(database: sqlite3.Connection, source: str, data: DataOptions) -> None:
    wanted, found = _OWN_FIELDS | set(data.used_columns.values()), set()
    insert = {"images": _insert_image, "annotations": _insert_annotation, "categories": _insert_category}
    with open_text(source, data) as text:
        for key, item in JsonText(text, source).members():
            found.add(key)
            if key in insert:
                values, problem = check_object(item)
                fields = {name: value for name, value in values.items() if name in wanted and value is not None}
                insert[key](database, fields, problem)
    if not found & {"images", "annotations"}:
        raise CatalogueError(
            f"data.catalogue: '{source}' has no images and no annotations, which COCO's files have; it has "
            f"{', '.join(sorted(found)) or 'nothing'}"
        )


def _insert_image(database: sqlite3.Connection, fields: _Values, problem: str | None) -> None:
    key = _key(fields.get("id"))
    values = (key, _dump(fields))
    if key is None or problem:
        _insert_other(database, fields, problem or "an image without an id")
    elif not database.execute("INSERT OR IGNORE INTO images VALUES (?, ?)", values).rowcount:
        _insert_other(database, fields, f"another image has the id {key}")


def _insert_annotation(database: sqlite3.Connection, fields: _Values, problem: str | None) -> None:
    if problem:
        _insert_other(database, fields, problem)
    else:
        values = (_key(fields.get("image_id")), _key(fields.get("category_id")), _dump(fields))
        database.execute("INSERT INTO annotations VALUES (?, ?, ?)", values)


def _insert_category(database: sqlite3.Connection, fields: _Values, _: str | None) -> None:
    database.execute("INSERT OR IGNORE INTO categories VALUES (?, ?)", (_key(fields.get("id")), _dump(fields)))


def _insert_other(database: sqlite3.Connection, fields: _Values, problem: str) -> None:
    database.execute("INSERT INTO others VALUES (?, ?)", (_dump(fields), problem))


def _key(value: Any) -> str | None:
    # Some files have an id once as a number and once as a text. JSON's escapes are good UTF-8, which SQLite needs.
    return None if value is None else json.dumps(str(value))


def _dump(fields: _Values) -> str:
    try:
        return json.dumps(fields)
    except RecursionError:
        return json.dumps({name: value for name, value in fields.items() if not isinstance(value, (dict, list))})


def _rows(database: sqlite3.Connection, source: str, data: DataOptions) -> Iterator[tuple[_Values, str | None]]:
    used, seen = set(data.used_columns.values()), set[str]()
    for values, problem in _join(database, data):
        seen.update(values)
        yield {name: value for name, value in values.items() if name in used | {"id"}}, problem
    if not used <= seen:
        check_columns(sorted(seen), data, source)


def _join(database: sqlite3.Connection, data: DataOptions) -> Iterator[tuple[_Values, str | None]]:
    for row in database.execute(_ANNOTATIONS):
        annotation, image, category = (json.loads(fields or "{}") for fields in row)
        problem = None if image else f"there is no image {annotation.get('image_id')}"
        yield _merge(annotation, image, category, data), problem
    for (fields,) in database.execute(_BARE_IMAGES):
        yield _merge({}, json.loads(fields), {}, data), None
    for fields, problem in database.execute("SELECT * FROM others ORDER BY rowid"):
        yield _merge({}, json.loads(fields), {}, data), problem


def _merge(annotation: _Values, image: _Values, category: _Values, data: DataOptions) -> _Values:
    captions = [part["caption"] for part in (annotation, image) if "caption" in part]
    own = {
        data.columns.image: image.get("file_name"),
        data.columns.description: captions[0] if captions else None,
        data.columns.label: category.get("name"),
    }
    # A row is identified by its annotation, not by its image.
    image = {name: value for name, value in image.items() if name != "id"}
    found = {name: value for name, value in own.items() if value is not None}
    return {**found, **category, **image, **annotation, "id": annotation.get("id")}
