"""Rows are sampled evenly, and records are found by their places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from diptych.components.report.sampled_rows import read_records_at, read_sampled_rows
from diptych.models import features
from tests.helpers import record_values, write_records


def test_records_with_several_labels_and_without_a_group_are_read(tmp_path: Path) -> None:
    rows = [record_values(0, label=["a", "b"]), record_values(1, label="a", group="g")]
    write_records(tmp_path / "Split-train" / "data.tfrecord", rows)
    found = read_sampled_rows(str(tmp_path), {"train": 2, "val": 0})
    assert list(found.labels) == [("a", "b"), ("a",)]
    assert found.values[features.GROUP].tolist() == ["", "g"]
    assert found.values[features.PHASH].tolist() == [0, -1]


def test_of_many_rows_some_are_read_evenly_spread(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("diptych.components.report.sampled_rows.MAX_ROWS", 10)
    write_records(tmp_path / "Split-train" / "data.tfrecord", map(record_values, range(25)))
    found = read_sampled_rows(str(tmp_path), {"train": 25})
    assert found.place.tolist() == [0, 3, 6, 9, 12, 15, 18, 21, 24]
    assert found.values[features.ID].tolist() == [f"row-{n}" for n in found.place]
    assert found.total == 25


def test_records_are_found_by_their_places_across_files(tmp_path: Path) -> None:
    files = [
        str(write_records(tmp_path / str(part), map(record_values, range(700 * part, 700 * part + 700))))
        for part in range(2)
    ]
    found = [tf.train.Example.FromString(record) for record in read_records_at(files, [0, 511, 512, 699, 700, 1399])]
    ids = [example.features.feature["id"].bytes_list.value[0] for example in found]
    assert ids == [b"row-0", b"row-511", b"row-512", b"row-699", b"row-700", b"row-1399"]
    assert list(read_records_at(files, [])) == []
