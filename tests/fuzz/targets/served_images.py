"""The decoders of a served model, which are TensorFlow's operations: they give what is stored, or refuse the file."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from diptych.components.catalogue.image_files import ImageError, decode_image
from diptych.components.catalogue.options import Limits
from diptych.models.images.options import ImageOptions
from tests.fuzz.target import Target
from tests.fuzz.targets import images

_LIMITS = Limits(memory_mb=100, frames=20)
# The size of the seeds, so that most pictures are not resized.
_STORED = ImageOptions(height=12, width=20)


@cache
def _serving() -> tuple[Callable[[bytes], np.ndarray | None], int]:
    """A function that decodes a file as a served model does, or gives None; and how far it may be off."""
    # TensorFlow is imported where it is used: its threads do not outlive a fork, and other targets need none of it.
    import tensorflow as tf

    from diptych.models.images.decoding import RESIZE_TOLERANCE, decode_image_file

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def decode(image: Any) -> Any:
        return decode_image_file(image, _STORED)

    def serve(content: bytes) -> np.ndarray | None:
        try:
            return np.asarray(decode(tf.constant(content)))
        # TensorFlow cannot give a message in which it quotes the file.
        except (tf.errors.InvalidArgumentError, tf.errors.DataLossError, UnicodeDecodeError):
            return None

    # The first call optimises the graph, which takes seconds.
    serve(b"")
    return serve, RESIZE_TOLERANCE


def _compare(content: bytes) -> None:
    try:
        stored = decode_image(content, _STORED, _LIMITS).pixels
    except ImageError:
        return
    serve, tolerance = _serving()
    served = serve(content)
    if served is not None:
        worst = int(np.abs(stored.astype(int) - served.astype(int)).max())
        assert worst <= tolerance, f"served pixels differ from stored ones by {worst} levels"


def _png(content: bytes) -> None:
    _compare(images.with_right_checksums(content))


def _seeds(*formats: str) -> list[bytes]:
    # Before the first input, which would take so long that it is a find.
    _serving()
    return images.files(*formats)


TARGETS = {
    "served_jpeg": Target(_compare, lambda: _seeds("JPEG"), images.JPEG_WORDS),
    "served_png": Target(_png, lambda: _seeds("PNG"), images.PNG_WORDS),
    "served_gif_bmp": Target(_compare, lambda: _seeds("GIF", "BMP"), images.GIF_WORDS),
}
