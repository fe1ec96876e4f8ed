"""The scores of every row of test, which Apache Beam writes beside TFMA's metrics and the executor reads again.

TFMA keeps sums only. A test whether one model is better than another needs to know which rows each has right.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet
from scipy.sparse import csr_matrix
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tfx.dsl.io import fileio

from diptych.components.artifacts import CALIBRATION_FILE, PREDICTIONS_FILE, write_json
from diptych.models.features import ID
from diptych.models.serving.card import ModelCard
from diptych.models.statistics.row_predictions import RowPredictions, RowScores, label_names, predictions_by_name
from diptych.models.thresholds import predict_labels

_FILE = "row_scores.parquet"


class WriteRowScores(beam.PTransform):
    """Writes the ids, labels and scores of extracts, of one example each, and returns the extracts.

    Args:
        folder: where the file is written.
        eval_config: of the evaluation.
        models: the names of the models.
    """

    def __init__(self, folder: str, eval_config: Any, models: Sequence[str]) -> None:
        super().__init__()
        self._folder, self._eval_config, self._models = folder, eval_config, models

    def expand(self, extracts: Any) -> Any:
        numbers = pa.list_(pa.float32())
        columns = [(f"{model}_{kind}", numbers) for model in self._models for kind in ("labels", "scores")]
        sink = beam.io.WriteToParquet(
            os.path.join(self._folder, _FILE),
            pa.schema([(ID, pa.binary()), *columns]),
            num_shards=1,
            shard_name_template="",
        )
        _ = extracts | "RowScores" >> beam.Map(_row_scores, self._eval_config, self._models) | "WriteRowScores" >> sink
        return extracts


def _row_scores(extracts: Mapping[str, Any], eval_config: Any, models: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {ID: np.ravel(extracts[constants.FEATURES_KEY][ID])[0]}
    for model in models:
        # TFMA leaves the name out if there is one model only.
        name = model if len(models) > 1 else ""
        label, scores, _ = next(
            metric_util.to_label_prediction_example_weight(
                metric_types.StandardMetricInputs(extracts),
                eval_config=eval_config,
                model_name=name,
                flatten=False,
            )
        )
        row |= {f"{model}_labels": np.ravel(label).astype(float), f"{model}_scores": np.ravel(scores).astype(float)}
    return row


def take_row_scores(folder: str, cards: Mapping[str, ModelCard], top_k: int) -> dict[str, RowPredictions]:
    """Reads what ``WriteRowScores`` wrote, as predictions, and removes the file.

    Args:
        cards: the name of each model to its card.
        top_k: see ``MetricAccumulator``.

    Returns:
        The name of each model to its predictions. All have the labels of the first model in its order.
    """
    path = os.path.join(folder, _FILE)
    with fileio.open(path, "rb") as file:
        table = parquet.read_table(io.BytesIO(file.read()))
    fileio.remove(path)
    ids = [value.decode(errors="replace") for value in table[ID].to_pylist()]
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), int)
    labels = next(iter(cards.values())).labels
    found = {}
    for name, card in cards.items():
        columns = [card.labels.index(label) for label in labels]
        scores = _read_matrix(table[f"{name}_scores"], order)[:, columns]
        actual = _read_actual(_read_matrix(table[f"{name}_labels"], order), card, columns)
        thresholds = None if card.thresholds is None else [card.thresholds[column] for column in columns]
        predicted = predict_labels(scores, thresholds, card.at_least_one)
        found[name] = RowPredictions(
            [ids[row] for row in order],
            labels,
            csr_matrix(actual, dtype=np.float32),
            csr_matrix(predicted, dtype=np.float32),
            RowScores(card.task, top_k, scores, actual),
        )
    return found


def _read_matrix(column: Any, order: NDArray[np.int_]) -> NDArray[np.float32]:
    """float32 ``[rows, values]`` of a column that has as many values in every row."""
    values = column.combine_chunks().flatten().to_numpy()
    return np.asarray(values.reshape(len(order), -1)[order])


def _read_actual(values: NDArray[np.float32], card: ModelCard, columns: Sequence[int]) -> NDArray[np.bool_]:
    """bool ``[rows, labels]``; no label of a multiclass row is true whose label the model does not know."""
    return np.asarray(values[:, columns] > 0 if card.task == "multilabel" else values == np.array(columns))


def read_baseline_predictions(uri: str) -> dict[str, RowPredictions]:
    """The linear baseline's predictions on each modality; empty if an earlier version made it, which kept none."""
    path = os.path.join(uri, PREDICTIONS_FILE)
    if not fileio.exists(path):
        return {}
    with fileio.open(path, "rb") as file:
        columns = parquet.read_table(io.BytesIO(file.read())).to_pydict()
    ids, actual = columns.pop("id"), columns.pop("label")
    return {modality: predictions_by_name(ids, actual, predicted) for modality, predicted in columns.items()}


def write_predictions(uri: str, predictions: RowPredictions) -> None:
    """Writes the predictions of a model, and how they are calibrated, as ``diptych.components.artifacts`` describes."""
    assert predictions.scores is not None
    mistakes = predictions.worst_mistakes()
    table = pa.table(
        {
            "id": pa.array(predictions.ids, pa.string()),
            "label": pa.array(label_names(predictions.actual, predictions.labels), pa.list_(pa.string())),
            "predicted": pa.array(label_names(predictions.predicted, predictions.labels), pa.list_(pa.string())),
            "score": pa.array(predictions.scores.scores.max(axis=1), pa.float32()),
            "wrong": pa.array([mistake and mistake[0] for mistake in mistakes], pa.string()),
            "wrong_score": pa.array([mistake and mistake[1] for mistake in mistakes], pa.float32()),
        }
    )
    content = io.BytesIO()
    parquet.write_table(table, content)
    fileio.makedirs(uri)
    with fileio.open(os.path.join(uri, PREDICTIONS_FILE), "wb") as file:
        file.write(content.getvalue())
    write_json(uri, CALIBRATION_FILE, [asdict(each) for each in predictions.scores.calibration()])
