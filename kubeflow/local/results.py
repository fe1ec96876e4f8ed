"""What a simulated run comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ResourceUsage:
    """What a step's process took.

    Attributes:
        seconds: wall time.
        cpu: processor time in seconds, user and system.
        memory: largest resident set, in bytes.
    """

    seconds: float
    cpu: float
    memory: int


@dataclass
class TaskResult:
    """What became of a task.

    Attributes:
        state: ``COMPLETE``, ``CACHED``, ``FAILED`` or ``NOT_RUN``.
        artifacts: each output artifact as the JSON of a RuntimeArtifact, by its name.
        parameters: the value of each output parameter, by its name.
        usage: None if nothing was run.
    """

    state: str
    artifacts: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    usage: ResourceUsage | None = None


@dataclass(frozen=True)
class SimulatedRun:
    """A finished simulation.

    Attributes:
        id: the run's id.
        state: ``SUCCEEDED`` or ``FAILED``.
        tasks: by name, those of sub-DAGs too, without the tasks that are sub-DAGs.
    """

    id: str
    state: str
    tasks: Mapping[str, TaskResult]
