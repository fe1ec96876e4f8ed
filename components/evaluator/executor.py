"""The executor of Evaluator."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, path_utils

from diptych.components.artifact_links import plain_uris
from diptych.components.artifact_types import ArtifactsByKey
from diptych.components.artifacts import (
    CONFUSION_FILE,
    DECISION_FILE,
    LAST_BLESSED,
    METRICS_FILE,
    PER_LABEL_FILE,
    baseline_name,
    read_json,
    write_json,
)
from diptych.components.beam_executor import UnpackagedBeamExecutor
from diptych.components.evaluator.criteria import make_criteria
from diptych.components.evaluator.decision import OtherModel, decide, find_few_rows, gather_evidence
from diptych.components.evaluator.last_blessed import reason_not_comparable
from diptych.components.evaluator.measurement import (
    EvaluatedModel,
    measure,
    read_confusion,
    read_label_counts,
    read_slice_metrics,
)
from diptych.components.evaluator.metrics import BLESSED, CANDIDATE
from diptych.components.evaluator.options import EvaluateOptions
from diptych.components.evaluator.row_scores import read_baseline_predictions, take_row_scores, write_predictions
from diptych.models.metrics import per_label_metrics
from diptych.models.pattern_signs import plain_paths
from diptych.models.serving.card import read_card
from diptych.models.serving.whole_model import find_whole_model

LINEAR_BASELINE_KEY = "linear_baseline"
EVALUATE_OPTIONS_KEY = "evaluate_options"
PUSH_DIRECTORY_KEY = "push_directory"


class EvaluatorExecutor(UnpackagedBeamExecutor):
    """Measures the model with TensorFlow Model Analysis, compares it with others row by row, and decides.

    TFX's own executor decides by TFMA's thresholds, which know no rows and so no chance.
    """

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Evaluates the model on the test split, blesses it or not, and adds five files to TFMA's evaluation.

        ``decision.json`` has the decision with its reasons, the metrics of every slice, and how the model compares with
        others; ``predictions.parquet`` its prediction for each row, and ``calibration.json`` how often it is right, by
        its confidence; ``per_label.json`` the ``per_label_metrics`` of each label, and ``confusion.json`` (multiclass)
        how often each label was predicted for which.
        """
        with plain_uris(input_dict, output_dict):
            decision = self._evaluate(input_dict, output_dict, exec_properties)
            model = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
            blessing = artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY])
            write_blessing(blessing, model, decision["blessed"])

    def _evaluate(
        self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]
    ) -> dict[str, Any]:
        """Writes the files, and returns what is in ``decision.json``."""
        options = EvaluateOptions.model_validate_json(exec_properties[EVALUATE_OPTIONS_KEY])
        evaluation = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        linear_uri = artifact_utils.get_single_uri(input_dict[LINEAR_BASELINE_KEY])
        model = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        models, notes = find_models(path_utils.serving_model_path(model.uri), exec_properties[PUSH_DIRECTORY_KEY])
        card = models[CANDIDATE].card

        self._measure(input_dict, models, options, evaluation)
        predictions = take_row_scores(evaluation, {name: each.card for name, each in models.items()}, options.top_k)
        slices = read_slice_metrics(evaluation)
        baselines = _read_baselines(linear_uri)
        last = {LAST_BLESSED: OtherModel(slices[BLESSED][""], predictions[BLESSED])} if BLESSED in models else {}
        evidence = gather_evidence(
            card.task, slices[CANDIDATE], predictions[CANDIDATE], {**baselines, **last}, options.confidence
        )
        few = find_few_rows(evidence)
        decision = decide(evidence, make_criteria(options, card.task, list(baselines), next(iter(last), None))) | {
            "task": card.task,
            "confidence": options.confidence,
            "notes": notes + ([few] if few else []),
            "linear_baseline": read_json(linear_uri, METRICS_FILE),
            "last_blessed": models[BLESSED].folder if BLESSED in models else None,
            "slices": slices[CANDIDATE],
            "last_blessed_slices": slices.get(BLESSED, {}),
        }
        write_json(evaluation, DECISION_FILE, decision)
        write_predictions(evaluation, predictions[CANDIDATE])
        _write_label_files(evaluation, card.labels)
        return decision

    def _measure(
        self,
        input_dict: ArtifactsByKey,
        models: Mapping[str, EvaluatedModel],
        options: EvaluateOptions,
        evaluation: str,
    ) -> None:
        examples = input_dict[standard_component_specs.EXAMPLES_KEY]
        schema = artifact_utils.get_single_uri(input_dict[standard_component_specs.SCHEMA_KEY])
        with plain_paths(model.folder for model in models.values()) as links, self._make_beam_pipeline() as pipeline:
            reached = {
                name: EvaluatedModel(links.get(model.folder, model.folder), model.card)
                for name, model in models.items()
            }
            measure(pipeline, examples, schema, reached, options, evaluation)
        # TFMA's own verdict: without thresholds it says that none is met.
        for path in fileio.glob(os.path.join(evaluation, f"{tfma.VALIDATIONS_KEY}*")):
            fileio.remove(path)


def _read_baselines(uri: str) -> dict[str, OtherModel]:
    """The linear baselines by their names."""
    predictions = read_baseline_predictions(uri)
    # A baseline for multiclass may leave micro-F1 out, because there it equals the accuracy.
    return {
        baseline_name(modality): OtherModel({"micro_f1": metrics["accuracy"], **metrics}, predictions.get(modality))
        for modality, metrics in read_json(uri, METRICS_FILE).items()
    }


def _write_label_files(evaluation: str, labels: Sequence[str]) -> None:
    per_label = per_label_metrics(read_label_counts(evaluation))
    write_json(evaluation, PER_LABEL_FILE, dict(zip(labels, per_label, strict=True)))
    write_json(evaluation, CONFUSION_FILE, read_confusion(evaluation, labels))


def find_models(candidate: str, push_directory: str) -> tuple[dict[str, EvaluatedModel], list[str]]:
    """The models to evaluate: the candidate, and the last blessed one if it scores the same records.

    Args:
        candidate: the folder of the candidate's SavedModel.
        push_directory: where Pusher puts blessed models.

    Returns:
        ``CANDIDATE``, and ``BLESSED`` if it is compared with, to the model; and a sentence about each pushed model that
        is not compared with, though it is later.
    """
    models = {CANDIDATE: EvaluatedModel(candidate, read_card(candidate))}
    found = find_whole_model(push_directory)
    blessed, notes = found.folder, found.passed_over
    if blessed is None:
        return models, notes
    if reason := reason_not_comparable(candidate, blessed):
        return models, [*notes, f"not compared with the last blessed model '{blessed}': {reason}"]
    return {**models, BLESSED: EvaluatedModel(blessed, read_card(blessed))}, notes


def write_blessing(blessing: types.Artifact, model: types.Artifact, blessed: bool) -> None:
    """Writes what TFX's Evaluator does, by which Pusher and other components of TFX know the decision."""
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    name, value = (
        (constants.BLESSED_FILE_NAME, constants.BLESSED_VALUE)
        if blessed
        else (constants.NOT_BLESSED_FILE_NAME, constants.NOT_BLESSED_VALUE)
    )
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
