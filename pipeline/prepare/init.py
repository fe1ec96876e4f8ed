"""``diptych init``: writes a settings file for a catalogue by its preview, with further choices in comments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from diptych.components.catalogue.readers.kinds import TEXT_KINDS
from diptych.components.catalogue.storage import is_remote
from diptych.models.atomic_files import write_text
from diptych.models.counts import pluralize
from diptych.models.shown_text import show_line
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES
from diptych.pipeline.prepare.preview import CataloguePreview
from diptych.pipeline.prepare.proposals.columns import ROLES, column_key
from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.yaml_text import format_value

# Names of files that say nothing about their content, where the name of the folder may.
_GENERIC_NAMES = {"catalogue", "catalog", "metadata", "data", "dataset", "labels", "train", "rows", "annotations"}
_MAX_NAME_LENGTH = 63
# Settings whose values are paths, which the file names relative to its own folder.
_PATHS = ("data.images_root",)
# Settings come in this order in the file; those of no place here come last in their section.
_ORDER = (
    *("data.catalogue", "data.format", "data.encoding", "data.table", "data.images_root", "data.paths"),
    *("data.columns.image", "data.columns.description", "data.columns.label", "data.columns"),
)

_Tree = dict[str, Any]


def write_settings(preview: CataloguePreview, catalogue: str, path: str) -> None:
    """Writes the settings file; an existing one is replaced.

    Args:
        catalogue: as given to ``preview_catalogue``.

    Raises:
        OSError: the file cannot be written.
    """
    write_text(path, "\n".join(_settings_lines(preview, catalogue, path)) + "\n")


def pipeline_name(catalogue: str) -> str:
    """The name of the pipeline: that of the catalogue, or of its folder if the catalogue's says nothing."""
    parts = [part for part in re.split(r"[/\\]", catalogue) if part and not re.search(r"[*?{]", part)]
    stems = [re.sub(r"\.[a-z]+(\.gz)?$", "", part.lower()) for part in reversed(parts)]
    absolute = [*stems, os.path.basename(os.path.dirname(os.path.abspath(catalogue))).lower()]
    slugs = [re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:_MAX_NAME_LENGTH] for stem in absolute]
    return next((slug for slug in slugs if slug and slug not in _GENERIC_NAMES), "diptych")


def _settings_lines(preview: CataloguePreview, catalogue: str, path: str) -> Iterator[str]:
    folder = os.path.dirname(os.path.abspath(path))
    yield f"# Written by diptych init from a sample of {pluralize(len(preview.rows), 'row')}. Look at each line, then:"
    yield "#"
    yield f"#   diptych check {format_value(path)}"
    named = [Decision("data.catalogue", catalogue, "")]
    located = [_located(decision, folder) for decision in [*named, *preview.decisions]]
    tree: _Tree = {}
    for decision in [Decision("name", pipeline_name(catalogue), ""), *sorted(located, key=_place)]:
        *parents, key = decision.key.split(".")
        part = tree
        for parent in parents:
            part = part.setdefault(parent, {})
        part[key] = decision
    yield from _tree_lines(tree, "", preview)


def _located(decision: Decision, folder: str) -> Decision:
    """The decision, with a path relative to the folder of the settings file."""
    if decision.key not in ("data.catalogue", *_PATHS) or is_remote(decision.value):
        return decision
    return Decision(decision.key, os.path.relpath(decision.value, folder), decision.reason, decision.alternatives)


def _place(decision: Decision) -> int:
    """The place of a setting in its file."""
    parts = decision.key.split(".")
    known = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next((_ORDER.index(key) for key in known if key in _ORDER), len(_ORDER))


def _tree_lines(tree: Mapping[str, Any], prefix: str, preview: CataloguePreview) -> Iterator[str]:
    indent = "  " * prefix.count(".")
    for key, value in tree.items():
        if isinstance(value, Decision):
            for alternative in value.alternatives:
                yield f"{indent}# or {_one_line(alternative)}"
            comment = f"  # {_one_line(value.reason)}" if value.reason else ""
            yield f"{indent}{key}: {format_value(value.value)}{comment}"
        else:
            yield f"{indent}{key}:"
            yield from _tree_lines(value, f"{prefix}{key}.", preview)
    yield from (indent + line for line in _hints(prefix, preview))


def _hints(section: str, preview: CataloguePreview) -> Iterator[str]:
    """Comments at the end of a section about what else can be set there."""
    if section == "data.columns.":
        for role in ("description", "label", "id", "split"):
            if preview.decision(column_key(role)) is None:
                yield _column_hint(role)
    elif section == "data.":
        if preview.decision("data.split_by") is None:
            yield _column_hint("split_by")
        yield f"# format: {preview.catalogue.kind}  # found by name and content; only to be said where that goes wrong"
        if preview.catalogue.kind in TEXT_KINDS and preview.decision("data.encoding") is None:
            yield "# encoding: utf-8"
        if not preview.images_opened and preview.decision("data.images_root") is None:
            yield "# images_root: FOLDER  # none of the sampled images could be opened"
    elif section == "image.":
        yield "# aspect: pad  # or crop, where images of other proportions should not be stretched"


def _column_hint(role: str) -> str:
    reason = "no column looks like it: " if role in REQUIRED_ROLES else ""
    return f"# {role}: COLUMN  # {reason}{ROLES[role]}"


def _one_line(text: str) -> str:
    """A text as a comment can hold it."""
    return show_line(re.sub(r"[^\S ]+|[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text))
