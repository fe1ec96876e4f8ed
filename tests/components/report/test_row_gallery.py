"""Rows of the gallery are chosen by what is odd about them, then evenly, each with its own picture and prediction."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from diptych.components.report.predictions import read_predictions
from diptych.components.report.report_data import Finding
from diptych.components.report.row_gallery import choose_rows, make_row_gallery
from diptych.components.report.sampled_rows import read_sampled_rows
from diptych.components.report.sprites import COLUMNS
from tests.helpers import SMALL, record_values, write_records


def test_marked_rows_come_with_others_evenly_spread() -> None:
    marked = np.zeros(100, bool)
    marked[[7, 93]] = True
    chosen = choose_rows(marked, 12)
    assert len(chosen) == 12 and {7, 93} <= set(chosen)
    assert chosen == sorted(set(chosen))
    assert max(np.diff([0, *chosen, 99])) <= 11


def test_all_rows_are_chosen_where_there_is_room() -> None:
    assert choose_rows(np.array([False, True, False]), 5) == [0, 1, 2]
    assert choose_rows(np.array([True, True, True]), 2) == [0, 1]


def test_each_row_has_its_picture_prediction_and_findings(tmp_path: Path) -> None:
    shades = {"train": [10, 60, 110], "test": [160, 210]}
    for split, of_split in shades.items():
        records = [
            record_values(
                n,
                id=f"{split}-{n}".encode(),
                image=np.full((SMALL.height, SMALL.width, 3), shade, np.uint8).tobytes(),
            )
            for n, shade in enumerate(of_split)
        ]
        write_records(tmp_path / f"Split-{split}" / "x", records)
    columns = {"id": ["test-1"], "label": [["a"]], "predicted": [["b"]], "score": [0.5]}
    parquet.write_table(pa.table(columns), tmp_path / "predictions.parquet")
    rows = read_sampled_rows(str(tmp_path), {"train": 3, "test": 2})
    rules = {"size": "train-1", "rejects": "train-0"}
    findings = [Finding(rule=rule, message="m", ids=[row_id]) for rule, row_id in rules.items()]
    gallery = make_row_gallery(rows, str(tmp_path), SMALL, findings, read_predictions(str(tmp_path)))
    assert gallery.total == 5
    assert [row.id for row in gallery.rows] == ["train-0", "train-1", "train-2", "test-0", "test-1"]
    assert [row.findings for row in gallery.rows] == [(), ("size",), (), (), ()]
    assert [row.prediction and row.prediction.labels for row in gallery.rows] == [None, None, None, None, ("b",)]
    (sheet,) = gallery.sheets
    pixels = np.asarray(Image.open(io.BytesIO(sheet.webp)))
    middles = [pixels[sheet.height // 2, (place % COLUMNS) * sheet.width + sheet.width // 2, 0] for place in range(5)]
    np.testing.assert_allclose(middles, [10, 60, 110, 160, 210], atol=8)
