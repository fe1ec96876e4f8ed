"""The sizes that images are resized to, and the ratio that JPEG files are decoded at."""

from __future__ import annotations

from diptych.models.images.options import ImageOptions

#: What libjpeg can divide both sides by while it decodes, least work first, and TensorFlow too.
JPEG_DOWNSCALING_RATIOS = (8, 4, 2)


def fit_within(shape: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """Height and width, at least 1, of the largest image with the aspect ratio of ``shape`` that fits into ``box``."""
    height, width = shape
    box_height, box_width = box
    return (
        min(box_height, max(1, (2 * height * box_width + width) // (2 * width))),
        min(box_width, max(1, (2 * width * box_height + height) // (2 * height))),
    )


def resized_shape(shape: tuple[int, int], options: ImageOptions) -> tuple[int, int]:
    """Height and width that an upright image of ``shape`` is resized to, whole or cropped, before it is padded."""
    target = (options.height, options.width)
    return fit_within(shape, target) if options.aspect == "pad" else target


def jpeg_downscaling_ratio(shape: tuple[int, int], options: ImageOptions) -> int:
    """The greatest of 1, 2, 4 and 8 that a JPEG file can be divided by and be no smaller than what it is resized to."""
    height, width = resized_shape(shape, options)
    for ratio in JPEG_DOWNSCALING_RATIOS:
        if -(-shape[0] // ratio) >= height and -(-shape[1] // ratio) >= width:
            return ratio
    return 1
