"""How settings are searched for the best: the options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from diptych.models.options import Options

SECTIONS = ("train", "model")


class Range(Options):
    """Every number from ``min`` to ``max``; whole ones if both are whole."""

    min: int | float
    max: int | float
    log: bool = Field(False, description="Whether each power of ten is tried as often as any other.")

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if self.min >= self.max:
            raise ValueError(f"min {self.min:g} is not below max {self.max:g}")
        if self.log and self.min <= 0:
            raise ValueError(f"log needs a min above 0, not {self.min:g}")
        return self

    @property
    def whole(self) -> bool:
        """Whether the numbers are whole."""
        return isinstance(self.min, int) and isinstance(self.max, int)


Choices = Annotated[list[Any], Field(min_length=1)]


class TuneOptions(Options):
    """A search over settings of ``train`` and ``model``; the best train the model."""

    trials: int = Field(10, ge=1, description="How many settings are tried; hyperband chooses the number itself.")
    strategy: Literal["random", "bayesian", "hyperband", "grid"] = "random"
    objective: Literal["val_loss", "val_accuracy"] = Field("val_loss", description="What the best is best in.")
    space: dict[str, Range | Choices] = Field(
        min_length=1,
        description="Settings key, such as train.learning_rate, to a list of values or to {min, max, log}.",
    )

    @model_validator(mode="after")
    def _keys_are_of_train_or_model(self) -> TuneOptions:
        for key in self.space:
            if key.partition(".")[0] not in SECTIONS or not key.partition(".")[2]:
                raise ValueError(f"'{key}' is no key of {' or '.join(SECTIONS)}, such as train.learning_rate")
        return self

    def samples(self) -> Iterator[tuple[str, Any]]:
        """Each key with each of its values, or with both ends of its range."""
        for key, values in self.space.items():
            for value in (values.min, values.max) if isinstance(values, Range) else values:
                yield key, value
