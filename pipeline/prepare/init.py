"""``diptych init``: looks at a catalogue and writes settings for it, with what else there is to choose as comments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import yaml

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.kinds import find_kind, images_root, list_sources
from diptych.components.catalogue.storage import is_remote
from diptych.models.errors import DiptychError
from diptych.pipeline.prepare.infer_columns import REQUIRED, Guess, guess_columns
from diptych.pipeline.prepare.preview import MOST_IMAGES, TEXT_KINDS, image_size, peek, peek_encoding

_SIDE_STEP, _LEAST_SIDE, _MOST_SIDE = 32, 32, 224
# Names of files that say nothing of what they hold; their folder's may.
_PLAIN_NAMES = {"catalogue", "catalog", "metadata", "data", "dataset", "labels", "train", "rows", "annotations"}
_MOST_NAME = 63
_WHAT = {
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
class Found:
    """What a look at the catalogue showed.

    Attributes:
        data: the settings to read it with, where they differ from the defaults.
        kind: of the catalogue.
        rows: the first ones, column to value.
        guess: what the columns seem to be.
        sizes: width and height of the first images that could be opened, in pixels.
        tried: how many of the first images were tried.
    """

    data: DataOptions
    kind: str
    rows: Sequence[Mapping[str, Any]]
    guess: Guess
    sizes: Sequence[tuple[int, int]]
    tried: int

    @property
    def side(self) -> tuple[int, int]:
        """Height and width to store images at: the median, down to a multiple of 32, from 32 to 224."""
        if not self.sizes:
            return 64, 64
        width, height = (median(sides) for sides in zip(*self.sizes, strict=True))
        return _rounded(height), _rounded(width)


def look(catalogue: str) -> Found:
    """Looks at the catalogue's kind, first rows and first images.

    Args:
        catalogue: as ``data.catalogue``; a relative path is relative to the working directory.

    Raises:
        InitError: no column holds images.
        CatalogueError, SpanError: there is no catalogue, or it cannot be read.
    """
    from diptych.components.catalogue.spans import resolve_span

    data = DataOptions(catalogue=resolve_span(catalogue).catalogue)
    kind = find_kind(data)
    source = list_sources(data)[0]
    if kind in TEXT_KINDS and not source.endswith(".parquet"):
        data = data.model_copy(update={"encoding": peek_encoding(source, data)})
    rows = peek(source, kind, data)
    guess = guess_columns(rows)
    if "image" not in guess.columns:
        raise InitError(_no_image(source, rows))
    images = [row[guess.columns["image"]] for row in rows if row.get(guess.columns["image"])][:MOST_IMAGES]
    data = _with_root(images, source, data)
    sizes = [size for image in images if (size := image_size(image, source, data))]
    return Found(data, kind, rows, guess, sizes, len(images))


def write_settings(found: Found, catalogue: str, path: str) -> None:
    """Writes ``diptych.yaml``, over what is there.

    Args:
        catalogue: as given to ``look``.
    """
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(_lines(found, catalogue, path)) + "\n")


def summary(found: Found) -> Iterator[str]:
    """What was found, in a few lines."""
    yield f"{found.kind}, {found.data.encoding}; {len(found.rows)} rows and {found.tried} images looked at"
    for part, column in found.guess.columns.items():
        yield f"{part:<12} {_scalar(column)}{_detail(part, column, found)}"
    if found.sizes:
        height, width = found.side
        yield f"{'size':<12} {width} x {height}"
    else:
        yield "No image could be opened: see data.images_root"
    if missing := found.guess.missing:
        yield f"Not found: {', '.join(missing)}; name them in data.columns"


def _with_root(images: Sequence[Any], source: str, data: DataOptions) -> DataOptions:
    """Looks for the images in the folders beside the catalogue, if they are not where paths are relative to."""
    root = images_root(source, data)
    if is_remote(root) or not os.path.isdir(root) or any(image_size(image, source, data) for image in images):
        return data
    folders = sorted(entry.path for entry in os.scandir(root) if entry.is_dir())
    for folder in folders:
        moved = data.model_copy(update={"images_root": os.path.abspath(folder)})
        if any(image_size(image, source, moved) for image in images):
            return moved
    return data


def _rounded(side: float) -> int:
    return min(_MOST_SIDE, max(_LEAST_SIDE, int(side) // _SIDE_STEP * _SIDE_STEP))


def _no_image(source: str, rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return f"'{source}' has no row that can be read"
    if len(names) == 1 and ";" in names[0]:
        return f"'{source}' separates its columns by ';': make a Parquet catalogue of it with diptych convert"
    return f"no column of '{source}' holds paths or bytes of images; its columns are {', '.join(map(_scalar, names))}"


def _lines(found: Found, catalogue: str, path: str) -> Iterator[str]:
    folder = os.path.dirname(os.path.abspath(path))
    yield f"# Written by diptych init from the first {len(found.rows)} rows. Look at each line, then:"
    yield "#"
    yield f"#   diptych check {_scalar(path)}"
    yield f"name: {_scalar(_name(catalogue))}"
    yield "data:"
    yield f"  catalogue: {_scalar(_relative(catalogue, folder))}"
    yield f"  # format: {found.kind}  # found by name and content; only to be said where that goes wrong"
    yield from _encoding(found)
    yield from _images_root(found, folder)
    yield "  columns:"
    for part in _WHAT:
        if part != "split_by":
            yield "    " + _column(part, found)
    yield "  " + _column("split_by", found)
    height, width = found.side
    yield "image:  # " + (_sizes(found) if found.sizes else "no image could be opened; these are the defaults")
    yield f"  height: {height}"
    yield f"  width: {width}"
    yield "  # aspect: pad  # or crop, where images of other proportions should not be stretched"


def _encoding(found: Found) -> Iterator[str]:
    if found.data.encoding != "utf-8":
        yield f"  encoding: {found.data.encoding}  # a guess, by its bytes: see whether accents are shown as they are"
    elif found.kind in TEXT_KINDS:
        yield "  # encoding: utf-8"


def _images_root(found: Found, folder: str) -> Iterator[str]:
    if found.data.images_root:
        yield f"  images_root: {_scalar(_relative(found.data.images_root, folder))}  # paths are relative to it"
    elif found.tried and not found.sizes:
        yield f"  # images_root: FOLDER  # of the first {found.tried} images, none could be opened"


def _column(part: str, found: Found) -> str:
    column = found.guess.columns.get(part)
    if column is None:
        told = " no column looks like it;" if part in REQUIRED else ""
        return f"# {part}: COLUMN  #{told} {_WHAT[part]}"
    return f"{part}: {_scalar(column)}  # {_WHAT[part].partition(';')[0]}{_detail(part, column, found)}"


def _detail(part: str, column: str, found: Found) -> str:
    parts = []
    if part in ("label", "split", "split_by"):
        values = {str(row[column]) for row in found.rows if row.get(column) is not None}
        parts.append(f"{len(values)} different in the first {len(found.rows)} rows")
    if others := found.guess.alternatives.get(part):
        parts.append("or " + ", ".join(map(_scalar, others)))
    return "; " * bool(parts) + "; ".join(parts)


def _sizes(found: Found) -> str:
    width, height = (median(sides) for sides in zip(*found.sizes, strict=True))
    return f"the first {len(found.sizes)} images: {width:g} wide, {height:g} high, in the median"


def _name(catalogue: str) -> str:
    """Of the pipeline: the catalogue's name, or its folder's where that says more."""
    parts = [part for part in re.split(r"[/\\]", catalogue) if part and not re.search(r"[*?{]", part)]
    stems = [re.sub(r"\.[a-z]+(\.gz)?$", "", part.lower()) for part in reversed(parts)]
    absolute = [*stems, os.path.basename(os.path.dirname(os.path.abspath(catalogue))).lower()]
    slugs = [re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:_MOST_NAME] for stem in absolute]
    return next((slug for slug in slugs if slug and slug not in _PLAIN_NAMES), "diptych")


def _relative(path: str, folder: str) -> str:
    return path if is_remote(path) else os.path.relpath(path, folder)


def _scalar(value: str) -> str:
    """A text as YAML has it, in one line."""
    style = '"' if re.search(r"[^\S ]", value) else None
    return (
        yaml.safe_dump(value, default_style=style, allow_unicode=True, width=float("inf")).removesuffix("...\n").strip()
    )
