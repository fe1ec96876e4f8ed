"""The component LinearBaseline and its executor."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from diptych.components.artifact_types import ArtifactsByKey, Metrics
from diptych.components.artifacts import METRICS_FILE, PREDICTIONS_FILE, SUSPICIOUS_LABELS_FILE, write_json
from diptych.components.example_columns import read_columns
from diptych.components.linear_baseline.suspicious_labels import Contradiction, fit_judge, list_contradictions
from diptych.models import features
from diptych.models.baselines.classifier import (
    LinearClassifier,
    fit_classifier,
    indicate_labels,
    out_of_fold_scores,
)
from diptych.models.baselines.image import ALONE, BESIDE_TEXTS, fit_image_features, read_image_features
from diptych.models.baselines.text import fit_text_features
from diptych.models.images.options import ImageOptions
from diptych.models.labels import LabelOptions, Task
from diptych.models.linear.logistic import make_folds
from diptych.models.linear.logistic_regression import Block
from diptych.models.metrics import METRICS, MetricAccumulator
from diptych.models.text.options import TextOptions, parse_text_options, serialize_text_options
from diptych.models.tfrecords import list_split_files
from diptych.models.thresholds import ThresholdOptions
from diptych.models.training.options import TrainOptions

# Of more rows of train, it is fitted to every second row, or every third and so on; so many of val are judged, too.
_MAX_ROWS = 50_000
# The most suspicious labels that are kept. A person looks at the first few, and mends them before looking again.
_MAX_SUSPICIOUS = 200
# They are ranked by fits that end early, which tell the same rows: where there are many labels, in a third of the time.
_RANKING_ITERATIONS = 25
_SEED = 0

# The metrics of ``MetricAccumulator`` that need no option of the evaluation.
_METRICS = tuple(metric for metric in METRICS if metric != "top_k_accuracy")


class LinearBaselineExecutor(base_executor.BaseExecutor):
    """Fits linear baselines on train and evaluates them on test."""

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Writes ``metrics.json``, modality to metrics, and ``predictions.parquet``, the predicted labels of test.

        The modalities are ``text``, ``image`` and ``both``, or ``image`` alone where the examples have no texts. What
        is known of a row all together also tells ``suspicious_labels.jsonl``.
        """
        examples = artifact_utils.get_single_uri(input_dict["examples"])
        text = parse_text_options(exec_properties["text_options"])
        image = ImageOptions.model_validate_json(exec_properties["image_options"])
        unknown = LabelOptions.model_validate_json(exec_properties["label_options"]).unknown
        thresholds = ThresholdOptions.model_validate_json(exec_properties["threshold_options"])
        task: Task = exec_properties["task"]

        train, test, val = (
            _read_split(examples, split, image, text) for split in (features.TRAIN, features.TEST, features.VAL)
        )
        splits = [train, test, *([val] if val.ids else [])]
        known = {label for row in train.labels for label in row}
        actual = [_replace_unknown(row, known, unknown) for row in test.labels]
        metrics: dict[str, dict[str, float]] = {}
        predictions: dict[str, Sequence[Sequence[str]]] = {"label": actual}
        suspicious: list[dict[str, Any]] = []
        for modality, blocks in _make_blocks(splits, text).items():
            classifier = fit_classifier(blocks[0], train.labels, task, thresholds)
            scores = classifier.predict_scores(blocks[1])
            metrics[modality] = _measure(classifier, scores, actual, task)
            predictions[modality] = classifier.predict(scores)
            if modality == ("both" if text else "image"):
                suspicious = _find_suspicious(classifier, splits, blocks, task)
        uri = artifact_utils.get_single_uri(output_dict["metrics"])
        write_json(uri, METRICS_FILE, metrics)
        _write_predictions(uri, test.ids, predictions)
        _write_lines(uri, SUSPICIOUS_LABELS_FILE, suspicious)


@dataclass(frozen=True)
class _Split:
    """The examples of a split; of many in train and val, some.

    Attributes:
        stride: of how many examples each is one.
        labels: of each example.
        groups: of each example, what folds must not part: its group, or else its image.
        texts: None if the examples have none.
        images: float32 ``[examples, n]``, of ``read_image_features``.
    """

    name: str
    stride: int
    ids: Sequence[str]
    labels: Sequence[tuple[str, ...]]
    groups: Sequence[str]
    texts: Sequence[str] | None
    images: NDArray[np.float32]


