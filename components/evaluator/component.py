"""The component Evaluator."""

from __future__ import annotations

from tfx import types
from tfx.components.evaluator import component
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import json_utils

from diptych.components.artifact_types import Metrics
from diptych.components.evaluator.executor import (
    EVALUATE_OPTIONS_KEY,
    LINEAR_BASELINE_KEY,
    PUSH_DIRECTORY_KEY,
    EvaluatorExecutor,
)
from diptych.components.evaluator.options import EvaluateOptions
from diptych.models.features import TEST


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """TFX's spec, with our options and the linear baseline added."""

    PARAMETERS = {
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        EVALUATE_OPTIONS_KEY: ExecutionParameter(type=str),
        PUSH_DIRECTORY_KEY: ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {
        **standard_component_specs.EvaluatorSpec.INPUTS,
        LINEAR_BASELINE_KEY: ChannelParameter(type=Metrics),
    }


class Evaluator(component.Evaluator):
    """Evaluates on the test split and blesses a model that meets every criterion."""

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(EvaluatorExecutor)

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        model: types.BaseChannel,
        linear_baseline: types.BaseChannel,
        options: EvaluateOptions,
        push_directory: str,
        code: str,
    ) -> None:
        """Constructs the component.

        Args:
            schema: TFMA reads the features that it describes, so not the pixels.
            push_directory: where Pusher puts blessed models; the latest version there is the last blessed model.
            code: a digest of the component's code, part of the cache key.
        """
        spec = EvaluatorSpec(
            examples=examples,
            schema=schema,
            model=model,
            linear_baseline=linear_baseline,
            example_splits=json_utils.dumps([TEST]),
            evaluate_options=options.model_dump_json(),
            push_directory=push_directory,
            code=code,
            evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
        )
        base_beam_component.BaseBeamComponent.__init__(self, spec=spec)
