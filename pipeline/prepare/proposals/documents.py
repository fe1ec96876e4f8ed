"""Where a JSON document has its rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from diptych.components.catalogue.options import DataOptions, TableOptions
from diptych.components.catalogue.readers.json_document import JsonReader, find_form_of
from diptych.components.catalogue.readers.json_forms import find_lists, survey
from diptych.components.catalogue.readers.json_text import JsonText
from diptych.components.catalogue.readers.text_files import open_text
from diptych.pipeline.prepare.infer_columns import is_image
from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.headings import heading_decisions, judge_heading

_SAMPLED_ROWS = 200


def propose_document(source: str, data: DataOptions) -> list[Decision]:
    """Which of several lists of objects has the rows, and whether the first of the lists of a table names its columns.

    Raises:
        CatalogueError: the document is broken or holds no table.
    """
    if len(paths := _lists(source, data)) > 1:
        counted = {path: _count_images(source, data, path) for path in paths}
        best = max(paths, key=lambda path: counted[path])
        reason = "of several lists of objects, it has the most images in its first rows"
        return [
            Decision(
                "data.table.records", best, reason, [f"data.table.records: {path}" for path in paths if path != best]
            )
        ]
    if find_form_of(source, data).name == "lists":
        numbered = data.model_copy(update={"table": TableOptions(header=False)})
        rows = [[_text(value) for value in values.values()] for values in _sample(source, numbered)]
        return heading_decisions(judge_heading(rows[0], rows[1:], 0, lambda _: False)) if rows else []
    return []


def _lists(source: str, data: DataOptions) -> list[str]:
    """The dotted paths of the lists of objects in a document."""
    with open_text(source, data) as file:
        text = JsonText(file, source, data)
        if text.next() != "{":
            return []
        shape = survey(text)
        return [] if shape.followed else [".".join(path) for path in find_lists(shape)]


def _count_images(source: str, data: DataOptions, path: str) -> int:
    rows = _sample(source, data.model_copy(update={"table": TableOptions(records=path)}))
    return sum(any(map(is_image, values.values())) for values in rows)


def _sample(source: str, data: DataOptions) -> Iterator[dict[str, object]]:
    return (dict(values) for values in islice(JsonReader().sample(source, data), _SAMPLED_ROWS))


def _text(value: object) -> str:
    return "" if value is None else str(value)
