"""When the gate stops a run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from models.options import Options


class GateOptions(Options):
    """What data may go on to training."""

    severity: Literal["error", "warning", "never"] = Field(
        "error", description="The least severity of a schema anomaly that stops the run."
    )
    max_reject_ratio: float = Field(
        0.1, ge=0, le=1, description="The largest share of rejected rows that does not stop the run."
    )
    drift: Literal["ignore", "warn", "stop"] = Field(
        "warn", description="What to do when the training split has moved from the last one that a gate accepted."
    )
    max_drift: float = Field(
        0.3,
        gt=0,
        le=1,
        description="The largest L-infinity distance of the label's shares, and Jensen-Shannon divergence of a number.",
    )
