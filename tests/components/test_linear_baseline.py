"""LinearBaseline scores what scikit-learn scores, on the splits it is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.artifacts import Metrics
from components.linear_baseline.component import LinearBaseline, LinearBaselineExecutor
from models.text.baseline import fit_baseline, score_labels
from models.text.options import TextOptions
from tests.helpers import record_values, write_records

TEXTS = {"train": ["red apple", "red cherry", "green leaf", "green grass"] * 3, "test": ["red rose", "a leaf", "red"]}
LABELS = {"train": ["warm", "warm", "cold", "cold"] * 3, "test": ["warm", "cold", "cold"]}


@pytest.fixture
def examples(tmp_path: Path) -> standard_artifacts.Examples:
    """Two splits in two files each."""
    for split, texts in TEXTS.items():
        rows = [
            record_values(number, description=text, label=label)
            for number, (text, label) in enumerate(zip(texts, LABELS[split], strict=True))
        ]
        for shard in (0, 1):
            write_records(tmp_path / f"Split-{split}" / f"data-{shard}.tfrecord", rows[shard::2])
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path)
    return artifact


def test_figures_are_those_of_scikit_learn(examples: standard_artifacts.Examples, tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.uri = str(tmp_path / "metrics")
    options = TextOptions()
    LinearBaselineExecutor().Do(
        {"examples": [examples]}, {"metrics": [metrics]}, {"text_options": options.model_dump_json()}
    )
    written = json.loads((tmp_path / "metrics" / "metrics.json").read_text())
    model = fit_baseline(TEXTS["train"], LABELS["train"], options)
    assert written == pytest.approx(score_labels(LABELS["test"], model.predict(TEXTS["test"]).tolist()))
    assert written["accuracy"] == pytest.approx(2 / 3)


def test_text_options_and_code_are_part_of_the_cache_key() -> None:
    from tfx import types

    channel = types.Channel(type=standard_artifacts.Examples)
    component = LinearBaseline(channel, TextOptions(min_df=2), code="abc")
    assert component.exec_properties["code"] == "abc"
    assert TextOptions.model_validate_json(component.exec_properties["text_options"]).min_df == 2
