"""The component LinearBaseline and its executor."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from diptych.components.artifact_types import Metrics
from diptych.components.artifacts import METRICS_FILE, write_json
from diptych.models import features
from diptych.models.labels import Task
from diptych.models.text.baseline import fit_baseline, score_labels
from diptych.models.text.options import TextOptions
from diptych.models.tfrecords import list_split_files, read_records


class LinearBaselineExecutor(base_executor.BaseExecutor):
    """Fits on train and scores on test."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes ``metrics.json`` with what ``score_labels`` gives: ``accuracy`` and ``macro_f1`` at least."""
        examples = artifact_utils.get_single_uri(input_dict["examples"])
        options = TextOptions.model_validate_json(exec_properties["text_options"])
        task: Task = exec_properties["task"]
        model = fit_baseline(*_texts_and_labels(examples, features.TRAIN, task), options, task)
        texts, labels = _texts_and_labels(examples, features.TEST, task)
        figures = score_labels(labels, model.predict(texts).tolist(), task)
        write_json(artifact_utils.get_single_uri(output_dict["metrics"]), METRICS_FILE, figures)


def _texts_and_labels(examples_uri: str, split: str, task: Task) -> tuple[list[str], list[Any]]:
    """The description of each record, and its label or, of multilabel, the tuple of its labels."""
    spec = {**features.parsing_spec([features.DESCRIPTION]), **features.label_spec(task)}
    records = read_records(list_split_files(examples_uri, split))
    batches = records.batch(512).map(lambda batch: tf.io.parse_example(batch, spec))
    texts: list[str] = []
    labels: list[Any] = []
    for batch in batches:
        texts += [text.decode() for text in batch[features.DESCRIPTION].numpy()]
        if task == "multilabel":
            labels += [tuple(label.decode() for label in row) for row in batch[features.LABEL].to_list()]
        else:
            labels += [label.decode() for label in batch[features.LABEL].numpy()]
    return texts, labels


class LinearBaselineSpec(ComponentSpec):
    """Input, output and options of LinearBaseline."""

    PARAMETERS = {
        "text_options": ExecutionParameter(type=str),
        "task": ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"metrics": ChannelParameter(type=Metrics)}


class LinearBaseline(base_component.BaseComponent):
    """Scores scikit-learn's vectoriser and logistic regression on the splits that the network gets."""

    SPEC_CLASS = LinearBaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(LinearBaselineExecutor)

    def __init__(self, examples: types.BaseChannel, text: TextOptions, task: Task, code: str) -> None:
        """Constructs the component from Examples, the network's text options and task, and a digest of its code."""
        super().__init__(
            LinearBaselineSpec(
                examples=examples,
                metrics=types.Channel(type=Metrics),
                text_options=text.model_dump_json(),
                task=task,
                code=code,
            )
        )
