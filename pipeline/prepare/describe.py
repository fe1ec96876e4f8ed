"""What ``diptych init`` prints: what it saw of a catalogue, what it decided, and what it was unsure of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from diptych.components.catalogue.samples import evenly_spaced
from diptych.models.counts import pluralize
from diptych.models.shown_text import show_line
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES
from diptych.pipeline.prepare.preview import CataloguePreview
from diptych.pipeline.prepare.proposals.columns import column_key
from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.unread_files import find_unread, summarize
from diptych.pipeline.prepare.yaml_text import format_value

_VALUES_SHOWN = 3
_VALUES_LOOKED_AT = 50
_MAX_VALUE_LENGTH = 40


def describe_preview(preview: CataloguePreview) -> Iterator[str]:
    """Lines about the preview, for a person."""
    catalogue = preview.catalogue
    files = f"{len(catalogue.sources):,} files, " if len(catalogue.sources) > 1 else ""
    sample = pluralize(len(preview.rows), "row")
    yield (
        f"{catalogue.kind}, {files}{catalogue.data.encoding}; a sample of {sample} looked at, "
        f"{pluralize(preview.images_opened, 'image')} opened"
    )
    yield "Columns"
    width = max(map(len, preview.evidence.columns), default=0)
    for column in preview.evidence.columns:
        yield f"  {column:<{width}}  {_examples(preview.evidence.values(column))}"
    yield "Decided"
    width = max((len(decision.key) for decision in preview.decisions), default=0)
    for decision in preview.decisions:
        yield f"  {decision.key:<{width}}  {_value_and_reason(decision)}"
    if unsure := [decision for decision in preview.decisions if decision.alternatives]:
        yield "Unsure"
        for decision in unsure:
            yield f"  {decision.key}: {format_value(decision.value)}; or {'; or '.join(decision.alternatives)}"
    if not preview.images_opened:
        yield "No image could be opened: see data.images_root"
    if missing := [role for role in REQUIRED_ROLES if preview.decision(column_key(role)) is None]:
        # A folder has no columns but those that it is given.
        what = "labels are the names of folders" if catalogue.kind == "folder" else "name them in data.columns"
        unread = summarize(find_unread(preview.evidence))
        yield f"Not found: {', '.join(missing)}; {what}{f'; not read: {unread}' if unread else ''}"


def _value_and_reason(decision: Decision) -> str:
    return f"{format_value(decision.value)}  ({decision.reason})" if decision.reason else format_value(decision.value)


def _examples(values: list[Any]) -> str:
    """A few different values of a column."""
    shown: dict[str, None] = {}
    # Of values that come by turns, evenly spaced ones may all be the same.
    for value in chain(evenly_spaced(values, _VALUES_LOOKED_AT), values):
        shown[_short(value)] = None
        if len(shown) == _VALUES_SHOWN:
            break
    # Texts have commas themselves.
    return " | ".join(shown) or "nothing"


def _short(value: Any) -> str:
    if isinstance(value, bytes):
        return pluralize(len(value), "byte")
    if isinstance(value, Mapping) and isinstance(value.get("bytes"), bytes):
        return f"{value.get('path') or 'an image'} ({pluralize(len(value['bytes']), 'byte')})"
    text = show_line(" ".join(str(value).split()))
    return text if len(text) <= _MAX_VALUE_LENGTH else text[: _MAX_VALUE_LENGTH - 1] + "…"
