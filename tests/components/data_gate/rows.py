"""Rows in memory for the tests of the gate's rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from diptych.components.data_gate.profile import SplitProfile, make_profile
from diptych.components.data_gate.split_rows import (
    NUMERIC_FEATURES,
    SplitRows,
)
from diptych.models import features


def make_rows(count: int, **columns: Any) -> SplitRows:
    """Rows that differ in their ids and pixels only, except for the columns given."""
    texts = {
        features.ID: [f"row-{n}" for n in range(count)],
        features.DESCRIPTION: columns.get("texts", ["a text"] * count),
        features.SHA256: columns.get("digests", [f"{n}" for n in range(count)]),
        features.FORMAT: columns.get("formats", ["PNG"] * count),
        features.ENCODING: ["raw"] * count,
    }
    labels = [(label,) for label in columns.get("labels", ["a"] * count)]
    numbers = {name: np.full(count, 100.0) for name in NUMERIC_FEATURES} | columns.get("numbers", {})
    hashes = np.array(columns.get("hashes", range(count)), np.int64)
    return SplitRows(texts, labels, columns.get("groups", [f"{n}" for n in range(count)]), numbers, hashes)


def make_split_profile(rows: SplitRows) -> SplitProfile:
    """The profile of rows, without a vocabulary."""
    return make_profile(rows, None)


def make_reject(row: int, reason: str = "missing_file") -> dict[str, Any]:
    """A line of ``rejects.jsonl``."""
    return {"row": row, "id": "", "image": "", "reason": reason, "detail": "no file"}
