"""The component LinearBaseline and its executor."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from diptych.components.artifact_types import ArtifactsByKey, Metrics
from diptych.components.artifacts import METRICS_FILE, write_json
from diptych.components.example_columns import read_columns
from diptych.models import features
from diptych.models.labels import Task
from diptych.models.text.baseline import fit_baseline, score_labels
from diptych.models.text.options import TextOptions
from diptych.models.tfrecords import list_split_files


class LinearBaselineExecutor(base_executor.BaseExecutor):
    """Fits the linear baseline on train and evaluates it on test."""

    def Do(self, input_dict: ArtifactsByKey, output_dict: ArtifactsByKey, exec_properties: dict[str, Any]) -> None:
        """Writes the metrics that ``score_labels`` gives to ``metrics.json``."""
        examples = artifact_utils.get_single_uri(input_dict["examples"])
        options = TextOptions.model_validate_json(exec_properties["text_options"])
        task: Task = exec_properties["task"]
        model = fit_baseline(*_read_texts_and_labels(examples, features.TRAIN, task), options, task)
        texts, labels = _read_texts_and_labels(examples, features.TEST, task)
        metrics = score_labels(labels, model.predict(texts).tolist(), task)
        write_json(artifact_utils.get_single_uri(output_dict["metrics"]), METRICS_FILE, metrics)


def _read_texts_and_labels(examples_uri: str, split: str, task: Task) -> tuple[list[str], list[Any]]:
    """The description of each example, and its label; for multilabel, the tuple of its labels."""
    columns = read_columns(list_split_files(examples_uri, split), [features.DESCRIPTION])
    labels = columns.labels if task == "multilabel" else [label for (label,) in columns.labels]
    return columns.values[features.DESCRIPTION].tolist(), labels


class LinearBaselineSpec(ComponentSpec):
    """Input, output and parameters of LinearBaseline."""

    PARAMETERS = {
        "text_options": ExecutionParameter(type=str),
        "task": ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"metrics": ChannelParameter(type=Metrics)}


class LinearBaseline(base_component.BaseComponent):
    """Evaluates scikit-learn's vectoriser and logistic regression on the same splits as the network."""

    SPEC_CLASS = LinearBaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(LinearBaselineExecutor)

    def __init__(self, examples: types.BaseChannel, text: TextOptions, task: Task, code: str) -> None:
        """Constructs the component.

        Args:
            text: the text options of the network.
            task: the task of the network.
            code: a digest of the component's code, part of the cache key.
        """
        super().__init__(
            LinearBaselineSpec(
                examples=examples,
                metrics=types.Channel(type=Metrics),
                text_options=text.model_dump_json(),
                task=task,
                code=code,
            )
        )
