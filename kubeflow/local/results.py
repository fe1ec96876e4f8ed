"""What a simulated run comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: How an attempt ends. The launcher says the first two itself. It does not live to say that its container was killed
#: as a whole (out of memory, time limit), or that its pod was deleted (a node that was lost or drained).
COMPLETE, FAILED, KILLED, DELETED = "COMPLETE", "FAILED", "KILLED", "DELETED"
#: What becomes of a task of which nothing is run.
CACHED, NOT_RUN = "CACHED", "NOT_RUN"
SUCCESSES = frozenset({COMPLETE, CACHED})


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
        state: ``CACHED``, ``NOT_RUN``, or how its last attempt ended: ``COMPLETE``, ``FAILED``, ``KILLED`` or
            ``DELETED``.
        attempts: how each attempt ended.
        artifacts: each output artifact as the JSON of a RuntimeArtifact, by its name, as tasks after it are given it;
            of a loop, the list of those of its iterations.
        parameters: the value of each output parameter, by its name.
        usage: of the last attempt; None if nothing was run.
    """

    state: str
    attempts: list[str] = field(default_factory=list)
    artifacts: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    usage: ResourceUsage | None = None


@dataclass(frozen=True)
class SimulatedRun:
    """A finished simulation.

    Attributes:
        id: the run's id.
        state: ``SUCCEEDED`` or ``FAILED``.
        tasks: by name, those of sub-DAGs too, without the tasks that are sub-DAGs. In a loop, the number of the
            iteration follows the name, as in ``Decode[0]``.
    """

    id: str
    state: str
    tasks: Mapping[str, TaskResult]
