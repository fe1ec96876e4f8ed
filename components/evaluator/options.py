"""What a model must reach to be blessed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from diptych.models.features import LABEL, RECORD_FEATURES, STATISTICS_FEATURES
from diptych.models.labels import Task
from diptych.models.options import Options


class BaselineMetricBounds(Options):
    """A bound for each metric that the linear baseline has too; null for none."""

    accuracy: float | None = Field(None, ge=-1, le=1, description="Share of the examples with all labels right.")
    macro_f1: float | None = Field(None, ge=-1, le=1, description="Mean of the labels' F1, each counting alike.")
    micro_f1: float | None = Field(None, ge=-1, le=1, description="F1 over all labels; with one label, accuracy.")
    mean_average_precision: float | None = Field(
        None, ge=-1, le=1, description="Mean of the labels' average precision, which goes by scores alone."
    )


class MetricBounds(BaselineMetricBounds):
    """A bound for each metric on the test split; null for none. ``diptych.models.metrics`` defines the metrics."""

    top_k_accuracy: float | None = Field(None, ge=-1, le=1, description="See evaluate.top_k.")
    ranking_precision: float | None = Field(None, ge=-1, le=1, description="With one label, the mean reciprocal rank.")
    calibration_error: float | None = Field(
        None, ge=-1, le=1, description="Less is better: a threshold is the largest value, and a gain a smaller error."
    )


# Tags of the two types that a gain may have. Their brackets keep them out of the names of keys in messages.
_WORD, _KEYS = "word[]", "keys[]"
_Auto = Annotated[Literal["auto"], Tag(_WORD)]


def _choose_type(value: Any) -> str:
    """The tag of the only type whose errors are worth telling."""
    return _WORD if isinstance(value, str) else _KEYS


_BaselineGains = Annotated[_Auto | Annotated[BaselineMetricBounds, Tag(_KEYS)], Discriminator(_choose_type)]
_BlessedGains = Annotated[_Auto | Annotated[MetricBounds, Tag(_KEYS)], Discriminator(_choose_type)]

#: The metrics by which a model is judged unless the options say otherwise; the first is its headline.
JUDGED_METRICS: Mapping[Task, tuple[str, ...]] = {
    "multiclass": ("accuracy", "macro_f1"),
    # Hardly any prediction has exactly the labels of its row where rows have several.
    "multilabel": ("micro_f1", "macro_f1"),
}


def _no_loss(task: Task) -> dict[str, float]:
    return dict.fromkeys(JUDGED_METRICS[task], 0.0)


class SliceOptions(Options):
    """A feature of the record, and how its values make slices of the test split."""

    feature: str = Field(description="One of the record's features, except the pixels.")
    buckets: tuple[float, ...] | None = Field(
        None,
        min_length=1,
        description="Ascending bounds; the slices are below the first, between two, and from the last.",
    )

    @field_validator("feature")
    @classmethod
    def _check_feature(cls, value: str) -> str:
        if value not in STATISTICS_FEATURES:
            raise ValueError(f"'{value}' is no feature of the record: {', '.join(STATISTICS_FEATURES)}")
        return value

    @model_validator(mode="after")
    def _check_buckets(self) -> SliceOptions:
        kind = RECORD_FEATURES[self.feature].kind
        if self.buckets is None and kind == "float":
            raise ValueError(
                f"'{self.feature}' is a fraction: give buckets, as in {{feature: ..., buckets: [50, 200]}}"
            )
        if self.buckets is not None and kind == "bytes":
            raise ValueError(f"'{self.feature}' is a text, which has no buckets; name the feature alone")
        if self.buckets is not None and any(low >= high for low, high in pairwise(self.buckets)):
            raise ValueError(f"buckets ascend, {list(self.buckets)} do not")
        return self


class EvaluateOptions(Options):
    """What a model must reach to be blessed, and the slices that are evaluated beside the whole test split."""

    thresholds: MetricBounds = Field(MetricBounds(), description="The least value of a metric.")
    threshold_on: Literal["figure", "bound"] = Field(
        "figure",
        description="What thresholds are compared with: the metric as measured, or the lower bound of its interval "
        "(of calibration_error the upper one), which a good figure on few rows does not reach.",
    )
    gain_over_baseline: _BaselineGains = Field(
        "auto",
        description="The least gain over each linear baseline; a model fails if its gain is smaller beyond chance. "
        "auto asks for no loss of accuracy and macro_f1; where rows may have several labels, of micro_f1 and macro_f1.",
    )
    gain_over_blessed: _BlessedGains = Field(
        "auto", description="The same over the last blessed model, on the same rows."
    )
    confidence: float = Field(
        0.95,
        gt=0.5,
        lt=1,
        description="Of the intervals; and how sure it must be that a gain is too small for a model to fail, all "
        "comparisons together.",
    )
    top_k: int = Field(3, ge=1, description="How many of the best labels top_k_accuracy looks at.")
    slices: tuple[SliceOptions, ...] = Field(
        (SliceOptions(feature=LABEL),),
        description="Features of the record by whose values metrics are sliced: a name, or "
        "{feature: image/width, buckets: [64, 128]}.",
    )
    slice_thresholds: MetricBounds = Field(MetricBounds(), description="The least value of a metric on each slice.")
    min_slice_examples: int = Field(
        30, ge=1, description="slice_thresholds apply to slices of at least so many examples."
    )

    def baseline_gains(self, task: Task) -> BaselineMetricBounds:
        """``gain_over_baseline``, or for ``auto`` that of the task."""
        gains = self.gain_over_baseline
        return BaselineMetricBounds(**_no_loss(task)) if gains == "auto" else gains

    def blessed_gains(self, task: Task) -> MetricBounds:
        """``gain_over_blessed``, or for ``auto`` that of the task."""
        gains = self.gain_over_blessed
        return MetricBounds(**_no_loss(task)) if gains == "auto" else gains

    @field_validator("slices", mode="before")
    @classmethod
    def _accept_names(cls, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return value
        return [{"feature": item} if isinstance(item, str) else item for item in value]

    @field_validator("slices")
    @classmethod
    def _check_unique(cls, value: tuple[SliceOptions, ...]) -> tuple[SliceOptions, ...]:
        names = [slice_.feature for slice_ in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice} are named twice; slice by each feature once")
        return value

    @model_validator(mode="after")
    def _check_slice_thresholds(self) -> EvaluateOptions:
        if not self.slices and self.slice_thresholds != MetricBounds():
            raise ValueError("slice_thresholds hold for slices, and slices names none: name some, or leave them out")
        return self
