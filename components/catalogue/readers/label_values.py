"""The labels of a row: a text, a number, a list, a text that holds several, or one-hot columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.cell_text import as_text
from diptych.components.catalogue.readers.written_lists import is_written_list, parse_written_list
from diptych.components.catalogue.reasons import RowError
from diptych.models.credentials import mask_credentials

# What tools write into one-hot columns, in lower case.
_ONES = frozenset({"1", "1.0", "true", "yes", "t", "y", "x"})
_ZEROS = frozenset({"", "0", "0.0", "false", "no", "f", "n"})
_WHOLE_FLOAT = re.compile(r"\s*(-?\d+)\.0\s*")
# The number that stands for no label, as in Hugging Face's and TensorFlow's datasets.
_NO_LABEL = "-1"


def parse_labels(value: Any, data: DataOptions) -> tuple[str, ...]:
    """The labels in the value of a row's label column, each once, sorted: their order changes no record.

    Raises:
        RowError: the value has several labels where one is asked for, or cannot be read; the detail is a phrase that
            follows the name of the column.
    """
    if isinstance(value, (list, tuple)):
        return _of_items(value, data)
    text = as_text(value)
    if text.strip() in (data.labels or ()):
        return _name([text], data)
    if is_written_list(text) or (data.several_labels and not data.label_separator and text.lstrip()[:1] == "["):
        return _of_items(_parse(text), data)
    return _name(text.split(data.label_separator) if data.label_separator else [text], data)


def parse_one_hot(ones: Iterable[str], data: DataOptions) -> tuple[str, ...]:
    """The labels of a row whose one-hot columns ``ones`` hold a one.

    Raises:
        RowError: there are several where one is asked for, or ``data.class_names`` lacks one.
    """
    labels = _name(ones, data)
    if len(labels) > 1 and not data.has_several_labels:
        raise RowError("several_labels", f"hold a one in {', '.join(labels)}")
    return labels


def whole_number_label(values: dict[str, str], data: DataOptions) -> dict[str, str]:
    """The values of a row of text, with ``1`` in the place of the label ``1.0``, unless ``data.labels`` lists that.

    A missing value somewhere in a column of numbers makes floats of them all, and text does not tell them from texts.
    """
    column = data.columns.label
    if not isinstance(column, str):
        return values
    text = values.get(column, "")
    # Most labels end otherwise, which takes less time to see.
    if not text.rstrip().endswith(".0") or text.strip() in (data.labels or ()):
        return values
    return {**values, column: _whole(text)}


def _whole(text: str) -> str:
    match = _WHOLE_FLOAT.fullmatch(text)
    return match[1] if match else text


def is_one(value: Any) -> bool:
    """Whether a one-hot column has a one.

    Raises:
        RowError: it has neither a one nor a zero.
    """
    text = as_text(value).strip().lower()
    if text in _ONES or text in _ZEROS:
        return text in _ONES
    raise RowError("malformed_row", f"holds '{text}'; a one-hot column holds 0 and 1")


def _of_items(items: Sequence[Any], data: DataOptions) -> tuple[str, ...]:
    """The labels in a list; where a row has one label, it is that of a list of one."""
    labels = _name([as_text(item) for item in items], data)
    if len(labels) > 1 and not data.has_several_labels:
        raise RowError("several_labels", f"holds a list of {len(labels)}")
    return labels


def _parse(text: str) -> list[Any]:
    try:
        return parse_written_list(text)
    except ValueError as error:
        start = mask_credentials(text.strip())[:80]
        raise RowError("malformed_row", f"holds {start}, which looks like a list, but {error}") from None


def _name(texts: Iterable[str], data: DataOptions) -> tuple[str, ...]:
    """The labels by name, where ``data.class_names`` gives names."""
    labels = {text.strip() for text in texts} - {""}
    if isinstance(names := data.class_names, dict):
        labels = {_whole(label) if _whole(label) in names else label for label in labels}
        known = {*names, *names.values(), _NO_LABEL}
        if unknown := sorted(labels - known):
            raise RowError("unknown_label", f"holds '{unknown[0]}', none of the {len(names)} labels with names")
        labels = {names.get(label, label) for label in labels - ({_NO_LABEL} - names.keys())}
    return tuple(sorted(labels)) if len(labels) > 1 else tuple(labels)
