"""The executor of Evaluator."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from tfx.components.evaluator import constants, executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import path_utils, proto_utils

from diptych.components.artifact_types import ArtifactsByKey
from diptych.components.artifacts import (
    CONFUSION_FILE,
    DECISION_FILE,
    METRICS_FILE,
    PER_LABEL_FILE,
    read_json,
    write_json,
)
from diptych.components.beam_executor import UnpackagedBeamExecutor
from diptych.components.evaluator.criteria import Criterion, CriterionResult, make_criteria
from diptych.components.evaluator.eval_config import BLESSED, CANDIDATE, make_eval_config
from diptych.components.evaluator.last_blessed import copy_as_model_artifact, reason_not_comparable
from diptych.components.evaluator.metrics import CONFUSION, COUNTS
from diptych.components.evaluator.options import EvaluateOptions
from diptych.components.evaluator.slices import custom_extractors, slice_name
from diptych.models.metrics import METRICS, per_label_metrics
from diptych.models.serving.card import read_card
from diptych.models.version_directories import latest_version

LINEAR_BASELINE_KEY = "linear_baseline"
EVALUATE_OPTIONS_KEY = "evaluate_options"
PUSH_DIRECTORY_KEY = "push_directory"

# The property with which TFX's executor is given the import path of a function that makes extractors.
_EXTRACTORS_KEY = "custom_extractors"

#: Slice (``""`` is the whole test split, else ``feature=value``) to metric to value.
SliceMetrics = Mapping[str, Mapping[str, float]]


class EvaluatorExecutor(UnpackagedBeamExecutor, executor.Executor):
    """TFX's Evaluator, whose thresholds and baseline model are found at run time, and which explains its decision."""

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Evaluates the model on the test split, blesses it or not, and adds three files to TFMA's evaluation.

        ``decision.json`` has the decision with its reasons and the metrics of every slice, ``per_label.json`` the
        ``per_label_metrics`` of each label, and ``confusion.json`` (multiclass) how often each label was predicted for
        which; the last two are of the whole split.
        """
        options = EvaluateOptions.model_validate_json(exec_properties[EVALUATE_OPTIONS_KEY])
        evaluation = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        linear = read_json(artifact_utils.get_single_uri(input_dict[LINEAR_BASELINE_KEY]), METRICS_FILE)
        candidate = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        card = read_card(path_utils.serving_model_path(candidate.uri))
        work_uri = os.path.join(evaluation, ".blessed")
        blessed, note = self._add_last_blessed(input_dict, exec_properties[PUSH_DIRECTORY_KEY], work_uri)
        has_blessed = blessed is not None
        criteria = make_criteria(options, linear, has_blessed)
        config = make_eval_config(options, card, criteria, has_blessed)
        exec_properties[standard_component_specs.EVAL_CONFIG_KEY] = proto_utils.proto_to_json(config)
        exec_properties[_EXTRACTORS_KEY] = f"{custom_extractors.__module__}.{custom_extractors.__name__}"
        super().Do(input_dict, output_dict, exec_properties)
        if has_blessed:
            fileio.rmtree(work_uri)
            # TFX records the id of the copied model, which is in no metadata store. Kubeflow would look it up.
            blessing = artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY])
            blessing.mlmd_artifact.custom_properties.pop(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, None)

        slices = read_slice_metrics(evaluation)
        decision = decide(slices, criteria)
        decision |= {"task": card.task, "linear_baseline": linear, "last_blessed": blessed}
        decision |= {"slices": slices[CANDIDATE], "last_blessed_slices": slices.get(BLESSED, {})}
        if note:
            decision["reasons"].append(note)
        self._check_agreement_with_tfma(decision, evaluation)
        write_json(evaluation, DECISION_FILE, decision)
        _write_label_files(evaluation, card.labels)

    @staticmethod
    def _add_last_blessed(
        input_dict: ArtifactsByKey, push_directory: str, work_uri: str
    ) -> tuple[str | None, str | None]:
        """Adds a copy of the last blessed model to the inputs.

        Returns:
            The model's folder, None if it is not compared with; and why not, None if there is no such model.
        """
        blessed = latest_version(push_directory)
        if blessed is None:
            return None, None
        candidate = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        if reason := reason_not_comparable(path_utils.serving_model_path(candidate.uri), blessed):
            return None, f"not compared with the last blessed model '{blessed}': {reason}"
        input_dict[standard_component_specs.BASELINE_MODEL_KEY] = [copy_as_model_artifact(blessed, work_uri)]
        return blessed, None

    @staticmethod
    def _check_agreement_with_tfma(decision: Mapping[str, Any], evaluation: str) -> None:
        """Raises RuntimeError if TFMA, whose decision counts, decided otherwise."""
        validation = tfma.load_validation_result(evaluation)
        if validation.validation_ok != decision["blessed"]:
            raise RuntimeError(f"TFMA decided {validation.validation_ok}, the reasons say {decision}: {validation}")


def decide(models: Mapping[str, SliceMetrics], criteria: Sequence[Criterion]) -> dict[str, Any]:
    """The decision and its reasons: the criteria that failed, or all of them if the model is blessed.

    Args:
        models: model name to its metrics.

    Returns:
        ``metrics`` of the candidate on the whole test split, ``blessed`` and ``reasons``.
    """
    metrics = models[CANDIDATE][""]
    reference = models.get(BLESSED, {}).get("", {})
    results: list[CriterionResult] = []
    for criterion in criteria:
        if criterion.slices:
            results += _evaluate_slices(criterion, models[CANDIDATE])
        else:
            results.append(criterion.evaluate(metrics[criterion.metric], reference.get(criterion.metric, 0.0)))
    blessed = all(result.met for result in results)
    reasons = [result.reason for result in results if result.met == blessed]
    return {"metrics": metrics, "blessed": blessed, "reasons": reasons}


def _evaluate_slices(criterion: Criterion, slices: SliceMetrics) -> Iterator[CriterionResult]:
    """A result for each slice that does not meet the criterion; a single one if all do."""
    evaluated = failed = 0
    for feature in criterion.slices:
        of_feature = {name: metrics for name, metrics in slices.items() if name.startswith(f"{feature}=")}
        if not of_feature:
            # TFMA does not bless a model if there is no slice to apply a threshold to.
            failed += 1
            yield CriterionResult(False, f"no example of the test split has '{feature}' ({criterion.source})")
        for name, metrics in sorted(of_feature.items()):
            if metrics["examples"] < criterion.min_examples:
                continue
            evaluated += 1
            result = criterion.evaluate(metrics[criterion.metric])
            if not result.met:
                failed += 1
                yield CriterionResult(False, f"{name}, {metrics['examples']:,.0f} examples: {result.reason}")
    if not failed:
        which = f"all {evaluated} slices of at least {criterion.min_examples} examples"
        yield CriterionResult(True, f"{criterion.metric} meets {criterion.bound:.4f} on {which} ({criterion.source})")


def read_slice_metrics(evaluation: str) -> dict[str, dict[str, dict[str, float]]]:
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


def _write_label_files(evaluation: str, labels: Sequence[str]) -> None:
    values = _read_whole_split(evaluation)
    numbers = values[COUNTS]["arrayValue"]["int64Values"]
    counts = np.array([int(number) for number in numbers], np.int64).reshape(-1, 3)
    write_json(evaluation, PER_LABEL_FILE, dict(zip(labels, per_label_metrics(counts), strict=True)))
    write_json(evaluation, CONFUSION_FILE, _convert_confusion(values[CONFUSION], labels))


def _read_whole_split(evaluation: str) -> Mapping[str, Any]:
    """TFMA's metrics of the candidate on the whole test split."""
    spec = tfma.load_eval_result(evaluation).config.model_specs[0]
    result = tfma.load_eval_result(evaluation, model_name=spec.name)
    return next(metrics[""][""] for key, metrics in result.slicing_metrics if not key)


def _convert_confusion(value: Mapping[str, Any], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Actual label to predicted label to number of examples; an actual label that train lacks is ``""``."""
    found: dict[str, dict[str, int]] = {}
    (matrix,) = value["multiClassConfusionMatrixAtThresholds"]["matrices"]
    for entry in matrix.get("entries", ()):
        # Protobuf's JSON leaves ids out that are 0.
        actual, predicted = int(entry.get("actualClassId", 0)), int(entry.get("predictedClassId", 0))
        of_actual = found.setdefault(labels[actual] if actual >= 0 else "", {})
        of_actual[labels[predicted]] = int(entry["numWeightedExamples"])
    return found
