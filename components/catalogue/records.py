"""One row of the catalogue becomes one record, or one reject with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diptych.components.catalogue.image_files import decode_image, encode_pixels, measure_image
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.row_files import read_row_file
from diptych.components.catalogue.readers.rows import Row, SourceFile
from diptych.components.catalogue.reasons import Reject, RowError
from diptych.models import features
from diptych.models.images.options import ImageOptions


@dataclass(frozen=True)
class RecordOptions:
    """The options by which rows become records."""

    data: DataOptions
    image: ImageOptions


@dataclass(frozen=True)
class Record:
    """A row that becomes an example.

    Attributes:
        row: number of the row in its source, from 1.
        image: the path or name of the image, as the row gives it.
        split: the split that the catalogue declares, or None.
        values: the stored features by name; see ``diptych.models.features``.
    """

    row: int
    image: str
    split: str | None
    values: dict[str, Any]

    @property
    def id(self) -> str:
        """The row's id."""
        return str(self.values[features.ID])


# Names that other tools give to the splits.
_SPLIT_NAMES = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}


def build_record(row: Row, source: SourceFile, options: RecordOptions) -> Record | Reject:
    """Reads and decodes the row's image; returns the record, or a reject if there can be none."""
    try:
        _check_row(row, options.data)
        content = row.content
        if content is None:
            content = read_row_file(source.images_root, row.image, options.data)
        return _record(row, content, options)
    except RowError as error:
        return make_reject(row, source, error.reason, error.detail)


def make_reject(row: Row, source: SourceFile, reason: str, detail: str) -> Reject:
    """The reject of a row."""
    return Reject(source.name, row.number, row.id, row.image, reason, detail)


def _check_row(row: Row, data: DataOptions) -> None:
    if row.problem:
        raise RowError(*row.problem)
    if row.content is None and not row.image.strip():
        raise RowError("missing_image", f"'{data.columns.image}' is empty")
    if not row.description.strip():
        raise RowError("missing_description", f"'{data.columns.description}' is empty")
    if (length := len(row.description)) > data.limits.text_characters:
        raise RowError("description_too_long", f"{length:,} characters, {data.limits.text_characters:,} are allowed")
    if not row.labels:
        raise RowError("missing_label", f"'{data.columns.label}' is empty")
    if data.labels is not None and (unknown := [label for label in row.labels if label not in data.labels]):
        unknown_labels = ", ".join(f"'{label}'" for label in unknown)
        raise RowError("unknown_label", f"{unknown_labels} {'is' if len(unknown) == 1 else 'are'} not in data.labels")
    if data.columns.split and _split(row) not in features.SPLITS:
        raise RowError("unknown_split", f"'{row.split or ''}' is none of {', '.join(features.SPLITS)}")


def _split(row: Row) -> str | None:
    name = row.split.lower() if row.split else None
    return _SPLIT_NAMES.get(name, name) if name else None


def _record(row: Row, content: bytes, options: RecordOptions) -> Record:
    limits = options.data.limits
    if len(content) > limits.file_bytes:
        raise RowError("too_large", f"more than {limits.file_mb:g} MB")
    image = decode_image(content, options.image, limits)
    values = {
        # An image inside the catalogue may have no name.
        features.ID: row.id or image.sha256[:16],
        features.IMAGE: encode_pixels(image.pixels, options.image),
        features.DESCRIPTION: row.description,
        features.LABEL: row.labels,
        features.GROUP: row.group,
        features.ENCODING: options.image.encoding,
        features.SHA256: image.sha256,
        features.WIDTH: image.width,
        features.HEIGHT: image.height,
        features.FORMAT: image.format,
        features.FILE_BYTES: len(content),
        **measure_image(image),
    }
    return Record(row.number, row.image, _split(row), values)
