"""Image options that cannot be fulfilled are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from diptych.models.images.decoding import decode_stored_images
from diptych.models.images.options import ImageOptions, check_encoding_supported


@pytest.mark.parametrize("colour", ["white", "#fff", "#12345g", ""])
def test_a_background_must_be_a_colour(colour: str) -> None:
    with pytest.raises(ValidationError, match="#rrggbb"):
        ImageOptions(background=colour)


def test_a_height_of_zero_is_refused() -> None:
    with pytest.raises(ValidationError, match="height"):
        ImageOptions(height=0)


def test_webp_is_accepted_only_where_tensorflow_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    options = ImageOptions(encoding="webp")
    monkeypatch.setattr(tf.io, "decode_webp", None, raising=False)
    check_encoding_supported(options)
    monkeypatch.delattr(tf.io, "decode_webp")
    check_encoding_supported(ImageOptions(encoding="png"))
    with pytest.raises(ValueError, match="reads no WebP: set image.encoding to png"):
        decode_stored_images(tf.constant([b""]), options)
