"""Keras layers of our own."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

# Mean of ImageNet's training pixels, blue, green, red: the "caffe" mode of keras.applications.imagenet_utils.
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)


@keras.saving.register_keras_serializable("diptych")
class ImageNetPixels(keras.layers.Layer):
    """RGB uint8 ``[..., 3]`` to BGR float32 less ImageNet's mean, as networks trained by Caffe expect."""

    def call(self, images: Any) -> Any:
        return ops.cast(images, "float32")[..., ::-1] - ops.convert_to_tensor(IMAGENET_MEAN_BGR)
