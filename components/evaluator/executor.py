"""The executor of Evaluator."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from tfx import types
from tfx.components.evaluator import constants, executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import path_utils, proto_utils

from diptych.components.artifacts import (
    CONFUSION_FILE,
    DECISION_FILE,
    METRICS_FILE,
    PER_LABEL_FILE,
    read_json,
    write_json,
)
from diptych.components.beam import LeanBeamExecutor
from diptych.components.evaluator.blessed import as_model_artifact, incomparable
from diptych.components.evaluator.config import BLESSED, CANDIDATE, eval_config
from diptych.components.evaluator.criteria import Criterion, criteria
from diptych.components.evaluator.metrics import CONFUSION, COUNTS
from diptych.components.evaluator.options import EvaluateOptions
from diptych.components.evaluator.slices import slice_name
from diptych.models.metrics import METRICS, per_label_metrics
from diptych.models.serving.card import read_card
from diptych.models.version_directories import latest_version

LINEAR_BASELINE_KEY = "linear_baseline"
EVALUATE_OPTIONS_KEY = "evaluate_options"
PUSH_DIRECTORY_KEY = "push_directory"

# TFX's name of the property by which an evaluation gets extractors of its own.
_EXTRACTORS_KEY = "custom_extractors"

Slices = Mapping[str, Mapping[str, Mapping[str, float]]]


class EvaluatorExecutor(LeanBeamExecutor, executor.Executor):
    """TFX's Evaluator, told at run time what to compare with; it also writes down why it decided as it did."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates, blesses or not, and writes into the evaluation what it came to.

        ``decision.json`` says why; ``per_label.json`` has the ``per_label_metrics`` of each label, ``confusion.json``
        (multiclass) how often each label was answered as which, both of the whole split.
        """
        options = EvaluateOptions.model_validate_json(exec_properties[EVALUATE_OPTIONS_KEY])
        evaluation = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        linear = read_json(artifact_utils.get_single_uri(input_dict[LINEAR_BASELINE_KEY]), METRICS_FILE)
        candidate = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        card = read_card(path_utils.serving_model_path(candidate.uri))
        work_uri = os.path.join(evaluation, ".blessed")
        blessed, note = self._add_last_blessed(input_dict, exec_properties[PUSH_DIRECTORY_KEY], work_uri)
        compared = blessed is not None
        asked = criteria(options, linear, compared)
        config = eval_config(options, card, asked, compared)
        exec_properties[standard_component_specs.EVAL_CONFIG_KEY] = proto_utils.proto_to_json(config)
        exec_properties[_EXTRACTORS_KEY] = "diptych.components.evaluator.slices.custom_extractors"
        super().Do(input_dict, output_dict, exec_properties)
        if compared:
            fileio.rmtree(work_uri)
            # TFX notes the number of the copy, which no metadata store has; Kubeflow's entry point would look it up.
            blessing = artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY])
            blessing.mlmd_artifact.custom_properties.pop(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, None)

        slices = read_slices(evaluation)
        decision = decide(slices, asked)
        decision |= {"task": card.task, "linear_baseline": linear, "last_blessed": blessed}
        decision |= {"slices": slices[CANDIDATE], "last_blessed_slices": slices.get(BLESSED, {})}
        if note:
            decision["reasons"].append(note)
        self._agree_with_tfma(decision, evaluation)
        write_json(evaluation, DECISION_FILE, decision)
        _write_labels(evaluation, card.labels)

    @staticmethod
    def _add_last_blessed(
        input_dict: dict[str, list[types.Artifact]], push_directory: str, work_uri: str
    ) -> tuple[str | None, str | None]:
        """Gives the last blessed model to TFMA; returns its folder, and why it is not compared where it is not."""
        blessed = latest_version(push_directory)
        if blessed is None:
            return None, None
        candidate = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        if reason := incomparable(path_utils.serving_model_path(candidate.uri), blessed):
            return None, f"not compared with the last blessed model '{blessed}': {reason}"
        input_dict[standard_component_specs.BASELINE_MODEL_KEY] = [as_model_artifact(blessed, work_uri)]
        return blessed, None

    @staticmethod
    def _agree_with_tfma(decision: Mapping[str, Any], evaluation: str) -> None:
        """Proves that the reasons given are those of the decision taken."""
        validation = tfma.load_validation_result(evaluation)
        if validation.validation_ok != decision["blessed"]:
            raise RuntimeError(f"TFMA decided {validation.validation_ok}, the reasons say {decision}: {validation}")


def decide(slices: Slices, asked: list[Criterion]) -> dict[str, Any]:
    """The decision and its reasons: those that failed, or, of a blessed model, all that it meets.

    Args:
        slices: model name to slice to metrics; the whole split is the slice ``""``.
    """
    metrics = slices[CANDIDATE][""]
    reference = slices.get(BLESSED, {}).get("", {})
    answers: list[tuple[bool, str]] = []
    for one in asked:
        if one.slices:
            answers += _explain_slices(one, slices[CANDIDATE])
        else:
            answers.append(one.explain(metrics[one.metric], reference.get(one.metric, 0.0)))
    blessed = all(met for met, _ in answers)
    reasons = [text for met, text in answers if met == blessed]
    return {"metrics": metrics, "blessed": blessed, "reasons": reasons}


def _explain_slices(asked: Criterion, slices: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[bool, str]]:
    """One answer for each slice that does not meet the criterion; one for all together if there is none."""
    judged = failed = 0
    for feature in asked.slices:
        of_feature = {name: figures for name, figures in slices.items() if name.startswith(f"{feature}=")}
        if not of_feature:
            # What TFMA finds no slice of, it refuses.
            failed += 1
            yield False, f"no example of the test split has '{feature}' ({asked.source})"
        for name, figures in sorted(of_feature.items()):
            if figures["examples"] < asked.min_examples:
                continue
            judged += 1
            met, text = asked.explain(figures[asked.metric])
            if not met:
                failed += 1
                yield False, f"{name}, {figures['examples']:,.0f} examples: {text}"
    if not failed:
        which = f"all {judged} slices of at least {asked.min_examples} examples"
        yield True, f"{asked.metric} meets {asked.bound:.4f} on {which} ({asked.source})"


def read_slices(evaluation: str) -> dict[str, dict[str, dict[str, float]]]:
    """Model name to slice (``""``, or ``feature=value``) to metric name to value."""
    models = [spec.name for spec in tfma.load_eval_result(evaluation).config.model_specs]
    # TFMA drops the name of an only model.
    return {name or CANDIDATE: _slices_of(evaluation, name) for name in models}


def _slices_of(evaluation: str, model: str) -> dict[str, dict[str, float]]:
    result = tfma.load_eval_result(evaluation, model_name=model)
    return {slice_name(key): _figures(metrics) for key, metrics in result.slicing_metrics}


def _figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    values = metrics[""][""]
    figures = {metric: float(values[metric]["doubleValue"]) for metric in METRICS}
    return {**figures, "examples": float(values["example_count"]["doubleValue"])}


def _write_labels(evaluation: str, labels: Sequence[str]) -> None:
    values = _whole_split(evaluation)
    numbers = values[COUNTS]["arrayValue"]["int64Values"]
    counts = np.array([int(number) for number in numbers], np.int64).reshape(-1, 3)
    write_json(evaluation, PER_LABEL_FILE, dict(zip(labels, per_label_metrics(counts), strict=True)))
    write_json(evaluation, CONFUSION_FILE, _confusion(values[CONFUSION], labels))


def _whole_split(evaluation: str) -> Mapping[str, Any]:
    spec = tfma.load_eval_result(evaluation).config.model_specs[0]
    result = tfma.load_eval_result(evaluation, model_name=spec.name)
    return next(metrics[""][""] for key, metrics in result.slicing_metrics if not key)


def _confusion(value: Mapping[str, Any], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Actual label to answered label to number of examples; an actual label that training did not know is ``""``."""
    found: dict[str, dict[str, int]] = {}
    (matrix,) = value["multiClassConfusionMatrixAtThresholds"]["matrices"]
    for entry in matrix.get("entries", ()):
        # Protobuf leaves zeros out.
        actual, answered = int(entry.get("actualClassId", 0)), int(entry.get("predictedClassId", 0))
        of_actual = found.setdefault(labels[actual] if actual >= 0 else "", {})
        of_actual[labels[answered]] = int(entry["numWeightedExamples"])
    return found
