"""Keras layers of our own."""

from __future__ import annotations

from typing import Any

import keras

from diptych.models.images.pixels import ImageNetMode, imagenet_pixels


@keras.saving.register_keras_serializable("diptych")
class ImageNetPixels(keras.layers.Layer):
    """``diptych.models.images.pixels.imagenet_pixels`` as a layer: RGB uint8 ``[..., 3]`` to float32 of the same shape.

    Whatever precision the network computes in, this is float32: float16 would lose levels before the mean is off.
    """

    def __init__(self, mode: ImageNetMode = "caffe", **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options})
        self.mode = mode

    def call(self, images: Any) -> Any:
        return imagenet_pixels(images, self.mode)

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        return keras.KerasTensor(images.shape, "float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode}
