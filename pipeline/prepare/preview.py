"""Previews a catalogue: its first rows, the columns that are inferred of them, and the sizes of its first images."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, BinaryIO

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.gzip_files import has_gzip_name
from diptych.components.catalogue.readers.kinds import TEXT_KINDS
from diptych.components.catalogue.readers.rows import catalogue_errors
from diptych.components.catalogue.storage import is_remote, open_file, resolve_below
from diptych.models.errors import DiptychError
from diptych.pipeline.prepare.infer_columns import InferredColumns, infer_columns
from diptych.pipeline.prepare.text_encoding import detect_encoding
from diptych.pipeline.prepare.yaml_text import format_scalar

_MAX_ROWS, _MAX_IMAGES = 300, 50
_HEAD_BYTES = 1 << 24
_DEFAULT_SIDE = 64
_SIDE_STEP, _MIN_SIDE, _MAX_SIDE = 32, 32, 224


class PreviewError(DiptychError):
    """No column of the catalogue holds images; the message names its columns."""


@dataclass(frozen=True)
class CataloguePreview:
    """What the first rows and images of a catalogue show.

    Attributes:
        catalogue: the opened catalogue; its options have its encoding, and the folder of its images if that was found
            elsewhere.
        rows: the first rows, each from column to value.
        inferred: the most likely column for each role.
        image_sizes: width and height in pixels of those of the first images that could be opened.
        images_tried: the number of images that were tried to open.
    """

    catalogue: Catalogue
    rows: Sequence[Mapping[str, Any]]
    inferred: InferredColumns
    image_sizes: Sequence[tuple[int, int]]
    images_tried: int

    @property
    def median_size(self) -> tuple[float, float]:
        """Median width and median height of the images, in pixels."""
        widths, heights = zip(*self.image_sizes, strict=True)
        return median(widths), median(heights)

    @property
    def stored_size(self) -> tuple[int, int]:
        """Height and width to store images at: the median, rounded down to a multiple of 32, within 32 and 224."""
        if not self.image_sizes:
            return _DEFAULT_SIDE, _DEFAULT_SIDE
        width, height = self.median_size
        return _round_down(height), _round_down(width)


def preview_catalogue(catalogue: str) -> CataloguePreview:
    """Reads the first rows of a catalogue, infers its columns and opens its first images.

    Args:
        catalogue: as ``data.catalogue``; a relative path is relative to the working directory.

    Raises:
        PreviewError: no column holds images.
        CatalogueError, SpanError: there is no catalogue, or it cannot be read.
    """
    opened = Catalogue.open(DataOptions(catalogue=catalogue))
    source = opened.sources[0]
    if opened.kind in TEXT_KINDS and not source.endswith(".parquet"):
        opened = opened.with_options(encoding=_detect_catalogue_encoding(opened))
    rows = opened.sample(_MAX_ROWS)
    inferred = infer_columns(rows)
    image_column = inferred.columns.get("image")
    if image_column is None:
        raise PreviewError(_no_image_message(source, rows))
    images = [row[image_column] for row in rows if row.get(image_column)][:_MAX_IMAGES]
    opened = _find_images_root(images, opened)
    sizes = [size for image in images if (size := _image_size(image, opened))]
    return CataloguePreview(opened, rows, inferred, sizes, len(images))


def _find_images_root(images: Sequence[Any], catalogue: Catalogue) -> Catalogue:
    """Sets ``data.images_root`` to a folder beside the catalogue if the images are there."""
    root = catalogue.images_root(catalogue.sources[0])
    if is_remote(root) or not os.path.isdir(root) or any(_image_size(image, catalogue) for image in images):
        return catalogue
    folders = sorted(entry.path for entry in os.scandir(root) if entry.is_dir())
    for folder in folders:
        candidate = catalogue.with_options(images_root=os.path.abspath(folder))
        if any(_image_size(image, candidate) for image in images):
            return candidate
    return catalogue


def _detect_catalogue_encoding(catalogue: Catalogue) -> str:
    """The encoding of a text catalogue, by the first bytes of its first file.

    Raises:
        CatalogueError: the file cannot be read.
    """
    source = catalogue.sources[0]
    with catalogue_errors(source), open_file(source, catalogue.data.fetch) as file:
        plain = gzip.GzipFile(fileobj=file) if has_gzip_name(source) else file
        return detect_encoding(plain.read(_HEAD_BYTES))


def _no_image_message(source: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return f"'{source}' has no row that can be read"
    if len(names) == 1 and ";" in names[0]:
        return f"'{source}' separates its columns by ';': make a Parquet catalogue of it with diptych convert"
    columns = ", ".join(map(format_scalar, names))
    return f"no column of '{source}' holds paths or bytes of images; its columns are {columns}"


def _round_down(side: float) -> int:
    return min(_MAX_SIDE, max(_MIN_SIDE, int(side) // _SIDE_STEP * _SIDE_STEP))


def _image_size(image: Any, catalogue: Catalogue) -> tuple[int, int] | None:
    """Width and height that an image's header declares, in pixels; None if there is no such image.

    Args:
        image: as a row of the catalogue's first file has it: a path, bytes, or ``{"bytes": ..., "path": ...}``.
    """
    from PIL import Image

    if isinstance(image, Mapping):
        image = image.get("bytes") or image.get("path")
    try:
        with _open_image(image, catalogue) as file, Image.open(file) as opened:
            return opened.size
    except Exception:  # Pillow and stores raise errors of any class; a run says what is wrong with each image
        return None


def _open_image(image: Any, catalogue: Catalogue) -> BinaryIO:
    if isinstance(image, bytes):
        return io.BytesIO(image)
    root = catalogue.images_root(catalogue.sources[0])
    return open_file(resolve_below(root, image), catalogue.data.fetch)
