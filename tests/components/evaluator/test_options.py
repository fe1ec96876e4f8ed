"""Options that suit neither the record nor each other are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from diptych.components.evaluator.options import EvaluateOptions, MetricBounds, SliceOptions


def test_slices_are_features_of_the_record() -> None:
    named = EvaluateOptions(slices=("label", {"feature": "image/width", "buckets": [64, 128]})).slices
    assert named == (SliceOptions(feature="label"), SliceOptions(feature="image/width", buckets=(64, 128)))
    for wrong, message in {
        "colour": "'colour' is no feature of the record",
        "image": "'image' is no feature",
        "image/brightness": "give buckets",
    }.items():
        with pytest.raises(ValidationError, match=message):
            EvaluateOptions(slices=(wrong,))
    with pytest.raises(ValidationError, match="has no buckets"):
        SliceOptions(feature="label", buckets=(1,))
    with pytest.raises(ValidationError, match="buckets ascend"):
        SliceOptions(feature="image/width", buckets=(2, 1))
    with pytest.raises(ValidationError, match="slices names none"):
        EvaluateOptions(slices=(), slice_thresholds=MetricBounds(accuracy=0.5))
    with pytest.raises(ValidationError, match="named twice"):
        EvaluateOptions(slices=("label", "label"))


def test_options_cross_tfx_as_json() -> None:
    options = EvaluateOptions(slices=("label", {"feature": "image/width", "buckets": [64]}))
    assert EvaluateOptions.model_validate_json(options.model_dump_json()) == options
    for gains in (MetricBounds(accuracy=0.1), "auto"):
        options = EvaluateOptions(gain_over_blessed=gains)
        assert EvaluateOptions.model_validate_json(options.model_dump_json()) == options
