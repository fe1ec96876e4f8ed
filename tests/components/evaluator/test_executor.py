"""The metrics, the decision and the files of the Evaluator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn import metrics as sk

from diptych.components.evaluator.options import BaselineMetricBounds, EvaluateOptions, MetricBounds
from diptych.models import features
from diptych.models.labels import Task
from diptych.models.metrics import METRICS, MetricAccumulator
from diptych.models.serving.card import read_card
from diptych.models.thresholds import predict_labels
from tests.components.evaluator.model_cards import make_card, write_model
from tests.helpers import record_values, write_records
from tests.models.serving.exported_models import TEXTS, model_requiring_both, model_requiring_neither

LABELS = ["a", "b", "c", "d"]


def shifted_model(folder: Path, task: Task, shift: int) -> str:
    """A SavedModel whose scores are the numbers in the description, rolled by ``shift``."""
    import tensorflow as tf

    from diptych.models.serving.export import EXAMPLES_SIGNATURE, SCORES, TRANSFORM_SIGNATURE

    spec = features.parsing_spec([features.DESCRIPTION]) | features.label_spec(task)

    class Shifted(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def score(self, examples: Any) -> Any:
            texts = tf.io.parse_example(examples, spec)[features.DESCRIPTION]
            scores = tf.strings.to_number(tf.strings.split(texts).to_tensor(shape=[None, len(LABELS)]))
            return {SCORES: tf.roll(scores, shift, axis=1)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def transform(self, examples: Any) -> Any:
            label = tf.io.parse_example(examples, spec)[features.LABEL]
            if task == "multiclass":
                return {features.LABEL_ID: tf.argmax(tf.equal(label[:, None], LABELS), axis=1)}
            among = tf.equal(label.to_tensor()[:, :, None], LABELS)
            return {features.LABEL_ID: tf.cast(tf.reduce_any(among, axis=1), tf.float32)}

    model = Shifted()
    tf.saved_model.save(model, str(folder), {EXAMPLES_SIGNATURE: model.score, TRANSFORM_SIGNATURE: model.transform})
    return write_model(folder, make_card(LABELS, task=task))


def artifact(kind: Any, uri: Path, **properties: Any) -> Any:
    found = kind()
    found.uri = str(uri)
    for name, value in properties.items():
        setattr(found, name, value)
    return found


def write_schema(folder: Path, task: Task) -> None:
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    kinds = {"bytes": schema_pb2.BYTES, "int64": schema_pb2.INT, "float": schema_pb2.FLOAT}
    schema = schema_pb2.Schema()
    for name in features.STATISTICS_FEATURES:
        feature = schema.feature.add(name=name, type=kinds[features.RECORD_FEATURES[name].kind])
        if features.RECORD_FEATURES[name].required and not (task == "multilabel" and name == features.LABEL):
            feature.presence.min_fraction = 1
            feature.shape.dim.add(size=1)
    folder.mkdir()
    (folder / "schema.pbtxt").write_text(text_format.MessageToString(schema))


def write_baseline(folder: Path, predictions: dict[str, Any] | None) -> None:
    """Writes what LinearBaseline does, with poor figures.

    Args:
        predictions: ``id``, ``label`` and a column for the texts; None for what an earlier version wrote.
    """
    from diptych.components.artifacts import write_json

    write_json(str(folder), "metrics.json", {"text": {"accuracy": 0.01, "macro_f1": 0.01, "micro_f1": 0.01}})
    if predictions is not None:
        parquet.write_table(pa.table(predictions), folder / "predictions.parquet")


def evaluate(
    folder: Path,
    task: Task,
    options: EvaluateOptions,
    pushed: Path,
    baseline: dict[str, Any] | None = None,
) -> Path:
    """Runs the executor on the model in ``model/Format-Serving``; returns the folder of the evaluation."""
    from tfx.types import standard_artifacts, standard_component_specs
    from tfx.utils import json_utils

    from diptych.components.artifact_types import Metrics
    from diptych.components.evaluator.executor import EvaluatorExecutor

    write_schema(folder / "schema", task)
    write_baseline(folder / "linear", baseline)
    inputs = {
        "examples": [artifact(standard_artifacts.Examples, folder / "examples", split_names='["test"]')],
        "model": [artifact(standard_artifacts.Model, folder / "model")],
        "schema": [artifact(standard_artifacts.Schema, folder / "schema")],
        "linear_baseline": [artifact(Metrics, folder / "linear")],
    }
    outputs = {
        "evaluation": [artifact(standard_artifacts.ModelEvaluation, folder / "evaluation")],
        "blessing": [artifact(standard_artifacts.ModelBlessing, folder / "blessing")],
    }
    properties = {
        standard_component_specs.EXAMPLE_SPLITS_KEY: json_utils.dumps(["test"]),
        "evaluate_options": options.model_dump_json(),
        "push_directory": str(pushed),
    }
    EvaluatorExecutor().Do(inputs, outputs, properties)
    decision = json.loads((folder / "evaluation" / "decision.json").read_text())
    (blessing,) = outputs["blessing"]
    # Both are read: the file by Pusher in a cluster, the property by TFX's own on one machine.
    assert blessing.get_int_custom_property("blessed") == decision["blessed"]
    assert [path.name for path in (folder / "blessing").iterdir()] == [
        "BLESSED" if decision["blessed"] else "NOT_BLESSED"
    ]
    return folder / "evaluation"


def draw_test_split(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and widths of 50 rows."""
    rng = np.random.default_rng(7)
    scores = np.round(rng.random((50, len(LABELS))), 3).astype(np.float32)
    widths = rng.integers(10, 200, 50)
    if task == "multiclass":
        # Mostly what the model says.
        return np.where(rng.random(50) < 0.6, scores.argmax(axis=1), rng.integers(0, 4, 50)), scores, widths
    labels = (scores + rng.normal(0, 0.3, scores.shape)) > 0.5
    labels[~labels.any(axis=1), 0] = True
    return labels, scores, widths


