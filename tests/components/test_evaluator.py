"""What the Evaluator asks, computes and says."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import f1_score

from components.evaluator.criteria import Criterion, criteria
from components.evaluator.options import EvaluateOptions, Figures
from models.images import ImageOptions

BASELINE = {"accuracy": 0.7, "macro_f1": 0.6}
NOTHING = {name: Figures() for name in ("thresholds", "gain_over_baseline", "gain_over_blessed")}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=60))
def test_macro_f1_is_that_of_scikit_learn(answers: list[tuple[int, int]]) -> None:
    from components.evaluator.metrics import macro_f1

    actual, predicted = zip(*answers, strict=True)
    matrix = {pair: float(count) for pair, count in Counter(answers).items()}
    assert macro_f1(matrix) == pytest.approx(f1_score(actual, predicted, average="macro", zero_division=0))


def test_macro_f1_of_nothing_is_no_number() -> None:
    from math import isnan

    from components.evaluator.metrics import macro_f1

    assert isnan(macro_f1({}))


def test_where_nothing_is_asked_any_model_is_blessed() -> None:
    (only,) = criteria(EvaluateOptions(**NOTHING), BASELINE, compared=True)
    met, reason = only.explain(0.0)
    assert met
    assert "no criterion is set" in reason


def test_every_source_asks() -> None:
    options = EvaluateOptions(
        thresholds=Figures(accuracy=0.9),
        gain_over_baseline=Figures(macro_f1=0.02),
        gain_over_blessed=Figures(accuracy=-0.01),
    )
    asked = criteria(options, BASELINE, compared=True)
    assert [(c.metric, pytest.approx(c.bound), c.relative) for c in asked] == [
        ("accuracy", 0.9, False),
        ("accuracy", -0.01, True),
        ("macro_f1", 0.62, False),
    ]
    assert "linear text baseline 0.6000" in asked[2].source
    assert not any(c.relative for c in criteria(options, BASELINE, compared=False))


def test_a_gain_of_zero_is_asked_for() -> None:
    (asked,) = criteria(EvaluateOptions(), BASELINE, compared=False)
    assert (asked.metric, asked.bound) == ("accuracy", 0.7)


@pytest.mark.parametrize(("value", "met"), [(0.9, True), (0.91, True), (0.8999995, True), (0.89, False)])
def test_a_bound_is_met_or_explained(value: float, met: bool) -> None:
    answer, text = Criterion("accuracy", 0.9, "evaluate.thresholds.accuracy").explain(value)
    assert answer is met
    assert text.endswith(f"{'reaches' if met else 'is below'} 0.9000 (evaluate.thresholds.accuracy)")


def test_a_relative_bound_moves_with_its_reference() -> None:
    criterion = Criterion("accuracy", -0.01, "last blessed model", relative=True)
    assert criterion.explain(0.85, reference=0.86)[0]
    assert not criterion.explain(0.84, reference=0.86)[0]


def test_decide_gives_all_reasons_of_a_blessing_and_the_failed_ones_of_a_refusal() -> None:
    from components.evaluator.executor import decide

    asked = [
        Criterion("accuracy", 0.9, "one"),
        Criterion("macro_f1", 0.5, "two"),
        Criterion("accuracy", 0, "gain", True),
    ]
    figures = {"accuracy": 0.95, "macro_f1": 0.6}
    slices = {"candidate": {"": figures}, "blessed": {"": {"accuracy": 0.9, "macro_f1": 0.1}}}
    decision = decide(slices, asked)
    assert decision["blessed"]
    assert len(decision["reasons"]) == 3
    slices["candidate"] = {"": figures | {"macro_f1": 0.4}}
    decision = decide(slices, asked)
    assert not decision["blessed"]
    assert decision["reasons"] == ["macro_f1 0.4000 is below 0.5000 (two)"]


def metrics_of(config: Any) -> dict[str, Any]:
    metrics = config.metrics_specs[0].metrics
    return {json.loads("{" + metric.config + "}").get("name"): metric for metric in metrics}


def test_eval_config_asks_for_the_hardest_bound_on_the_whole_split_only() -> None:
    from components.evaluator.config import eval_config

    asked = [Criterion("accuracy", 0.7, ""), Criterion("accuracy", 0.9, ""), Criterion("macro_f1", -0.02, "", True)]
    config = eval_config(["label"], asked, compared=True)
    metrics = metrics_of(config)
    (accuracy,) = metrics["accuracy"].per_slice_thresholds
    assert accuracy.threshold.value_threshold.lower_bound.value == pytest.approx(0.9, abs=1e-5)
    assert not accuracy.threshold.HasField("change_threshold")
    (macro_f1,) = metrics["macro_f1"].per_slice_thresholds
    assert macro_f1.threshold.change_threshold.absolute.value == pytest.approx(-0.02, abs=1e-5)
    assert not macro_f1.threshold.HasField("value_threshold")
    for thresholds in (accuracy, macro_f1):
        (whole,) = thresholds.slicing_specs
        assert not whole.feature_keys
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["label"]]
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [("candidate", False), ("blessed", True)]


def test_eval_config_without_a_blessed_model_knows_one_model() -> None:
    from components.evaluator.config import eval_config

    config = eval_config([], [Criterion("accuracy", 0.7, "")], compared=False)
    assert [spec.name for spec in config.model_specs] == ["candidate"]
    assert not metrics_of(config)["macro_f1"].per_slice_thresholds


def write_card(folder: Path, labels: list[str], image: ImageOptions) -> str:
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets.extra" / "diptych.json").write_text(json.dumps({"labels": labels, "image": image.model_dump()}))
    return str(folder)


def test_models_compare_if_they_read_the_same_images_and_know_the_same_labels(tmp_path: Path) -> None:
    from components.evaluator.blessed import incomparable

    candidate = write_card(tmp_path / "new", ["a", "b"], ImageOptions())
    assert incomparable(candidate, write_card(tmp_path / "same", ["b", "a"], ImageOptions())) is None
    other_image = write_card(tmp_path / "image", ["a", "b"], ImageOptions(height=32))
    assert "images" in (incomparable(candidate, other_image) or "")
    other_labels = write_card(tmp_path / "labels", ["a", "c"], ImageOptions())
    assert "['b', 'c']" in (incomparable(candidate, other_labels) or "")
    (tmp_path / "stranger").mkdir()
    assert "no model that Diptych exported" in (incomparable(candidate, str(tmp_path / "stranger")) or "")


@pytest.mark.parametrize("card", ["", "{}", '{"labels": [], "image": {"unknown": 1}}'])
def test_a_card_of_another_time_is_no_error(tmp_path: Path, card: str) -> None:
    from components.evaluator.blessed import incomparable

    candidate = write_card(tmp_path / "new", ["a", "b"], ImageOptions())
    old = write_card(tmp_path / "old", ["a", "b"], ImageOptions())
    (tmp_path / "old" / "assets.extra" / "diptych.json").write_text(card)
    assert "card cannot be read" in (incomparable(candidate, old) or "")


def test_a_pushed_model_is_laid_out_as_trainers_is(tmp_path: Path) -> None:
    from tfx.utils import path_utils

    from components.evaluator.blessed import as_model_artifact

    pushed = write_card(tmp_path / "push" / "7", ["a", "b"], ImageOptions())
    Path(pushed, "saved_model.pb").write_bytes(b"graph")
    artifact = as_model_artifact(pushed, str(tmp_path / "work"))
    serving = Path(path_utils.serving_model_path(artifact.uri))
    assert (serving / "saved_model.pb").read_bytes() == b"graph"
    assert (serving / "assets.extra" / "diptych.json").exists()


def test_slices_are_features_of_the_record() -> None:
    assert EvaluateOptions(slices=("label", "group")).slices == ("label", "group")
    with pytest.raises(ValidationError, match="'colour'.* are not features"):
        EvaluateOptions(slices=("colour",))
    with pytest.raises(ValidationError, match="'image'"):
        EvaluateOptions(slices=("image",))
