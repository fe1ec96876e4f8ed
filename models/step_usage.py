"""What the steps of a run take of the machine, as far as this process has seen them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepUsage:
    """What one step took.

    Attributes:
        seconds: wall time.
        memory: in bytes, the most that was resident at once of the process that ran the step, not of processes that it
            started; None where the system does not tell.
    """

    seconds: float
    memory: int | None = None


#: By step, of those that have ended in this process: Report is a step too, and no artifact tells it of the others.
ENDED: dict[str, StepUsage] = {}
