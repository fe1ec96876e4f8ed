"""The size that an image is resized to fits its box, and a JPEG file is downscaled no further than to that size."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.models.images.geometry import fit_within, jpeg_downscaling_ratio, resized_shape
from diptych.models.images.options import ImageOptions


@given(
    height=st.integers(1, 70_000),
    width=st.integers(1, 70_000),
    box=st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
)
def test_a_fitted_shape_touches_its_box_and_keeps_its_ratio(height: int, width: int, box: tuple[int, int]) -> None:
    fitted = fit_within((height, width), box)
    assert fitted[0] <= box[0] and fitted[1] <= box[1]
    assert fitted[0] == box[0] or fitted[1] == box[1]
    scale = min(box[0] / height, box[1] / width)
    assert abs(fitted[0] - max(1, height * scale)) <= 0.51 and abs(fitted[1] - max(1, width * scale)) <= 0.51


@pytest.mark.parametrize("aspect", ["stretch", "pad", "crop"])
@given(
    shape=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    target=st.tuples(st.integers(8, 300), st.integers(8, 300)),
)
def test_a_jpeg_file_is_downscaled_as_far_as_it_stays_large_enough(
    aspect: str, shape: tuple[int, int], target: tuple[int, int]
) -> None:
    options = ImageOptions(height=target[0], width=target[1], aspect=aspect)
    height, width = resized_shape(shape, options)
    large_enough = [r for r in (1, 2, 4, 8) if ceil(shape[0] / r) >= height and ceil(shape[1] / r) >= width]
    assert jpeg_downscaling_ratio(shape, options) == max(large_enough, default=1)
