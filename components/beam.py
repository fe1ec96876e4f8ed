"""How components run Apache Beam."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

# Beam's own default first looks for the Prism binary and downloads it.
_LOCAL_RUNNER = "--runner=FnApiRunner"


class LeanBeamExecutor(BaseBeamExecutor):
    """Runs in this process unless a runner is named, and never packages TFX.

    TFX builds an sdist of itself for each Beam executor that gets any pipeline argument. Diptych's workers run from
    an image that already holds it.
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
        return beam.Pipeline(argv=arguments)
