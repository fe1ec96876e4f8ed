"""Builds the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.networks.options import NetworkOptions

if TYPE_CHECKING:
    import keras

    from models.images import ImageOptions


def build_network(options: NetworkOptions, image: ImageOptions, terms: int, classes: int) -> keras.Model:
    """Builds the network.

    Args:
        terms: size of the description's vocabulary.
        classes: number of labels.

    Returns:
        A Keras model of ``{"image": uint8 [b, h, w, 3], "description": float32 [b, terms]}`` to class probabilities
        float32 ``[b, classes]``. The text also reaches the output by a linear layer of its own (the "wide" part of
        Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016), so that the network can be at least what
        a linear text model is.
    """
    import keras
    from keras import layers

    from models.decoder import IMAGE_INPUT, TEXT_INPUT
    from models.layers import ImageNetPixels

    pixels = keras.Input((image.height, image.width, 3), dtype="uint8", name=IMAGE_INPUT)
    text = keras.Input((terms,), name=TEXT_INPUT)

    x = ImageNetPixels()(pixels) if options.pixels == "imagenet" else layers.Rescaling(1 / 255)(pixels)
    if options.augment:
        x = layers.RandomTranslation(0.08, 0.08, fill_mode="nearest")(x)
        x = layers.RandomZoom(0.1, fill_mode="nearest")(x)
        x = layers.RandomRotation(0.03, fill_mode="nearest")(x)
    for filters in options.filters:
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        # Keras's momentum of 0.99 suits thousands of steps; a small catalogue has a few dozen an epoch.
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D(padding="same")(x)
    x = layers.Flatten()(layers.AveragePooling2D(2, padding="same")(x))
    x = layers.Dense(options.image_units, activation="relu")(layers.Dropout(options.dropout)(x))

    # Without it a few rare terms learn each training row by heart.
    terms_kept = layers.Dropout(options.dropout)(text)
    words = layers.Dense(options.text_units, activation="relu", name="text_embedding")(terms_kept)
    joined = layers.Dropout(options.dropout)(layers.Concatenate()([x, words]))
    deep = layers.Dense(classes, name="deep")(joined)
    wide = layers.Dense(classes, use_bias=False, kernel_initializer="zeros", name="wide")(terms_kept)
    scores = layers.Softmax(dtype="float32", name="scores")(layers.Add()([deep, wide]))
    return keras.Model({IMAGE_INPUT: pixels, TEXT_INPUT: text}, scores, name="diptych")
