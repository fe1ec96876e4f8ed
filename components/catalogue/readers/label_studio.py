"""Tasks of Label Studio's export JSON as plain rows, with the column names of its smaller export JSON-MIN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def plain_row(values: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """A task as a row: its data, and what its annotators gave to each control, by the control's name.

    Other rows stay as they are. Of several values, such as those of boxes, the row has a list, each value once.

    Returns:
        The values, and None; or no values, and that the annotators do not agree.
    """
    if not _is_task(values):
        return values, None
    given = [_given(annotation) for annotation in values["annotations"] if not annotation.get("was_cancelled")]
    if any(other != given[0] for other in given):
        return {}, f"its {len(given)} annotations differ: in Label Studio, keep one of them"
    return {"id": values.get("id"), **values["data"], **(given[0] if given else {})}, None


def _is_task(values: Mapping[str, Any]) -> bool:
    annotations = values.get("annotations")
    return (
        isinstance(values.get("data"), dict)
        and isinstance(annotations, list)
        and all(
            isinstance(annotation, dict) and isinstance(annotation.get("result"), list) for annotation in annotations
        )
    )


def _given(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """What an annotator gave, by the names of the controls."""
    found: dict[str, list[Any]] = {}
    for name, value in _results(annotation):
        values = found.setdefault(name, [])
        values += [item for item in (value if isinstance(value, list) else [value]) if item not in values]
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _results(annotation: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The name of the control and the value of each result that has one; relations have none."""
    for result in annotation["result"]:
        kind = result.get("type") if isinstance(result, dict) else None
        if not isinstance(kind, str) or not isinstance(result.get("value"), dict):
            continue
        value = result["value"].get({"textarea": "text"}.get(kind, kind))
        if value is not None and isinstance(result.get("from_name"), str):
            yield result["from_name"], value
