"""``diptych init``: writes settings for a catalogue after a look at its first rows; further choices are in comments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import yaml

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.kinds import TEXT_KINDS
from diptych.components.catalogue.storage import is_remote
from diptych.models.atomic_files import write_text
from diptych.models.errors import DiptychError
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES, InferredColumns, infer_columns
from diptych.pipeline.prepare.preview import detect_catalogue_encoding, image_size

# Rows and images that are looked at.
_PREVIEWED_ROWS, _PREVIEWED_IMAGES = 300, 50
_SIDE_STEP, _MIN_SIDE, _MAX_SIDE = 32, 32, 224
# Names of files that say nothing about their content, where the name of the folder may.
_GENERIC_NAMES = {"catalogue", "catalog", "metadata", "data", "dataset", "labels", "train", "rows", "annotations"}
_MAX_NAME_LENGTH = 63
_ROLE_COMMENTS = {
    "image": "the image's path or bytes",
    "description": "the text that describes the image",
    "label": "the class to learn",
    "id": "what identifies a row; without it, the image's path does",
    "split": "train, val or test; without it, Diptych splits",
    "split_by": "rows that are equal here stay in one split; without it, equal pixels do",
}


class InitError(DiptychError):
    """No settings can be written; the message says why and what to do."""


@dataclass(frozen=True)
class CataloguePreview:
    """What the first rows and images of a catalogue show.

    Attributes:
        catalogue: with the encoding, and the folder of the images if that is another one, in its options.
        rows: the first rows, each from column to value.
        inferred: the most likely column for each role.
        image_sizes: width and height in pixels of those of the first images that could be opened.
        images_tried: how many images were to be opened.
    """

    catalogue: Catalogue
    rows: Sequence[Mapping[str, Any]]
    inferred: InferredColumns
    image_sizes: Sequence[tuple[int, int]]
    images_tried: int

    @property
    def stored_size(self) -> tuple[int, int]:
        """Height and width to store images at: the median, rounded down to a multiple of 32, within 32 and 224."""
        if not self.image_sizes:
            return 64, 64
        width, height = _median_size(self.image_sizes)
        return _round_down(height), _round_down(width)


def preview_catalogue(catalogue: str) -> CataloguePreview:
    """Reads the first rows of a catalogue, infers its columns and opens its first images.

    Args:
        catalogue: as ``data.catalogue``; a relative path is relative to the working directory.

    Raises:
        InitError: no column holds images.
        CatalogueError, SpanError: there is no catalogue, or it cannot be read.
    """
    opened = Catalogue.open(DataOptions(catalogue=catalogue))
    source = opened.sources[0]
    if opened.kind in TEXT_KINDS and not source.endswith(".parquet"):
        opened = opened.with_options(encoding=detect_catalogue_encoding(opened))
    rows = opened.sample(_PREVIEWED_ROWS)
    inferred = infer_columns(rows)
    image_column = inferred.columns.get("image")
    if image_column is None:
        raise InitError(_no_image_message(source, rows))
    images = [row[image_column] for row in rows if row.get(image_column)][:_PREVIEWED_IMAGES]
    opened = _find_images_root(images, opened)
    sizes = [size for image in images if (size := image_size(image, opened))]
    return CataloguePreview(opened, rows, inferred, sizes, len(images))


def write_settings(preview: CataloguePreview, catalogue: str, path: str) -> None:
    """Writes the settings file; an existing one is replaced.

    Args:
        catalogue: as given to ``preview_catalogue``.

    Raises:
        OSError: the file cannot be written.
    """
    write_text(path, "\n".join(_settings_lines(preview, catalogue, path)) + "\n")


def describe_preview(preview: CataloguePreview) -> Iterator[str]:
    """A few lines about the preview, for a person."""
    looked_at = f"{len(preview.rows)} rows and {preview.images_tried} images"
    yield f"{preview.catalogue.kind}, {preview.catalogue.data.encoding}; {looked_at} looked at"
    for role, column in preview.inferred.columns.items():
        yield f"{role:<12} {_scalar(column)}{_detail(role, column, preview)}"
    if preview.image_sizes:
        height, width = preview.stored_size
        yield f"{'size':<12} {width} x {height}"
    else:
        yield "No image could be opened: see data.images_root"
    if missing := preview.inferred.missing:
        yield f"Not found: {', '.join(missing)}; name them in data.columns"


def _find_images_root(images: Sequence[Any], catalogue: Catalogue) -> Catalogue:
    """Sets ``data.images_root`` to a folder beside the catalogue if the images are there."""
    root = catalogue.images_root(catalogue.sources[0])
    if is_remote(root) or not os.path.isdir(root) or any(image_size(image, catalogue) for image in images):
        return catalogue
    folders = sorted(entry.path for entry in os.scandir(root) if entry.is_dir())
    for folder in folders:
        moved = catalogue.with_options(images_root=os.path.abspath(folder))
        if any(image_size(image, moved) for image in images):
            return moved
    return catalogue


def _median_size(sizes: Sequence[tuple[int, int]]) -> tuple[float, float]:
    widths, heights = zip(*sizes, strict=True)
    return median(widths), median(heights)


def _round_down(side: float) -> int:
    return min(_MAX_SIDE, max(_MIN_SIDE, int(side) // _SIDE_STEP * _SIDE_STEP))


def _no_image_message(source: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return f"'{source}' has no row that can be read"
    if len(names) == 1 and ";" in names[0]:
        return f"'{source}' separates its columns by ';': make a Parquet catalogue of it with diptych convert"
    return f"no column of '{source}' holds paths or bytes of images; its columns are {', '.join(map(_scalar, names))}"


def _settings_lines(preview: CataloguePreview, catalogue: str, path: str) -> Iterator[str]:
    folder = os.path.dirname(os.path.abspath(path))
    yield f"# Written by diptych init from the first {len(preview.rows)} rows. Look at each line, then:"
    yield "#"
    yield f"#   diptych check {_scalar(path)}"
    yield f"name: {_scalar(_name(catalogue))}"
    yield "data:"
    yield f"  catalogue: {_scalar(_relative(catalogue, folder))}"
    yield f"  # format: {preview.catalogue.kind}  # found by name and content; only to be said where that goes wrong"
    yield from _encoding(preview)
    yield from _images_root(preview, folder)
    yield "  columns:"
    for role in _ROLE_COMMENTS:
        if role != "split_by":
            yield "    " + _column(role, preview)
    yield "  " + _column("split_by", preview)
    height, width = preview.stored_size
    yield "image:  # " + (
        _sizes(preview) if preview.image_sizes else "no image could be opened; these are the defaults"
    )
    yield f"  height: {height}"
    yield f"  width: {width}"
    yield "  # aspect: pad  # or crop, where images of other proportions should not be stretched"


def _encoding(preview: CataloguePreview) -> Iterator[str]:
    encoding = preview.catalogue.data.encoding
    if encoding != "utf-8":
        yield f"  encoding: {encoding}  # a guess, by its bytes: see whether accents are shown as they are"
    elif preview.catalogue.kind in TEXT_KINDS:
        yield "  # encoding: utf-8"


def _images_root(preview: CataloguePreview, folder: str) -> Iterator[str]:
    root = preview.catalogue.data.images_root
    if root:
        yield f"  images_root: {_scalar(_relative(root, folder))}  # paths are relative to it"
    elif preview.images_tried and not preview.image_sizes:
        yield f"  # images_root: FOLDER  # of the first {preview.images_tried} images, none could be opened"


def _column(role: str, preview: CataloguePreview) -> str:
    column = preview.inferred.columns.get(role)
    if column is None:
        told = " no column looks like it;" if role in REQUIRED_ROLES else ""
        return f"# {role}: COLUMN  #{told} {_ROLE_COMMENTS[role]}"
    return f"{role}: {_scalar(column)}  # {_ROLE_COMMENTS[role].partition(';')[0]}{_detail(role, column, preview)}"


def _detail(role: str, column: str, preview: CataloguePreview) -> str:
    parts = []
    if role in ("label", "split", "split_by"):
        values = {str(row[column]) for row in preview.rows if row.get(column) is not None}
        parts.append(f"{len(values)} different in the first {len(preview.rows)} rows")
    if others := preview.inferred.alternatives.get(role):
        parts.append("or " + ", ".join(map(_scalar, others)))
    return "; " * bool(parts) + "; ".join(parts)


def _sizes(preview: CataloguePreview) -> str:
    width, height = _median_size(preview.image_sizes)
    return f"the first {len(preview.image_sizes)} images: {width:g} wide, {height:g} high, in the median"


def _name(catalogue: str) -> str:
    """The name of the pipeline: that of the catalogue, or of its folder if the catalogue's says nothing."""
    parts = [part for part in re.split(r"[/\\]", catalogue) if part and not re.search(r"[*?{]", part)]
    stems = [re.sub(r"\.[a-z]+(\.gz)?$", "", part.lower()) for part in reversed(parts)]
    absolute = [*stems, os.path.basename(os.path.dirname(os.path.abspath(catalogue))).lower()]
    slugs = [re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:_MAX_NAME_LENGTH] for stem in absolute]
    return next((slug for slug in slugs if slug and slug not in _GENERIC_NAMES), "diptych")


def _relative(path: str, folder: str) -> str:
    return path if is_remote(path) else os.path.relpath(path, folder)


def _scalar(value: str) -> str:
    """A text as a YAML scalar in one line."""
    style = '"' if re.search(r"[^\S ]", value) else None
    return (
        yaml.safe_dump(value, default_style=style, allow_unicode=True, width=float("inf")).removesuffix("...\n").strip()
    )
