"""Nested objects as columns: a value inside of one has a dotted name, such as ``meta.label``.

Of a list of objects, such as boxes, ``boxes.label`` is the list of the values inside of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Hugging Face's form of an image is one value.
_IMAGE_KEYS = frozenset({"bytes", "path"})
# Nobody names what lies deeper.
_MAX_DEPTH = 8


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are no objects, those inside of objects by their dotted names."""
    return dict(_pairs("", values, _MAX_DEPTH))


def column_names(values: Mapping[str, Any]) -> set[str]:
    """The names that a column of the row may be given: its keys, and the dotted ones."""
    return {*values, *flatten(values)}


def find_nested(values: Mapping[str, Any], name: str) -> Any:
    """The value of a column; None if there is none. A column whose own name has dots comes before what lies nested.

    In a list of objects, it is the list of their values.
    """
    if name in values or "." not in name:
        return values.get(name)
    for key, value in values.items():
        if name.startswith(f"{key}.") and (found := _find_in(value, name[len(key) + 1 :])) is not None:
            return found
    return None


def _find_in(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return find_nested(value, name)
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        return None
    return [found for item in value if (found := find_nested(item, name)) is not None]


def _pairs(prefix: str, values: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if depth and isinstance(value, Mapping) and not value.keys() <= _IMAGE_KEYS:
            yield from _pairs(f"{prefix}{key}.", value, depth - 1)
        elif depth and _are_objects(value):
            inner = [dict(_pairs(f"{prefix}{key}.", item, depth - 1)) for item in value]
            names = dict.fromkeys(name for item in inner for name in item)
            lists = ((name, [item[name] for item in inner if item.get(name) is not None]) for name in names)
            yield from ((name, held) for name, held in lists if held)
        else:
            yield f"{prefix}{key}", value


def _are_objects(value: Any) -> bool:
    """Whether a value is a list of objects, and not of images."""
    is_list = isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)
    return is_list and not all(item.keys() <= _IMAGE_KEYS for item in value)
