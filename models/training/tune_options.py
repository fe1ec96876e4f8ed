"""The options of the search for hyperparameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from diptych.models.options import Options

_SECTIONS = ("train", "model")


class Range(Options):
    """All numbers from ``min`` to ``max``; only whole numbers if both are whole."""

    min: int | float = Field(description="Least value.")
    max: int | float = Field(description="Greatest value.")
    log: bool = Field(False, description="Whether values are drawn uniformly on a logarithmic scale.")

    @model_validator(mode="after")
    def _check_bounds(self) -> Range:
        if self.min >= self.max:
            raise ValueError(f"min {self.min:g} is not below max {self.max:g}")
        if self.log and self.min <= 0:
            raise ValueError(f"log needs a min above 0, not {self.min:g}")
        return self

    @property
    def is_integer(self) -> bool:
        """Whether the numbers are whole."""
        return isinstance(self.min, int) and isinstance(self.max, int)


Choices = Annotated[list[Any], Field(min_length=1)]


class TuneOptions(Options):
    """A search for better settings of ``train`` and ``model``, with which the model is then trained.

    It first trains with the settings as they are, which stay unless others do better on val in a whole training.
    """

    trials: int = Field(10, ge=1, description="Number of settings that are tried besides those that are given.")
    minutes: float | None = Field(
        None,
        gt=0,
        description="Budget of time for the search, which tries as many settings as fit; null tries all, each in "
        "train.minutes at most.",
    )
    strategy: Literal["halving", "random", "bayesian", "grid"] = Field(
        "halving",
        description="How settings are chosen: at random, with short trainings for all and whole ones for the best "
        "(halving), or by KerasTuner's strategies, with whole trainings for all.",
    )
    objective: Literal["val_loss", "val_accuracy"] = Field("val_loss", description="Metric by which trials compare.")
    space: dict[str, Range | Choices] = Field(
        min_length=1,
        description="Key of a setting, such as train.learning_rate, to a list of values or to {min, max, log}.",
    )

    @model_validator(mode="after")
    def _check_sections(self) -> TuneOptions:
        for key in self.space:
            if key.partition(".")[0] not in _SECTIONS or not key.partition(".")[2]:
                raise ValueError(f"'{key}' is no key of {' or '.join(_SECTIONS)}, such as train.learning_rate")
        return self

    def extreme_values(self) -> Iterator[tuple[str, Any]]:
        """Each key with each value of its list, or with the minimum and the maximum of its range."""
        for key, values in self.space.items():
            for value in (values.min, values.max) if isinstance(values, Range) else values:
                yield key, value
