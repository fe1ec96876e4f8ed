"""One row of the catalogue becomes one record, or one reject with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diptych.components.catalogue.image_files import decode_image, encode_pixels, reference_hash
from diptych.components.catalogue.image_measures import measure_health
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.row_files import read_image_file
from diptych.components.catalogue.readers.rows import Row, SourceFile
from diptych.components.catalogue.reasons import UNLABELLED, Reject, RowError
from diptych.components.catalogue.remote import is_web
from diptych.components.catalogue.split_names import split_of_value
from diptych.models import features
from diptych.models.credentials import mask_credentials
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
        image: the path or name of the image, as the row gives it, but without credentials.
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


def build_record(row: Row, source: SourceFile, options: RecordOptions) -> Record | Reject:
    """Reads and decodes the row's image; returns the record, or a reject if there can be none."""
    try:
        _check_row(row, options.data)
        content = row.content
        if content is None:
            content = read_image_file(source.images_root, row.image, options.data)
        return _record(row, content, source, options)
    except RowError as error:
        return make_reject(row, source, error.reason, error.detail)


def make_reject(row: Row, source: SourceFile, reason: str, detail: str) -> Reject:
    """The reject of a row."""
    row_id, image, detail = (without_credentials(text, source) for text in (row.id, row.image, detail))
    return Reject(source.name, row.number, row_id, image, reason, detail, _split(row))


def without_credentials(text: str, source: SourceFile) -> str:
    """A row's id, image path or what is wrong with it, as it is stored: the key of a signed URL goes no further.

    Of files that are not on a web server, a name like ``a.jpg?token=1`` is only a name.
    """
    return mask_credentials(text) if is_web(source.images_root) or "://" in text else text


def _check_row(row: Row, data: DataOptions) -> None:
    if row.problem:
        raise RowError(*row.problem)
    split = _split(row)
    if split is None and (data.columns.split or row.split):
        raise RowError("unknown_split", _unknown_split(row.split or ""))
    if not row.labels and split not in (None, features.TRAIN):
        raise RowError(UNLABELLED, f"no label in '{split}', which is not learned from")
    if row.content is None and not row.image.strip():
        raise RowError("missing_image", f"'{data.columns.image}' is empty")
    needs_text = data.columns.description and data.missing_descriptions == "reject"
    if needs_text and not row.description.strip():
        raise RowError("missing_description", f"'{data.columns.description}' is empty")
    if (length := len(row.description)) > data.limits.text_characters:
        raise RowError("description_too_long", f"{length:,} characters, {data.limits.text_characters:,} are allowed")
    if not row.labels:
        raise RowError("missing_label", _missing_label(data.columns.label))
    if data.labels is not None and (unknown := [label for label in row.labels if label not in data.labels]):
        unknown_labels = ", ".join(f"'{label}'" for label in unknown)
        raise RowError("unknown_label", f"{unknown_labels} {'is' if len(unknown) == 1 else 'are'} not in data.labels")


def _missing_label(columns: str | list[str]) -> str:
    return f"'{columns}' is empty" if isinstance(columns, str) else f"none of {', '.join(columns)} holds a one"


def _unknown_split(text: str) -> str:
    if text.replace(".", "", 1).isdecimal():
        return (
            f"'{text}' is a number, and numbers of splits or folds mean different things to different people: write "
            f"{', '.join(features.SPLITS)}, or name no data.columns.split"
        )
    return f"'{text}' is none of {', '.join(features.SPLITS)}"


def _split(row: Row) -> str | None:
    return split_of_value(row.split) if row.split else None


def _record(row: Row, content: bytes, source: SourceFile, options: RecordOptions) -> Record:
    limits = options.data.limits
    if len(content) > limits.file_bytes:
        raise RowError("too_large", f"more than {limits.file_mb:g} MB")
    image = decode_image(content, options.image, limits)
    # The splits depend on the hash only where near duplicates do.
    keeps_near = options.data.duplicates.near == "keep"
    values = {
        # An image inside the catalogue may have no name.
        features.ID: without_credentials(row.id, source) or image.sha256[:16],
        features.IMAGE: encode_pixels(image.pixels, options.image),
        features.DESCRIPTION: row.description if options.data.columns.description else None,
        features.LABEL: row.labels,
        features.GROUP: row.group,
        features.ENCODING: options.image.encoding,
        features.SHA256: image.sha256,
        features.WIDTH: image.width,
        features.HEIGHT: image.height,
        features.FORMAT: image.format,
        features.FILE_BYTES: len(content),
        features.PHASH: image.phash if keeps_near else reference_hash(image, content, limits),
        **measure_health(image.pixels),
    }
    return Record(row.number, without_credentials(row.image, source), _split(row), values)
