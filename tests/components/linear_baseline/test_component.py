"""LinearBaseline scores what scikit-learn scores, on the splits it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from diptych.components.artifact_types import Metrics
from diptych.components.linear_baseline.component import LinearBaseline, LinearBaselineExecutor
from diptych.models.labels import Task
from diptych.models.text.baseline import fit_baseline, score_labels
from diptych.models.text.options import TextOptions
from tests.helpers import record_values, write_records

TEXTS = {"train": ["red apple", "red cherry", "green leaf", "green grass"] * 3, "test": ["red rose", "a leaf", "red"]}
LABELS = {"train": ["warm", "warm", "cold", "cold"] * 3, "test": ["warm", "cold", "cold"]}
SETS = {
    "train": [("fruit", "warm"), ("fruit", "warm"), ("cold", "plant"), ("cold", "plant")] * 3,
    "test": [("plant", "warm"), ("cold", "plant"), ("warm",)],
}


def write_examples(folder: Path, labels: Mapping[str, Sequence[Any]]) -> standard_artifacts.Examples:
    """Two splits in two files each."""
    for split, texts in TEXTS.items():
        rows = [
            record_values(number, description=text, label=label)
            for number, (text, label) in enumerate(zip(texts, labels[split], strict=True))
        ]
        for shard in (0, 1):
            write_records(folder / f"Split-{split}" / f"data-{shard}.tfrecord", rows[shard::2])
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    return artifact


@pytest.mark.parametrize(("task", "labels"), [("multiclass", LABELS), ("multilabel", SETS)])
def test_figures_are_those_of_scikit_learn(tmp_path: Path, task: Task, labels: Mapping[str, Sequence[Any]]) -> None:
    metrics = Metrics()
    metrics.uri = str(tmp_path / "metrics")
    options = TextOptions()
    LinearBaselineExecutor().Do(
        {"examples": [write_examples(tmp_path, labels)]},
        {"metrics": [metrics]},
        {"text_options": options.model_dump_json(), "task": task},
    )
    written = json.loads((tmp_path / "metrics" / "metrics.json").read_text())
    model = fit_baseline(TEXTS["train"], labels["train"], options, task)
    assert written == pytest.approx(score_labels(labels["test"], model.predict(TEXTS["test"]).tolist(), task))
    # "red" alone is fruit and warm: of the sets, only that of the leaf is right.
    assert written["accuracy"] == pytest.approx({"multiclass": 2 / 3, "multilabel": 1 / 3}[task])


def test_options_task_and_code_are_part_of_the_cache_key() -> None:
    from tfx import types

    channel = types.Channel(type=standard_artifacts.Examples)
    component = LinearBaseline(channel, TextOptions(min_df=2), "multilabel", code="abc")
    assert (component.exec_properties["code"], component.exec_properties["task"]) == ("abc", "multilabel")
    assert TextOptions.model_validate_json(component.exec_properties["text_options"]).min_df == 2
