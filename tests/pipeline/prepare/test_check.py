"""``diptych check`` says what ingestion and the gate would say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.pipeline.prepare.check import check_catalogue
from diptych.pipeline.settings import Settings
from tests.helpers import SMALL, write_catalogue, write_image


def settings_of(folder: Path, labels: list[str], **options: Any) -> Settings:
    """Settings of a catalogue with a row for each label, and the split that is named before its colon."""
    rows = []
    for number, label in enumerate(labels):
        split, _, name = label.partition(":")
        write_image(folder / f"{number}.png", seed=number)
        rows.append({"image": f"{number}.png", "description": "t", "label": name, "split": split})
    separator = options.pop("label_separator", None)
    data = write_catalogue(folder, rows, columns={"split": "split"}, label_separator=separator)
    train = {"task": "multilabel"} if separator else {}
    return Settings(data=data, image=SMALL, train=train, **options)


def test_rows_of_several_labels_count_once_and_each_label_of_them(tmp_path: Path) -> None:
    labels = ["train:a,b", "train:b", "train:b,a,a", "val:a", "test:b,a", "test:,"]
    check = check_catalogue(settings_of(tmp_path, labels, label_separator=","))
    assert check.rows == 6
    assert check.examples == {"train": 3, "val": 1, "test": 1}
    assert check.labels == {
        "a": {"train": 2, "val": 1, "test": 1},
        "b": {"train": 3, "val": 0, "test": 1},
    }
    assert [(reject.row, reject.reason) for reject in check.rejects] == [(6, "missing_label")]


@pytest.mark.parametrize(("unknown", "passes"), [(None, False), ("a", True)])
def test_a_label_that_training_lacks_stops_unless_it_counts_as_another(
    tmp_path: Path, unknown: str | None, passes: bool
) -> None:
    labels = ["train:a", "train:b", "val:a", "test:c"]
    check = check_catalogue(settings_of(tmp_path, labels, label={"unknown": unknown}))
    assert check.passes is passes
    (finding,) = check.findings
    assert "label 'c' is in split 'test' (rows with id 3.png)" in finding.message
