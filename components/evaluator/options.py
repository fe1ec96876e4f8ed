"""What a model must reach to be blessed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pydantic import Field, field_validator, model_validator

from diptych.models.features import LABEL, RECORD_FEATURES, STATISTICS_FEATURES
from diptych.models.options import Options


class BaselineMetricBounds(Options):
    """A bound for each metric that the linear text baseline has too; null for none."""

    accuracy: float | None = Field(None, ge=-1, le=1, description="Share of the examples with all labels right.")
    macro_f1: float | None = Field(None, ge=-1, le=1, description="Mean of the labels' F1, each counting alike.")
    micro_f1: float | None = Field(None, ge=-1, le=1, description="F1 over all labels; with one label, accuracy.")


class MetricBounds(BaselineMetricBounds):
    """A bound for each metric on the test split; null for none. ``diptych.models.metrics`` defines the metrics."""

    top_k_accuracy: float | None = Field(None, ge=-1, le=1, description="See evaluate.top_k.")
    ranking_precision: float | None = Field(None, ge=-1, le=1, description="With one label, the mean reciprocal rank.")
    calibration_error: float | None = Field(
        None, ge=-1, le=1, description="Less is better: a threshold is the largest value, and a gain a smaller error."
    )


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
    gain_over_baseline: BaselineMetricBounds = Field(
        BaselineMetricBounds(accuracy=0.0), description="The least gain over the linear text baseline."
    )
    gain_over_blessed: MetricBounds = Field(
        MetricBounds(accuracy=-0.01),
        description="The least gain over the last blessed model; a small loss may be noise.",
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