def _read_split(examples: str, split: str, image: ImageOptions, text: TextOptions | None) -> _Split:
    files = list_split_files(examples, split)
    names = [features.ID, features.GROUP, features.SHA256, *([features.DESCRIPTION] if text else [])]
    columns = read_columns(files, names)
    stride = 1 if split == features.TEST else max(1, -(-len(columns.labels) // _MAX_ROWS))
    values = {name: column[::stride].tolist() for name, column in columns.values.items()}
    groups = [group or digest for group, digest in zip(values[features.GROUP], values[features.SHA256], strict=True)]
    return _Split(
        split,
        stride,
        values[features.ID],
        columns.labels[::stride],
        groups,
        values.get(features.DESCRIPTION),
        read_image_features(files, image, stride),
    )


def _make_blocks(splits: Sequence[_Split], options: TextOptions | None) -> dict[str, list[list[Block]]]:
    """Modality to the features of each split, the first of which is train."""
    train = splits[0]
    alone = fit_image_features(train.images, ALONE)
    images: list[list[Block]] = [[alone.transform(split.images)] for split in splits]
    if options is None:
        return {"image": images}
    terms = fit_text_features(train.texts or [], options)
    texts: list[list[Block]] = [[terms.transform(split.texts or [])] for split in splits]
    beside = fit_image_features(train.images, BESIDE_TEXTS)
    both = [[*own, beside.transform(split.images)] for own, split in zip(texts, splits, strict=True)]
    return {"text": texts, "image": images, "both": both}


def _find_suspicious(
    classifier: LinearClassifier, splits: Sequence[_Split], blocks: Sequence[Sequence[Block]], task: Task
) -> list[dict[str, Any]]:
    """The lines of ``suspicious_labels.jsonl``: rows of train are scored out of fold, all others by the classifier."""
    truths = [indicate_labels(split.labels, classifier.labels) for split in splits]
    classes = truths[0].astype(np.int64) if task == "multilabel" else truths[0].argmax(axis=1)
    folds = make_folds(classes, splits[0].groups, _SEED)
    held_out = out_of_fold_scores(blocks[0], truths[0], task, folds, _RANKING_ITERATIONS)
    judge = fit_judge(held_out, truths[0], task)
    scores = [held_out, *(classifier.predict_scores(of_split) for of_split in blocks[1:])]
    found = [
        (each, split)
        for split, of_split, truth in zip(splits, scores, truths, strict=True)
        for each in list_contradictions(judge, of_split, truth, classifier.labels)
    ]
    found.sort(key=lambda pair: -pair[0].confidence)
    return [_describe(each, split) for each, split in found[:_MAX_SUSPICIOUS]]


def _describe(found: Contradiction, split: _Split) -> dict[str, Any]:
    return {
        "id": split.ids[found.row],
        "split": split.name,
        "place": found.row * split.stride,
        "given": split.labels[found.row],
        "suggested": found.suggested,
        "confidence": round(found.confidence, 4),
    }


def _replace_unknown(labels: tuple[str, ...], known: set[str], unknown: str | None) -> tuple[str, ...]:
    """The labels of a row of test, of which those that train lacks count as another one, if there is such an option."""
    if unknown is None:
        return labels
    return tuple(dict.fromkeys(label if label in known else unknown for label in labels))


def _measure(
    classifier: LinearClassifier, scores: NDArray[np.float32], actual: Sequence[Sequence[str]], task: Task
) -> dict[str, float]:
    truth = indicate_labels(actual, classifier.labels)
    labels = truth if task == "multilabel" else np.where(truth.any(axis=1), truth.argmax(axis=1), -1)
    accumulator = MetricAccumulator(
        task, len(classifier.labels), 1, classifier.thresholds, classifier.at_least_one
    ).add(labels, scores)
    return {metric: accumulator.value(metric) for metric in _METRICS}


def _write_predictions(uri: str, ids: Sequence[str], columns: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Writes the ids and lists of labels as columns of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    lists = {name: pa.array(map(list, rows), pa.list_(pa.string())) for name, rows in columns.items()}
    content = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(ids, pa.string()), **lists}), content)
    with fileio.open(os.path.join(uri, PREDICTIONS_FILE), "wb") as file:
        file.write(content.getvalue())


def _write_lines(uri: str, name: str, lines: Sequence[Mapping[str, Any]]) -> None:
    with fileio.open(os.path.join(uri, name), "w") as file:
        file.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


class LinearBaselineSpec(ComponentSpec):
    """Input, output and parameters of LinearBaseline."""

    PARAMETERS = {
        "image_options": ExecutionParameter(type=str),
        "text_options": ExecutionParameter(type=str),
        "label_options": ExecutionParameter(type=str),
        "threshold_options": ExecutionParameter(type=str),
        "task": ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"metrics": ChannelParameter(type=Metrics)}


class LinearBaseline(base_component.BaseComponent):
    """Evaluates linear models on the same splits as the network: of texts, of images, and of both."""

    SPEC_CLASS = LinearBaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(LinearBaselineExecutor)

    def __init__(
        self,
        examples: types.BaseChannel,
        image: ImageOptions,
        text: TextOptions | None,
        label: LabelOptions,
        train: TrainOptions,
        code: str,
    ) -> None:
        """Constructs the component.

        Args:
            image: how the examples' images are stored.
            text: the text options of the network; None if the examples have no texts.
            label: what labels of test count as that train lacks.
            train: the options of training, of which the task and the choice of thresholds matter here.
            code: a digest of the component's code, part of the cache key.
        """
        super().__init__(
            LinearBaselineSpec(
                examples=examples,
                metrics=types.Channel(type=Metrics),
                image_options=image.model_dump_json(),
                text_options=serialize_text_options(text),
                label_options=label.model_dump_json(),
                threshold_options=train.thresholds.model_dump_json(),
                task=train.task,
                code=code,
            )
        )
