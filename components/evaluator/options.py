"""What a model must reach to be blessed."""

from __future__ import annotations

from pydantic import Field, field_validator

from models.features import LABEL, LIGHT_FEATURES
from models.options import Options


class Figures(Options):
    """A number for each metric on the test split; null where there is none."""

    accuracy: float | None = Field(None, ge=-1, le=1)
    macro_f1: float | None = Field(None, ge=-1, le=1)


class EvaluateOptions(Options):
    """What a model must reach to be blessed, and the slices that are shown beside the whole."""

    thresholds: Figures = Field(Figures(), description="The least value of a metric.")
    gain_over_baseline: Figures = Field(
        Figures(accuracy=0.0), description="The least gain over the linear text baseline."
    )
    gain_over_blessed: Figures = Field(
        Figures(accuracy=-0.01), description="The least gain over the last blessed model; a little loss is noise."
    )
    slices: tuple[str, ...] = Field((LABEL,), description="Features of the record by whose values metrics are sliced.")

    @field_validator("slices")
    @classmethod
    def _slices_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(value) - set(LIGHT_FEATURES)):
            raise ValueError(f"{unknown} are not features of the record: {', '.join(LIGHT_FEATURES)}")
        return value