def write_test_split(folder: Path, labels: np.ndarray, scores: np.ndarray, widths: np.ndarray) -> None:
    def names(label: Any) -> Any:
        return [LABELS[place] for place in np.flatnonzero(label)] if np.ndim(label) else LABELS[label]

    rows = [
        record_values(
            number,
            **{
                features.DESCRIPTION: " ".join(f"{score:.3f}" for score in scores[number]),
                features.LABEL: names(labels[number]),
                features.WIDTH: int(widths[number]),
            },
        )
        for number in range(len(labels))
    ]
    write_records(folder / "examples" / "Split-test" / "data.tfrecord", rows)


def label_sets(labels: np.ndarray) -> list[list[str]]:
    """The names of the labels of each row, given as ids or as indicators."""
    return [[LABELS[place] for place in (np.flatnonzero(row) if np.ndim(row) else [row])] for row in labels]


def accuracy_of(actual: list[list[str]], predicted: list[list[str]]) -> float:
    return float(np.mean([first == second for first, second in zip(actual, predicted, strict=True)]))


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_the_evaluation_is_scikit_learns_on_the_whole_and_on_every_slice(tmp_path: Path, task: Task) -> None:
    labels, scores, widths = draw_test_split(task)
    write_test_split(tmp_path, labels, scores, widths)
    shifted_model(tmp_path / "model" / "Format-Serving", task, shift=0)
    shifted_model(tmp_path / "pushed" / "1", task, shift=1)
    # A push was interrupted here.
    (tmp_path / "pushed" / "2" / "variables").mkdir(parents=True)
    options = EvaluateOptions(
        gain_over_blessed=MetricBounds(accuracy=0.05, calibration_error=-1),
        top_k=2,
        slices=("label", {"feature": "image/width", "buckets": [50, 100]}),
        slice_thresholds=MetricBounds(accuracy=0.01),
        min_slice_examples=8,
    )
    names = label_sets(labels)
    baseline = {"id": [f"row-{n}" for n in range(50)], "label": names, "text": [["a"]] * 50}
    evaluation = evaluate(tmp_path, task, options, tmp_path / "pushed", baseline)
    decision = json.loads((evaluation / "decision.json").read_text())
    answers = scores.argmax(axis=1) if task == "multiclass" else scores >= 0.5

    assert decision["metrics"]["examples"] == 50
    assert decision["metrics"]["accuracy"] == pytest.approx(sk.accuracy_score(labels, answers))
    macro_f1 = sk.f1_score(labels, answers, average="macro", zero_division=0)
    assert decision["metrics"]["macro_f1"] == pytest.approx(macro_f1)
    middle = (widths >= 50) & (widths < 100)
    for name, rows in {
        "image/width=50 to below 100": middle,
        "label=b": labels == 1 if task == "multiclass" else labels[:, 1],
    }.items():
        of_slice = decision["slices"][name]
        assert of_slice["examples"] == rows.sum()
        assert of_slice["accuracy"] == pytest.approx(sk.accuracy_score(labels[rows], answers[rows]))
    assert len(decision["slices"]) == 1 + len(LABELS) + 3
    assert decision["last_blessed_slices"].keys() == decision["slices"].keys()
    assert decision["blessed"], decision["reasons"]
    # The rows' scores were in a file of their own, and TFMA's verdict would contradict ours.
    assert not [path for path in evaluation.iterdir() if path.name.startswith(("row_scores", "validations"))]

    for metric, (low, high) in decision["intervals"].items():
        assert low < decision["metrics"][metric] < high
    assert decision["intervals"].keys() == set(METRICS)
    assert decision["last_blessed"] == str(tmp_path / "pushed" / "1")
    assert f"'{tmp_path / 'pushed' / '2'}' is passed over" in decision["notes"][0]
    compared = decision["comparisons"]
    assert compared.keys() == {"linear text baseline", "last blessed model"}
    assert compared["last blessed model"]["differences"].keys() == set(METRICS)
    last = decision["last_blessed_slices"][""]
    for metric, difference in compared["last blessed model"]["differences"].items():
        assert difference == pytest.approx(decision["metrics"][metric] - last[metric], abs=1e-5)
    always_a = accuracy_of(names, [["a"]] * 50)
    assert compared["linear text baseline"]["metrics"]["accuracy"] == pytest.approx(always_a)
    assert any("of the linear text baseline: difference" in reason for reason in decision["reasons"])

    predictions = parquet.read_table(evaluation / "predictions.parquet").to_pydict()
    rows = {row: number for number, row in enumerate(predictions["id"])}
    order = [rows[f"row-{n}"] for n in range(50)]
    assert [predictions["label"][row] for row in order] == names
    assert [predictions["predicted"][row] for row in order] == label_sets(answers)
    assert [predictions["score"][row] for row in order] == pytest.approx(scores.max(axis=1).tolist())

    pairs = zip(label_sets(answers), names, strict=True)
    wrong = [[name for name in answer if name not in of_row] for answer, of_row in pairs]
    best = [
        max(((score[LABELS.index(name)], name) for name in of_row), default=None)
        for of_row, score in zip(wrong, scores, strict=True)
    ]
    assert 0 < sum(each is not None for each in best) < 50
    assert [predictions["wrong"][row] for row in order] == [each and each[1] for each in best]
    assert [predictions["wrong_score"][row] for row in order] == [each and pytest.approx(each[0]) for each in best]
    decisions = sum(of_bin["decisions"] for of_bin in json.loads((evaluation / "calibration.json").read_text()))
    assert decisions == (50 if task == "multiclass" else 50 * len(LABELS))

    per_label = json.loads((evaluation / "per_label.json").read_text())
    expected = sk.precision_recall_fscore_support(labels, answers, zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [per_label[label][name] for label in LABELS] == pytest.approx(values.tolist())
    confusion = json.loads((evaluation / "confusion.json").read_text())
    if task == "multiclass":
        matrix = [[confusion.get(actual, {}).get(answer, 0) for answer in LABELS] for actual in LABELS]
        np.testing.assert_array_equal(matrix, sk.confusion_matrix(labels, answers))
    else:
        assert confusion == {}


def test_a_slice_below_its_threshold_keeps_a_model_from_being_blessed(tmp_path: Path) -> None:
    labels, scores, widths = draw_test_split("multiclass")
    write_test_split(tmp_path, labels, scores, widths)
    shifted_model(tmp_path / "model" / "Format-Serving", "multiclass", shift=0)
    options = EvaluateOptions(
        slices=({"feature": "image/width", "buckets": [50, 100]},),
        slice_thresholds=MetricBounds(accuracy=0.99),
        min_slice_examples=int((widths >= 100).sum()),
    )
    evaluation = evaluate(tmp_path, "multiclass", options, tmp_path / "nothing-pushed")
    decision = json.loads((evaluation / "decision.json").read_text())
    (reason,) = decision["reasons"]
    assert not decision["blessed"]
    assert reason.startswith("image/width=100 or more, ")
    (note,) = decision["notes"]
    assert note.startswith("test has 50 rows: accuracy may be anything from")


def test_a_model_of_rare_labels_that_predicts_none_of_them_is_not_blessed(tmp_path: Path) -> None:
    """Most of its single answers are right, and it loses against nothing."""
    labels = np.eye(len(LABELS), dtype=bool)[np.arange(40) % len(LABELS)]
    scores = np.full(labels.shape, 0.2) + 0.2 * labels
    write_test_split(tmp_path, labels, scores, np.full(len(labels), 30))
    model = tmp_path / "model" / "Format-Serving"
    shifted_model(model, "multilabel", shift=0)
    options = EvaluateOptions(gain_over_baseline=BaselineMetricBounds())
    evaluation = evaluate(tmp_path, "multilabel", options, tmp_path / "nothing-pushed")
    decision = json.loads((evaluation / "decision.json").read_text())
    assert not decision["blessed"]
    assert "it predicts no label for each of the 40 rows of test, whatever is in it" in decision["reasons"]


@pytest.mark.parametrize("make", [model_requiring_both, model_requiring_neither])
def test_an_exported_model_is_evaluated_by_its_own_scores_and_labels(tmp_path: Path, make: Any) -> None:
    import shutil

    import tensorflow as tf

    exported = make()
    task, classes = exported.decoder.task, len(exported.decoder.labels)
    several = (["cat"], ["dog", "fish"], ["cat", "dog"], ["fish"])
    labels = several if task == "multilabel" else ("cat", "dog", "fish", "dog")
    rows = [
        record_values(number, **{features.DESCRIPTION: TEXTS[number % 4], features.LABEL: labels[number % 3]})
        for number in range(9)
    ]
    write_records(tmp_path / "examples" / "Split-test" / "data.tfrecord", rows)
    shutil.copytree(exported.folder, tmp_path / "model" / "Format-Serving")
    evaluation = evaluate(
        tmp_path, task, EvaluateOptions(gain_over_baseline=BaselineMetricBounds()), tmp_path / "nothing"
    )

    records = tf.constant([features.encode_record(row) for row in rows])
    scores = exported.signatures["serving_default"](examples=records)["scores"].numpy()
    ids = exported.signatures["transform_features"](examples=records)["label_id"].numpy()
    card = read_card(exported.folder)
    accumulator = MetricAccumulator(task, classes, EvaluateOptions().top_k, card.thresholds, card.at_least_one)
    decision = json.loads((evaluation / "decision.json").read_text())
    assert decision["metrics"] == pytest.approx({**accumulator.add(ids, scores).result(), "examples": 9})
    # The model has random weights.
    predicted = predict_labels(scores, card.thresholds, card.at_least_one)
    assert decision["blessed"] == bool((predicted != predicted[0]).any())
