"""One row of the catalogue becomes one record, or one reject with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diptych.components.catalogue.image_files import ImageError, decode, encode, measure
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Row
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.storage import FetchError, OutsideRootError, TooLargeError, read_file, resolve_below
from diptych.models import features
from diptych.models.images.options import ImageOptions


@dataclass(frozen=True)
class Recipe:
    """How rows become records."""

    data: DataOptions
    image: ImageOptions


@dataclass(frozen=True)
class Source:
    """Where rows come from.

    Attributes:
        name: what a reject calls the catalogue's file.
        root: the folder that the rows' image paths are relative to.
    """

    name: str
    root: str


@dataclass(frozen=True)
class Record:
    """A row that becomes an example: its number, its image's path, its declared split and its features by name."""

    row: int
    image: str
    split: str | None
    values: dict[str, Any]

    @property
    def id(self) -> str:
        """The row's identity."""
        return str(self.values[features.ID])


class RejectError(ValueError):
    """A row becomes no record."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


# What other tools call the splits.
_SPLIT_NAMES = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}


def build_record(row: Row, source: Source, recipe: Recipe) -> Record | Reject:
    """Reads the row's image and returns the stored record, or why there is none. Raises nothing for a bad row."""
    try:
        _check_text(row, recipe.data)
        content = read_image(row, source, recipe.data) if row.content is None else row.content
        return _record(row, content, recipe)
    except (RejectError, ImageError) as error:
        return reject(row, source, error.reason, error.detail)


def reject(row: Row, source: Source, reason: str, detail: str) -> Reject:
    """The reject of a row."""
    return Reject(source.name, row.number, row.id, row.image, reason, detail)


def _check_text(row: Row, data: DataOptions) -> None:
    if row.problem:
        raise RejectError(*row.problem)
    if row.content is None and not row.image.strip():
        raise RejectError("missing_image", f"'{data.columns.image}' is empty")
    if not row.description.strip():
        raise RejectError("missing_description", f"'{data.columns.description}' is empty")
    if (length := len(row.description)) > data.limits.text_characters:
        raise RejectError("description_too_long", f"{length:,} characters, {data.limits.text_characters:,} are allowed")
    if not row.labels:
        raise RejectError("missing_label", f"'{data.columns.label}' is empty")
    if data.labels is not None and (unknown := [label for label in row.labels if label not in data.labels]):
        told = ", ".join(f"'{label}'" for label in unknown)
        raise RejectError("unknown_label", f"{told} {'is' if len(unknown) == 1 else 'are'} not in data.labels")
    if data.columns.split and _split(row) not in features.SPLITS:
        raise RejectError("unknown_split", f"'{row.split or ''}' is none of {', '.join(features.SPLITS)}")


def _split(row: Row) -> str | None:
    name = row.split.lower() if row.split else None
    return _SPLIT_NAMES.get(name, name) if name else None


def read_image(row: Row, source: Source, data: DataOptions) -> bytes:
    """The bytes of the image file that the row names.

    Raises:
        RejectError: there are none, or they may not be had.
    """
    try:
        return read_file(resolve_below(source.root, row.image), data.fetch, int(data.limits.file_mb * 1e6))
    except OutsideRootError as error:
        raise RejectError("outside_root", str(error)) from None
    except TooLargeError as error:
        raise RejectError("too_large", str(error)) from None
    except FetchError as error:
        raise RejectError("fetch_failed", str(error)) from None
    except (FileNotFoundError, NotADirectoryError):
        raise RejectError("missing_file", f"there is no file '{row.image}'") from None
    except (OSError, ValueError) as error:
        raise RejectError("unreadable_file", f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _record(row: Row, content: bytes, recipe: Recipe) -> Record:
    limit = recipe.data.limits.file_mb
    if len(content) > limit * 1e6:
        raise RejectError("too_large", f"more than {limit:g} MB")
    picture = decode(content, recipe.image, recipe.data.limits)
    values = {
        # An image inside the catalogue may bear no name.
        features.ID: row.id or picture.sha256[:16],
        features.IMAGE: encode(picture.pixels, recipe.image),
        features.DESCRIPTION: row.description,
        features.LABEL: row.labels,
        features.GROUP: row.group,
        features.ENCODING: recipe.image.encoding,
        features.SHA256: picture.sha256,
        features.WIDTH: picture.width,
        features.HEIGHT: picture.height,
        features.FORMAT: picture.format,
        features.FILE_BYTES: len(content),
        **measure(picture),
    }
    return Record(row.number, row.image, _split(row), values)
