"""Values are put in the buckets that the options name."""

from __future__ import annotations

import numpy as np
import pytest

from diptych.components.evaluator.options import SliceOptions


@pytest.mark.parametrize(
    ("value", "name"),
    [(63.9, "below 64"), (64, "64 to below 128.5"), (128.4, "64 to below 128.5"), (128.5, "128.5 or more")],
)
def test_a_bound_belongs_to_the_bucket_above_it(value: float, name: str) -> None:
    from diptych.components.evaluator.slices import add_bucket_names, bucket_name, slice_feature_key

    assert bucket_name(value, (64, 128.5)) == name
    key = slice_feature_key(SliceOptions(feature="image/width", buckets=(64, 128.5)))
    extracts = add_bucket_names({"features": {"image/width": np.array([value])}}, [key])
    assert extracts["features"][key].tolist() == [name]
