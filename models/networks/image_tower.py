"""The image tower, which encodes pixels as a vector."""

from __future__ import annotations

import math
import os
import traceback
from typing import Any

import keras
from keras import layers

from diptych.models.errors import OptionsError
from diptych.models.images.imagenet import TORCH_DEVIATION, TORCH_MEAN
from diptych.models.networks.histograms import HOGColourHistograms
from diptych.models.networks.layers import ImageNetPreprocessing, PadEmptyBatch, UnpadBatch
from diptych.models.networks.options import CNN, HOG, IMAGENET, ImageNetworkOptions, PixelMode

BACKBONE = "backbone"


def image_tower(options: ImageNetworkOptions, pixels: Any) -> Any:
    """Encodes images uint8 ``[b, h, w, 3]`` as vectors float ``[b, options.units]``.

    Raises:
        OptionsError: the weights are not those of the backbone, or it cannot be built for this size.
        OSError: the file of weights is missing, or the weights cannot be downloaded.
    """
    x = _preprocess(options.pixel_mode, PadEmptyBatch()(pixels))
    x = _backbone(options, x)
    x = layers.Dropout(options.dropout)(UnpadBatch()(x, pixels))
    return layers.Dense(options.units, activation="relu", name="image_vector")(x)


def set_backbone_trainable(model: keras.Model, trainable: bool) -> None:
    """Freezes or unfreezes the weights of the backbone. Compile the model afterwards.

    Raises:
        ValueError: the network has no backbone of ``keras.applications``.
    """
    model.get_layer(BACKBONE).trainable = trainable


def _backbone(options: ImageNetworkOptions, x: Any) -> Any:
    if options.backbone == CNN:
        return _cnn(options, x)
    if options.backbone == HOG:
        return HOGColourHistograms()(x)
    return _application(options, x)


def _preprocess(mode: PixelMode, pixels: Any) -> Any:
    if mode == "unit":
        return layers.Rescaling(1 / 255)(pixels)
    if mode == "raw":
        return layers.Rescaling(1.0)(pixels)
    return ImageNetPreprocessing(mode)(pixels)


def _cnn(options: ImageNetworkOptions, x: Any) -> Any:
    for filters in options.filters:
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        # Keras's default momentum of 0.99 suits thousands of steps; a small catalogue has a few dozen an epoch.
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D(padding="same")(x)
    return layers.Flatten()(layers.AveragePooling2D(2, padding="same")(x))


def _application(options: ImageNetworkOptions, x: Any) -> Any:
    network = _build(options.backbone, tuple(x.shape[1:]), IMAGENET if options.weights == IMAGENET else None)
    if options.weights and options.weights != IMAGENET:
        _load(network, options.backbone, options.weights)
        x = _rescale_as_for_imagenet(options, x)
    backbone = keras.Model(network.input, network.output, name=BACKBONE)
    # With training=False, batch normalisation keeps the statistics of ImageNet, which are better than those of a few
    # batches of a small catalogue: https://keras.io/guides/transfer_learning
    return backbone(x, training=False) if options.weights else backbone(x)


def _build(name: str, shape: tuple[int, ...], weights: str | None) -> keras.Model:
    build = getattr(keras.applications, name)
    try:
        return build(include_top=False, weights=weights, input_shape=shape, pooling="avg")
    except Exception as error:
        # Keras raises a bare Exception when a download fails.
        download = _failed_download(error)
        if download is None:
            raise OptionsError(
                f"model.image.backbone: {name} cannot be built for images of {shape}: {error}"
            ) from error
        raise OSError(_download_message(download, error)) from error


def _failed_download(error: Exception) -> dict[str, Any] | None:
    """The local variables of Keras's ``get_file`` if the error was raised within it; otherwise None."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "get_file"]
    return frames[0].f_locals if frames else None


def _download_message(download: dict[str, Any], error: Exception) -> str:
    digest = download.get("file_hash")
    kind = "sha256" if digest and len(digest) == 64 else "md5"
    identity = f" ({kind} {digest})" if digest else ""
    return (
        f"model.image.weights: imagenet cannot be downloaded ({error}). Where there is a network, download "
        f"{download['origin']}{identity}; put it at {download['download_target']} on this machine, or set "
        "model.image.weights to the file's path"
    )


def _load(network: keras.Model, name: str, path: str) -> None:
    if not os.path.exists(path):
        raise FileNotFoundError(f"model.image.weights: there is no file '{path}'")
    try:
        network.load_weights(path)
    except Exception as error:
        # The type of the exception depends on where the file first differs from the network.
        raise OptionsError(
            f"model.image.weights: '{path}' does not hold the weights of {name} without its top layer: give a file "
            f"whose name ends in _notop.h5 or _no_top.h5, or one that save_weights of keras.applications.{name}"
            f"(include_top=False) wrote; {error}"
        ) from error


def _rescale_as_for_imagenet(options: ImageNetworkOptions, x: Any) -> Any:
    """Adds the rescaling that ``keras.applications.EfficientNetB*`` contains for ``weights="imagenet"`` only.

    After normalising the pixels, Keras divides them once more, by the square root of ImageNet's deviation
    (https://github.com/tensorflow/tensorflow/issues/49930). This layer has the same effect on pixels 0..255, before
    the normalisation.
    """
    if not options.backbone.startswith("EfficientNetB") or options.pixel_mode != "raw":
        return x
    scale = [1 / math.sqrt(deviation) for deviation in TORCH_DEVIATION]
    offset = [255 * mean * (1 - factor) for mean, factor in zip(TORCH_MEAN, scale, strict=True)]
    return layers.Rescaling(scale, offset)(x)
