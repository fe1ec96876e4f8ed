"""The size that an image is resized to, and how far a JPEG file may be downscaled while it is decoded."""

from __future__ import annotations

from diptych.models.images.options import ImageOptions

#: The ratios by which libjpeg and TensorFlow can downscale both sides while they decode; the fastest comes first.
JPEG_DOWNSCALING_RATIOS = (8, 4, 2)


def fit_within(shape: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The largest height and width that have the aspect ratio of ``shape`` and fit into ``box``; each is at least 1."""
    height, width = shape
    box_height, box_width = box
    return (
        min(box_height, max(1, (2 * height * box_width + width) // (2 * width))),
        min(box_width, max(1, (2 * width * box_height + height) // (2 * height))),
    )


def resized_shape(shape: tuple[int, int], options: ImageOptions) -> tuple[int, int]:
    """The height and width that an upright image is resized to, after it is cropped and before it is padded."""
    target = (options.height, options.width)
    return fit_within(shape, target) if options.aspect == "pad" else target


def jpeg_downscaling_ratio(shape: tuple[int, int], options: ImageOptions) -> int:
    """The greatest of 1, 2, 4 and 8 by which a JPEG file can be downscaled without getting smaller than its target.

    Args:
        shape: height and width of the upright image; the target is its ``resized_shape``.
    """
    height, width = resized_shape(shape, options)
    for ratio in JPEG_DOWNSCALING_RATIOS:
        if -(-shape[0] // ratio) >= height and -(-shape[1] // ratio) >= width:
            return ratio
    return 1
