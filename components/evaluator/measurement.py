"""Models measured on the test split with TensorFlow Model Analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from numpy.typing import NDArray
from tensorflow_model_analysis.api import model_eval_lib
from tfx import types
from tfx.components.util import tfxio_utils
from tfx.types import artifact_utils
from tfx.utils import io_utils
from tfx_bsl.tfxio import tensor_adapter

from diptych.components.evaluator.decision import SliceMetrics
from diptych.components.evaluator.eval_config import make_eval_config
from diptych.components.evaluator.metrics import CANDIDATE, CONFUSION, COUNTS
from diptych.components.evaluator.options import EvaluateOptions
from diptych.components.evaluator.row_scores import WriteRowScores
from diptych.components.evaluator.slices import add_bucket_extractor, slice_name
from diptych.models.features import TEST
from diptych.models.metrics import METRICS
from diptych.models.serving.card import ModelCard

_TELEMETRY = ["Evaluator"]


@dataclass(frozen=True)
class EvaluatedModel:
    """A model that is evaluated: the folder of its SavedModel, and its card."""

    folder: str
    card: ModelCard


def measure(
    pipeline: Any,
    examples: Sequence[types.Artifact],
    schema: str,
    models: Mapping[str, EvaluatedModel],
    options: EvaluateOptions,
    evaluation: str,
) -> None:
    """Runs TFMA in a Beam pipeline, and writes the scores of every row beside its results.

    Args:
        pipeline: an empty Beam pipeline, which the caller runs.
        examples: the artifact with the test split.
        schema: the folder of the schema; the features that it describes are read, so not the pixels.
        models: ``CANDIDATE``, and ``BLESSED`` if there is a last blessed model, to what they are.
        evaluation: the folder for the results.
    """
    config = make_eval_config(options, {name: model.card for name, model in models.items()})
    shared = [
        tfma.default_eval_shared_model(eval_saved_model_path=model.folder, model_name=name, eval_config=config)
        for name, model in models.items()
    ]
    only_or_all = shared[0] if len(shared) == 1 else shared
    factory = tfxio_utils.get_tfxio_factory_from_artifact(
        examples=list(examples),
        telemetry_descriptors=_TELEMETRY,
        schema=io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema)),
        raw_record_column_name=tfma.ARROW_INPUT_COLUMN,
    )
    (split,) = artifact_utils.get_split_uris(list(examples), TEST)
    source = factory(io_utils.all_files_pattern(split))
    adapter = tensor_adapter.TensorAdapterConfig(source.ArrowSchema(), source.TensorRepresentations())
    extractors = model_eval_lib.default_extractors(
        eval_shared_model=only_or_all, eval_config=config, tensor_adapter_config=adapter
    )
    rows = tfma.extractors.Extractor("RowScores", WriteRowScores(evaluation, config, list(models)))
    _ = (
        pipeline
        | "ReadTest" >> source.BeamSource()
        | "Evaluate"
        >> tfma.ExtractEvaluateAndWriteResults(
            eval_shared_model=only_or_all,
            eval_config=config,
            extractors=[*add_bucket_extractor(extractors, config), rows],
            output_path=evaluation,
            tensor_adapter_config=adapter,
        )
    )


def read_slice_metrics(evaluation: str) -> dict[str, SliceMetrics]:
    """Model name to slice to metric to value, from TFMA's evaluation."""
    names = [spec.name for spec in tfma.load_eval_result(evaluation).config.model_specs]
    # TFMA leaves the name out if there is one model only.
    return {name or CANDIDATE: _read_slices(evaluation, name) for name in names}


def _read_slices(evaluation: str, model: str) -> dict[str, dict[str, float]]:
    result = tfma.load_eval_result(evaluation, model_name=model)
    return {slice_name(key): _convert_metrics(metrics) for key, metrics in result.slicing_metrics}


def _convert_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    values = metrics[""][""]
    converted = {metric: float(values[metric]["doubleValue"]) for metric in METRICS}
    return {**converted, "examples": float(values["example_count"]["doubleValue"])}


def read_label_counts(evaluation: str) -> NDArray[np.int64]:
    """``MetricAccumulator.counts`` of the candidate on the whole test split."""
    numbers = _read_whole_split(evaluation)[COUNTS]["arrayValue"]["int64Values"]
    return np.array([int(number) for number in numbers], np.int64).reshape(-1, 3)


def read_confusion(evaluation: str, labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Actual label to predicted label to number of examples; an actual label that train lacks is ``""``."""
    found: dict[str, dict[str, int]] = {}
    (matrix,) = _read_whole_split(evaluation)[CONFUSION]["multiClassConfusionMatrixAtThresholds"]["matrices"]
    for entry in matrix.get("entries", ()):
        # Protobuf's JSON leaves ids out that are 0.
        actual, predicted = int(entry.get("actualClassId", 0)), int(entry.get("predictedClassId", 0))
        of_actual = found.setdefault(labels[actual] if actual >= 0 else "", {})
        of_actual[labels[predicted]] = int(entry["numWeightedExamples"])
    return found


def _read_whole_split(evaluation: str) -> Mapping[str, Any]:
    """TFMA's metrics of the candidate on the whole test split."""
    spec = tfma.load_eval_result(evaluation).config.model_specs[0]
    result = tfma.load_eval_result(evaluation, model_name=spec.name)
    return next(metrics[""][""] for key, metrics in result.slicing_metrics if not key)
