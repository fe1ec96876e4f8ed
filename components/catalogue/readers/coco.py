"""COCO: images, annotations and categories in one JSON document, joined by their ids.

The format is that of https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.coco_database import Annotation, CocoDatabase, Fields
from diptych.components.catalogue.readers.coco_images import find_images_folder
from diptych.components.catalogue.readers.rows import Chunk, RawValues, Row, SeenColumns, catalogue_errors
from diptych.components.catalogue.readers.spool import cut_spool, read_spool, write_spool
from diptych.components.catalogue.samples import SAMPLED_ROWS, spread
from diptych.components.catalogue.templates import template_columns

_FILE, _CAPTION, _NAME = "file_name", "caption", "name"


class CocoReader:
    """Reads one row for each image, whose labels are the names of all its annotations' categories, each once.

    An image with several captions makes a row of each. So boxes, masks and keypoints never make a row of their own; an
    image without annotations is a row without a label.

    A row has the fields of its image, annotation and category; where they have the same name, the annotation's wins,
    then the image's. Where no field has the name that the settings give to a column, COCO's own field is taken: the
    image's ``file_name``, the ``caption``, and the category's ``name``. A row is identified by its image, and if it has
    a caption by the ``id`` of that annotation. The join is made in a temporary database on disk, and its rows are
    spooled.

    Where the images lie in a folder that COCO's tools use, as ``train2017`` for ``instances_train2017.json``, it is
    found, see ``coco_images``.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; a row has a ``description`` only if it has a caption."""
        columns = data.columns.image, data.columns.description, data.columns.label
        with closing(CocoDatabase(source, data)) as database:
            rows = (values for values, problem in _rows(database, source, data) if not problem)
            for values in spread(rows, SAMPLED_ROWS):
                yield {column: values[column] for column in columns if column in values}

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``; a column is missing if no row has it."""
        with closing(CocoDatabase(source, data)) as database:
            write_spool(spool, source, data, _checked(_rows(database, source, data), source, data))
        return cut_spool(source, source_index, data, spool)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        columns = data.columns.model_copy(update={"id": data.columns.id or "id"})
        return read_spool(chunk, data.model_copy(update={"columns": columns}))


def _checked(
    rows: Iterable[tuple[Fields, str | None]], source: str, data: DataOptions
) -> Iterator[tuple[Fields, str | None]]:
    used, seen = set(data.used_columns), SeenColumns(data)
    for values, problem in rows:
        seen.add(values.keys())
        yield {name: value for name, value in values.items() if name in used | {"id"}}, problem
    seen.check(source)


def _rows(database: CocoDatabase, source: str, data: DataOptions) -> Iterator[tuple[Fields, str | None]]:
    """The values of each row by column, and why it is malformed, or None if it is not."""
    categories, folder = database.categories(), None
    for image, of_image in database.images():
        if folder is None and _FILE in image:
            with catalogue_errors(source):
                folder = find_images_folder(database.first_values(_FILE), source, data)
        if folder and isinstance(image.get(_FILE), str):
            image[_FILE] = folder + image[_FILE]
        for of_row, caption in _parted(of_image, data):
            yield _merge(of_row, caption, image, categories, data), _problem(of_row, categories)
    for fields in database.lost_annotations():
        yield _merge([Annotation(fields, ())], fields, {}, {}, data), f"there is no image {fields.get('image_id')}"
    for fields, problem in database.malformed():
        yield _merge([], {}, fields, {}, data), problem


def _parted(annotations: list[Annotation], data: DataOptions) -> Iterator[tuple[list[Annotation], Fields]]:
    """The annotations of each row of an image, with the fields of the one that has its caption.

    Annotations without a caption belong to each row.
    """
    name = data.columns.description
    columns = [*template_columns(name), name, _CAPTION] if name else []
    by_caption: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        texts = [annotation.fields.get(column) or "" for column in columns]
        by_caption.setdefault(repr(texts) if any(texts) else "", []).append(annotation)
    shared = by_caption.pop("", [])
    for same in by_caption.values():
        yield same + shared, same[0].fields
    if not by_caption:
        # An empty caption is one, too.
        empty = (each.fields for each in shared if any(column in each.fields for column in columns))
        yield shared, next(empty, {})


def _problem(annotations: Iterable[Annotation], categories: Mapping[str, Fields]) -> str | None:
    lost = [key for annotation in annotations for key in annotation.categories if key not in categories]
    return f"there is no category {lost[0]}" if lost else None


def _merge(
    annotations: list[Annotation], caption: Fields, image: Fields, categories: Mapping[str, Fields], data: DataOptions
) -> Fields:
    columns = data.columns
    known = [categories[key] for annotation in annotations for key in annotation.categories if key in categories]
    fields = caption or (annotations[0].fields if annotations else {})
    own = {columns.image: image.get(_FILE)}
    if columns.description:
        own[columns.description] = caption.get(_CAPTION, image.get(_CAPTION))
    # An annotation's own file is that of its mask; a row is identified by the annotation of its caption.
    merged = {
        **{name: value for name, value in own.items() if value is not None},
        **(known[0] if known else {}),
        **{name: value for name, value in image.items() if name != "id"},
        **{name: value for name, value in fields.items() if name != _FILE},
        "id": caption.get("id"),
    }
    if isinstance(columns.label, str):
        labels = _labels(annotations, image, categories, columns.label)
        merged[columns.label] = labels if len(labels) != 1 or data.has_several_labels else labels[0]
        if not labels:
            del merged[columns.label]
    return merged


def _labels(annotations: list[Annotation], image: Fields, categories: Mapping[str, Fields], column: str) -> list[Any]:
    """The labels of a row, each once."""
    found: list[Any] = [image[column]] if column in image else []
    for annotation in annotations:
        if column in annotation.fields:
            found.append(annotation.fields[column])
        elif column not in image:
            known = (categories[key] for key in annotation.categories if key in categories)
            found += [category.get(column, category.get(_NAME)) for category in known]
    flat = [item for value in found for item in (value if isinstance(value, list) else [value]) if item is not None]
    return [item for place, item in enumerate(flat) if item not in flat[:place]]
