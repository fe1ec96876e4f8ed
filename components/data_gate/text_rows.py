"""Rows as the rules about descriptions see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.components.data_gate.split_rows import SplitRows, stride_over
from diptych.models.features import DESCRIPTION


@dataclass(frozen=True)
class TextRow:
    """The id, description, labels and group of a row."""

    id: str
    text: str
    labels: tuple[str, ...]
    group: str


def sample_rows(parts: Sequence[SplitRows], most: int) -> list[TextRow]:
    """At most about ``most`` rows of all parts together, evenly spread."""
    stride = stride_over(parts, most)
    columns = ((rows.ids, rows.texts[DESCRIPTION], rows.labels, rows.groups) for rows in parts)
    return [TextRow(*row) for each in columns for row in zip(*(column[::stride] for column in each), strict=True)]
