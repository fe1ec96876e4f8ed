"""TFX's Pusher with an executor that pushes a model as a whole or not at all."""

from __future__ import annotations

from tfx.components.pusher import component
from tfx.dsl.components.base import executor_spec

from diptych.components.pusher.executor import PusherExecutor


class Pusher(component.Pusher):
    """Copies a blessed model to the push directory; its inputs, outputs and properties are those of TFX's."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(PusherExecutor)
