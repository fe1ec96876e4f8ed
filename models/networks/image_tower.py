"""The image tower, which encodes pixels as a vector."""

from __future__ import annotations

import math
import os
import traceback
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from diptych.models.errors import OptionsError
from diptych.models.images.imagenet import TORCH_DEVIATION, TORCH_MEAN
from diptych.models.images.pretrained.efficientnet_lite import build_efficientnet_lite0, load_pretrained
from diptych.models.images.pretrained.weights import find_pretrained_weights
from diptych.models.networks.choice import INSTALL_WEIGHTS
from diptych.models.networks.cnn import compact_cnn
from diptych.models.networks.descriptors import ImageDescriptors
from diptych.models.networks.layers import (
    ImageNetPreprocessing,
    MissingAsZeros,
    PadEmptyBatch,
    Standardize,
    UnpadBatch,
)
from diptych.models.networks.options import CNN, EFFICIENTNET_LITE0, HOG, IMAGENET, ImageNetworkOptions, PixelMode

BACKBONE = "backbone"
#: The layer whose output are the frozen features of the image.
IMAGE_FEATURES = "image_features"
DESCRIPTORS = "descriptors"
#: The layer that scales them for the tower.
SCALED_FEATURES = "scaled_image_features"

# Images of 64 pixels that are enlarged to 128 tell more to a network that was trained on 224 than those of 64 do.
_LITE0_SIDE = 128


class ImageBranch(NamedTuple):
    """What the network makes of the image.

    Attributes:
        features: frozen features float32 ``[b, n]``, all 0 for a missing image; None if the network has none.
        vector: the output of the tower, float ``[b, units]``.
    """

    features: Any
    vector: Any


def image_branch(options: ImageNetworkOptions, pixels: Any) -> ImageBranch:
    """Encodes images uint8 ``[b, h, w, 3]``.

    With a frozen backbone the tower takes the frozen features, so that pixels are needed for nothing else. The layer
    ``image_features`` gives them, and ``image_vector`` the tower's output.

    Raises:
        OptionsError: the weights are not those of the backbone, or it cannot be built for this size.
        OSError: the file of weights is missing, or the weights cannot be downloaded.
    """
    padded = PadEmptyBatch()(pixels)
    backbone = None if options.backbone == HOG else _backbone(options, _preprocess(options.pixel_mode, padded))
    features = None
    if options.wide or options.has_frozen_features:
        parts = [
            ImageDescriptors(name=DESCRIPTORS)(padded),
            *([backbone] if options.has_frozen_features and backbone is not None else []),
        ]
        joined = layers.Concatenate(dtype="float32")(parts) if len(parts) > 1 else parts[0]
        features = MissingAsZeros(name=IMAGE_FEATURES)(UnpadBatch()(joined, pixels), pixels)
    x = Standardize(name=SCALED_FEATURES)(features) if options.has_frozen_features else UnpadBatch()(backbone, pixels)
    x = layers.Dropout(options.dropout)(x)
    return ImageBranch(features, layers.Dense(options.units, activation="relu", name="image_vector")(x))


def feature_blocks(model: keras.Model) -> tuple[int, ...]:
    """The sizes of the groups of features that follow each other: descriptors, and outputs of a frozen backbone."""
    all_features, first = (model.get_layer(name).output.shape[-1] for name in (IMAGE_FEATURES, DESCRIPTORS))
    return (first, all_features - first) if all_features > first else (first,)


def set_backbone_trainable(model: keras.Model, trainable: bool) -> None:
    """Freezes or unfreezes the weights of a pretrained backbone. Compile the model afterwards.

    Batch normalisation stays frozen, and so keeps the statistics of the weights, which are better than those of a few
    batches of a small catalogue: https://keras.io/guides/transfer_learning. To call the backbone with
    ``training=False`` is not enough, because ``fit`` overrides it (Keras 3.12).

    Raises:
        ValueError: the network has no pretrained backbone.
    """
    backbone = model.get_layer(BACKBONE)
    backbone.trainable = trainable
    for layer in backbone.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def _backbone(options: ImageNetworkOptions, x: Any) -> Any:
    if options.backbone == CNN:
        return compact_cnn(options.filters, x)
    if options.backbone == EFFICIENTNET_LITE0:
        return _efficientnet_lite0(x)
    return _application(options, x)


def _efficientnet_lite0(x: Any) -> Any:
    """Features of images that are enlarged to the least size at which they tell enough."""
    height, width = x.shape[1:3]
    scale = max(1.0, _LITE0_SIDE / min(height, width))
    size = (round(height * scale), round(width * scale))
    if size != (height, width):
        # After the layer Resizing, layers that are not told otherwise believe that they are in training (Keras 3.12).
        x = ops.image.resize(x, size)
    weights = find_pretrained_weights()
    if weights is None:
        raise OptionsError(
            f"model.image.backbone: the weights of {EFFICIENTNET_LITE0} are not installed: {INSTALL_WEIGHTS}"
        )
    network = build_efficientnet_lite0((*size, 3))
    load_pretrained(network, weights)
    return keras.Model(network.input, network.output, name=BACKBONE)(x)


def _preprocess(mode: PixelMode, pixels: Any) -> Any:
    if mode == "unit":
        return layers.Rescaling(1 / 255)(pixels)
    if mode == "raw":
        return layers.Rescaling(1.0)(pixels)
    return ImageNetPreprocessing(mode)(pixels)


def _application(options: ImageNetworkOptions, x: Any) -> Any:
    network = _build(options.backbone, tuple(x.shape[1:]), IMAGENET if options.weights == IMAGENET else None)
    if options.weights and options.weights != IMAGENET:
        _load(network, options.backbone, options.weights)
        x = _rescale_as_for_imagenet(options, x)
    return keras.Model(network.input, network.output, name=BACKBONE)(x)


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
