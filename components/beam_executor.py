"""The base class of executors that run Apache Beam."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

from diptych.components.engines.pipeline import EnginePipeline

# The runner that Beam would choose by default downloads the Prism binary.
_LOCAL_RUNNER = "--runner=FnApiRunner"


class UnpackagedBeamExecutor(BaseBeamExecutor):
    """Runs Beam in this process unless the pipeline arguments name a runner, and does not package TFX.

    TFX's own base class builds an sdist of TFX for Beam's workers as soon as there is any pipeline argument. Diptych's
    workers run from an image that has TFX installed.
    """

    def __init__(self, context: BaseBeamExecutor.Context | None = None) -> None:
        arguments = list(context.beam_pipeline_args or []) if context else []
        if context:
            context.beam_pipeline_args = None
        super().__init__(context)
        self._beam_pipeline_args = arguments

    def _make_beam_pipeline(self) -> Any:
        arguments = list(self._beam_pipeline_args)
        if not any(argument.startswith("--runner") for argument in arguments):
            arguments.append(_LOCAL_RUNNER)
        return EnginePipeline(arguments)
