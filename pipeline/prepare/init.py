"""``diptych init``: writes a settings file for a catalogue by its preview, with further choices in comments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from diptych.components.catalogue.readers.kinds import TEXT_KINDS
from diptych.components.catalogue.storage import is_remote
from diptych.models.atomic_files import write_text
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES
from diptych.pipeline.prepare.preview import CataloguePreview
from diptych.pipeline.prepare.yaml_text import format_scalar

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
        yield f"{role:<12} {format_scalar(column)}{_detail(role, column, preview)}"
    if preview.image_sizes:
        height, width = preview.stored_size
        yield f"{'size':<12} {width} x {height}"
    else:
        yield "No image could be opened: see data.images_root"
    if missing := preview.inferred.missing:
        yield f"Not found: {', '.join(missing)}; name them in data.columns"


def _settings_lines(preview: CataloguePreview, catalogue: str, path: str) -> Iterator[str]:
    folder = os.path.dirname(os.path.abspath(path))
    yield f"# Written by diptych init from the first {len(preview.rows)} rows. Look at each line, then:"
    yield "#"
    yield f"#   diptych check {format_scalar(path)}"
    yield f"name: {format_scalar(_name(catalogue))}"
    yield "data:"
    yield f"  catalogue: {format_scalar(_relative(catalogue, folder))}"
    yield f"  # format: {preview.catalogue.kind}  # found by name and content; only to be said where that goes wrong"
    yield from _encoding_line(preview)
    yield from _images_root_line(preview, folder)
    yield "  columns:"
    for role in _ROLE_COMMENTS:
        if role != "split_by":
            yield "    " + _column_line(role, preview)
    yield "  " + _column_line("split_by", preview)
    height, width = preview.stored_size
    yield f"image:  # {_sizes(preview)}"
    yield f"  height: {height}"
    yield f"  width: {width}"
    yield "  # aspect: pad  # or crop, where images of other proportions should not be stretched"


def _encoding_line(preview: CataloguePreview) -> Iterator[str]:
    encoding = preview.catalogue.data.encoding
    if encoding != "utf-8":
        yield f"  encoding: {encoding}  # a guess, by its bytes: see whether accents are shown as they are"
    elif preview.catalogue.kind in TEXT_KINDS:
        yield "  # encoding: utf-8"


def _images_root_line(preview: CataloguePreview, folder: str) -> Iterator[str]:
    root = preview.catalogue.data.images_root
    if root:
        yield f"  images_root: {format_scalar(_relative(root, folder))}  # paths are relative to it"
    elif preview.images_tried and not preview.image_sizes:
        yield f"  # images_root: FOLDER  # of the first {preview.images_tried} images, none could be opened"


def _column_line(role: str, preview: CataloguePreview) -> str:
    column = preview.inferred.columns.get(role)
    if column is None:
        reason = " no column looks like it;" if role in REQUIRED_ROLES else ""
        return f"# {role}: COLUMN  #{reason} {_ROLE_COMMENTS[role]}"
    meaning = _ROLE_COMMENTS[role].partition(";")[0]
    return f"{role}: {format_scalar(column)}  # {meaning}{_detail(role, column, preview)}"


def _detail(role: str, column: str, preview: CataloguePreview) -> str:
    parts = []
    if role in ("label", "split", "split_by"):
        values = {str(row[column]) for row in preview.rows if row.get(column) is not None}
        parts.append(f"{len(values)} different in the first {len(preview.rows)} rows")
    if others := preview.inferred.alternatives.get(role):
        parts.append("or " + ", ".join(map(format_scalar, others)))
    return "; " * bool(parts) + "; ".join(parts)


def _sizes(preview: CataloguePreview) -> str:
    if not preview.image_sizes:
        return "no image could be opened; these are the defaults"
    width, height = preview.median_size
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
