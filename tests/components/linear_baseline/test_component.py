"""LinearBaseline fits linear models of texts, images and both on train, and measures them on test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tfx.types import standard_artifacts

from diptych.components.artifact_types import Metrics
from diptych.components.linear_baseline.component import LinearBaseline, LinearBaselineExecutor
from diptych.models import features
from diptych.models.labels import LabelOptions, Task
from diptych.models.text.options import TextOptions, parse_text_options
from diptych.models.thresholds import ThresholdOptions
from diptych.models.training.options import TrainOptions
from tests.helpers import SMALL, record_values, write_records

COLOURS = {"red": (200, 20, 20), "green": (20, 200, 20)}
METRICS = {"accuracy", "macro_f1", "micro_f1", "mean_average_precision", "ranking_precision", "calibration_error"}

#: Rows of colour, text and label. Text and image tell each a half of what the label is.
TRAIN = [(colour, text, f"{colour} {text}") for colour in COLOURS for text in ("leaf", "car")] * 8
TEST = [*TRAIN[:4], ("red", "car", "green car")]


def write_split(folder: Path, split: str, examples: Sequence[tuple[str, str, Any]], has_texts: bool = True) -> None:
    """Rows of even numbers lie in the first of two files."""
    rng = np.random.default_rng(len(split))
    rows = []
    for number, (colour, text, label) in enumerate(examples):
        pixels = rng.integers(0, 50, (SMALL.height, SMALL.width, 3)) + COLOURS[colour]
        changes = {
            features.IMAGE: pixels.astype(np.uint8).tobytes(),
            features.DESCRIPTION: text if has_texts else None,
        }
        rows.append(record_values(number, **changes, label=label))
    for shard in (0, 1):
        write_records(folder / f"Split-{split}" / f"data-{shard}.tfrecord", rows[shard::2])


def write_examples(
    folder: Path, train: Sequence[tuple[str, str, Any]], test: Sequence[tuple[str, str, Any]], has_texts: bool = True
) -> standard_artifacts.Examples:
    """Two splits in two files each, of noisy images of the colours."""
    for split, rows in {"train": train, "test": test}.items():
        write_split(folder, split, rows, has_texts)
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    return artifact


def run(
    folder: Path, examples: standard_artifacts.Examples, task: Task, text: str, **label: str
) -> tuple[dict[str, dict[str, float]], pd.DataFrame]:
    """The metrics and the predictions that the executor writes."""
    metrics = Metrics()
    metrics.uri = str(folder / "metrics")
    properties = {
        "image_options": SMALL.model_dump_json(),
        "text_options": text,
        "label_options": LabelOptions(**label).model_dump_json(),
        "threshold_options": ThresholdOptions().model_dump_json(),
        "task": task,
    }
    LinearBaselineExecutor().Do({"examples": [examples]}, {"metrics": [metrics]}, properties)
    found = json.loads((folder / "metrics" / "metrics.json").read_text())
    return found, pq.read_table(folder / "metrics" / "predictions.parquet").to_pandas()


def test_texts_and_images_together_tell_more_than_each(tmp_path: Path) -> None:
    """Of the rows of test, the last has a wrong label."""
    metrics, _ = run(tmp_path, write_examples(tmp_path, TRAIN, TEST), "multiclass", TextOptions().model_dump_json())
    assert list(metrics) == ["both", "image", "text"]
    assert all(set(of_one) == METRICS for of_one in metrics.values())
    assert metrics["both"]["accuracy"] == metrics["both"]["micro_f1"] == pytest.approx(4 / 5)
    assert max(metrics["image"]["accuracy"], metrics["text"]["accuracy"]) <= 3 / 5


def test_predictions_of_each_row_of_test_are_kept(tmp_path: Path) -> None:
    _, found = run(tmp_path, write_examples(tmp_path, TRAIN, TEST), "multiclass", TextOptions().model_dump_json())
    assert list(found.columns) == ["id", "label", "text", "image", "both"]
    # The rows of even numbers are in the first file.
    rows = [TEST[number] for number in (0, 2, 4, 1, 3)]
    assert found["id"].tolist() == [record_values(number)["id"] for number in (0, 2, 4, 1, 3)]
    assert [list(labels) for labels in found["label"]] == [[label] for _, _, label in rows]
    assert [list(labels) for labels in found["both"]] == [[f"{colour} {text}"] for colour, text, _ in rows]
    assert all(labels[0].startswith(colour) for labels, (colour, _, _) in zip(found["image"], rows, strict=True))
    assert all(labels[0].endswith(text) for labels, (_, text, _) in zip(found["text"], rows, strict=True))


def test_of_several_labels_each_is_predicted(tmp_path: Path) -> None:
    sets = {"train": [(*row[:2], list(row[:2])) for row in TRAIN], "test": [(*row[:2], list(row[:2])) for row in TEST]}
    examples = write_examples(tmp_path, sets["train"], sets["test"])
    metrics, found = run(tmp_path, examples, "multilabel", TextOptions().model_dump_json())
    assert metrics["both"]["accuracy"] == metrics["both"]["mean_average_precision"] == 1
    assert [set(labels) for labels in found["both"]] == [set(labels) for labels in found["label"]]
    assert all(len(labels) > 0 for column in ("text", "image") for labels in found[column])


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_of_images_alone_colours_are_learned(tmp_path: Path, task: Task) -> None:
    """Of test, the third image has the label of the other colour."""
    train = [(colour, "", colour) for colour in ("red", "green")] * 6
    examples = write_examples(tmp_path, train, [*train[:2], ("red", "", "green")], has_texts=False)
    metrics, found = run(tmp_path, examples, task, "null")
    assert metrics.keys() == {"image"}
    assert metrics["image"]["accuracy"] == pytest.approx(2 / 3)
    assert list(found.columns) == ["id", "label", "image"]


def test_a_label_that_train_lacks_is_never_right_unless_it_counts_as_another(tmp_path: Path) -> None:
    examples = write_examples(tmp_path, TRAIN, [("red", "leaf", "strange"), TEST[1]])
    text = TextOptions().model_dump_json()
    metrics, found = run(tmp_path / "plain", examples, "multiclass", text)
    assert metrics["both"]["accuracy"] == 0.5
    assert list(found["label"][0]) == ["strange"]
    metrics, found = run(tmp_path / "mapped", examples, "multiclass", text, unknown="red leaf")
    assert metrics["both"]["accuracy"] == 1
    assert list(found["label"][0]) == ["red leaf"]


def test_of_many_rows_of_train_every_second_is_fitted_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.components.linear_baseline.component._MAX_ROWS", 16)
    # Each file has two kinds of rows in turns: a red leaf and a green one, or a red car and a green one.
    examples = write_examples(tmp_path, TRAIN, TEST)
    _, found = run(tmp_path, examples, "multiclass", TextOptions().model_dump_json())
    assert {label for labels in found["both"] for label in labels} <= {"red leaf", "red car"}


def read_suspicious(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics" / "suspicious_labels.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_rows_of_every_split_with_a_label_that_the_baseline_contradicts_are_written(tmp_path: Path) -> None:
    """Of train row 7 has a wrong label, of val and test the first four; half of them score above the mean."""
    wrong = ("red", "leaf", "green car")
    train = [*TRAIN, *TRAIN]
    examples = write_examples(tmp_path, [*train[:7], wrong, *train[8:]], [*[wrong] * 4, *TRAIN])
    write_split(tmp_path, "val", [*[wrong] * 4, *TRAIN])
    run(tmp_path, examples, "multiclass", TextOptions().model_dump_json())
    found = read_suspicious(tmp_path)
    # The first file of train has 32 rows, that of the others 18.
    expected = {("train", "row-7", 35)}
    for split in ("val", "test"):
        expected |= {(split, f"row-{row}", row // 2 + 18 * (row % 2)) for row in range(4)}
    assert {(row["split"], row["id"], row["place"]) for row in found} <= expected
    assert {row["split"] for row in found} == {"train", "val", "test"}
    assert all((row["given"], row["suggested"]) == (["green car"], ["red leaf"]) for row in found)
    assert [row["confidence"] for row in found] == sorted((row["confidence"] for row in found), reverse=True)


def test_of_several_labels_one_too_many_is_written(tmp_path: Path) -> None:
    train = [(*row[:2], list(row[:2])) for row in [*TRAIN, *TRAIN]]
    train[8] = ("red", "leaf", ["red", "green", "leaf"])
    run(tmp_path, write_examples(tmp_path, train, train[:4]), "multilabel", TextOptions().model_dump_json())
    (found,) = read_suspicious(tmp_path)
    assert (found["id"], found["given"], found["suggested"]) == ("row-8", ["red", "green", "leaf"], ["leaf", "red"])


def test_of_images_alone_labels_are_judged_by_the_images(tmp_path: Path) -> None:
    train = [(colour, "", colour) for colour in ("red", "green")] * 20
    train[9] = ("green", "", "red")
    run(tmp_path, write_examples(tmp_path, train, train[:2], has_texts=False), "multiclass", "null")
    assert [(row["id"], row["suggested"]) for row in read_suspicious(tmp_path)] == [("row-9", ["green"])]


def test_the_surest_suspicions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = [(colour, "", colour) for colour in ("red", "green")] * 40
    train[9] = train[19] = ("green", "", "red")
    examples = write_examples(tmp_path, train, train[:2], has_texts=False)
    run(tmp_path, examples, "multiclass", "null")
    every = read_suspicious(tmp_path)
    assert len(every) == 2
    monkeypatch.setattr("diptych.components.linear_baseline.component._MAX_SUSPICIOUS", 1)
    run(tmp_path, examples, "multiclass", "null")
    assert read_suspicious(tmp_path) == every[:1]


def test_options_task_and_code_are_part_of_the_cache_key() -> None:
    from tfx import types

    channel = types.Channel(type=standard_artifacts.Examples)
    train = TrainOptions(task="multilabel", thresholds=ThresholdOptions(precision=0.7))
    component = LinearBaseline(channel, SMALL, TextOptions(min_df=2), LabelOptions(unknown="a"), train, code="abc")
    assert (component.exec_properties["code"], component.exec_properties["task"]) == ("abc", "multilabel")
    assert TextOptions.model_validate_json(component.exec_properties["text_options"]).min_df == 2
    assert component.exec_properties["image_options"] == SMALL.model_dump_json()
    assert LabelOptions.model_validate_json(component.exec_properties["label_options"]).unknown == "a"
    assert ThresholdOptions.model_validate_json(component.exec_properties["threshold_options"]).precision == 0.7
    alone = LinearBaseline(channel, SMALL, None, LabelOptions(), train, code="abc")
    assert parse_text_options(alone.exec_properties["text_options"]) is None
