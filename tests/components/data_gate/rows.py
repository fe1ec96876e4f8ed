"""Rows in memory for the tests of the gate's rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from diptych.components.data_gate.profile import SplitProfile, dump_profiles, make_profile
from diptych.components.data_gate.split_rows import (
    NUMERIC_FEATURES,
    SplitRows,
)
from diptych.models import features


def make_rows(count: int, **columns: Any) -> SplitRows:
    """Rows that differ in their ids and pixels only, except for the columns given."""
    texts = {
        features.ID: columns.get("ids", [f"row-{n}" for n in range(count)]),
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


def make_statistics(name: str = "train") -> bytes:
    """The content of a file that StatisticsGen writes, of a dataset of this name without features."""
    from tensorflow_metadata.proto.v0 import statistics_pb2

    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    statistics.datasets.add(name=name, num_examples=3)
    return bytes(statistics.SerializeToString())


def write_accepted(folder: Path, profiles: Mapping[str, SplitProfile], statistics: bytes | None = None) -> None:
    """Writes a version of accepted data."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profiles.json").write_bytes(dump_profiles(profiles))
    (folder / "FeatureStats.pb").write_bytes(make_statistics() if statistics is None else statistics)


def make_reject(row: int, reason: str = "missing_file") -> dict[str, Any]:
    """A line of ``rejects.jsonl``."""
    return {"row": row, "id": "", "image": "", "reason": reason, "detail": "no file"}
