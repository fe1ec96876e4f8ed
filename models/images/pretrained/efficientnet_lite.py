"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, and with ReLU6 for Swish.

Its batch normalisation is folded into the convolutions, whose statistics a small catalogue could not improve: the same
outputs in less time. Reference: ``models/official/efficientnet/lite`` of https://github.com/tensorflow/tpu.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from diptych.models.images.pretrained.errors import WeightsError
from diptych.models.images.pretrained.weights import PretrainedWeights

#: Number of features of an image.
FEATURES = 1280

_MEAN, _SCALE = 127.0, 128.0
_EPSILON = 1e-3  # of batch normalisation
_STEM = 32


class _Stage(NamedTuple):
    """Blocks of one kind, of which the first has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def build_efficientnet_lite0(shape: tuple[int, int, int]) -> keras.Model:
    """Builds the network without its top layer and with random weights; ``load_pretrained`` gives it trained ones.

    Args:
        shape: height, width and the 3 colours of the images; no side is less than 32.

    Returns:
        Takes RGB of any type ``[b, h, w, 3]``, 0..255, and gives features ``[b, 1280]`` in the precision of Keras's
        global policy, float32 by default.
    """
    pixels = keras.Input(shape)
    x = layers.Rescaling(1 / _SCALE, -_MEAN / _SCALE, name="rescaling")(pixels)
    x = _relu6(_conv(_STEM, 3, "stem", strides=2)(x))
    for number, (stage, stride) in enumerate(_blocks()):
        x = _block(x, stage, stride, f"block{number}")
    x = _relu6(_conv(FEATURES, 1, "head")(x))
    return keras.Model(pixels, layers.GlobalAveragePooling2D(name="features")(x), name="EfficientNetLite0")


def load_pretrained(model: keras.Model, weights: PretrainedWeights) -> None:
    """Gives trained weights to a network that ``build_efficientnet_lite0`` built.

    Raises:
        WeightsError: the file is damaged, or holds the weights of another network.
        OSError: the file cannot be read.
    """
    tensors = weights.read()
    try:
        for layer, conv, norm in _tensor_names():
            model.get_layer(layer).set_weights(_fold(tensors, conv, norm))
    except (KeyError, ValueError) as error:
        raise WeightsError(f"'{weights.path}' does not hold the weights of EfficientNet-Lite0: {error}") from None


def _blocks() -> Iterator[tuple[_Stage, int]]:
    """Each block's stage and stride."""
    for stage in _STAGES:
        for index in range(stage.blocks):
            yield stage, 1 if index else stage.stride


def _block(x: Any, stage: _Stage, stride: int, name: str) -> Any:
    """An inverted residual block."""
    filters = x.shape[-1]
    inner = x
    if stage.expansion > 1:
        inner = _relu6(_conv(filters * stage.expansion, 1, f"{name}_expand")(inner))
    depthwise = layers.DepthwiseConv2D(stage.kernel, stride, padding="same", name=f"{name}_depthwise")
    inner = _conv(stage.filters, 1, f"{name}_project")(_relu6(depthwise(inner)))
    if stride == 1 and filters == stage.filters:
        return layers.Add(name=f"{name}_add")([inner, x])
    return inner


def _conv(filters: int, kernel: int, name: str, strides: int = 1) -> layers.Layer:
    return layers.Conv2D(filters, kernel, strides, padding="same", name=name)


def _relu6(x: Any) -> Any:
    return layers.ReLU(6.0)(x)


def _tensor_names() -> Iterator[tuple[str, str, str]]:
    """The name of each layer, of its weight and of its batch normalisation in the file."""
    yield "stem", "_conv_stem", "_bn0"
    for number, (stage, _) in enumerate(_blocks()):
        ours, theirs = f"block{number}", f"_blocks.{number}"
        if stage.expansion > 1:
            yield f"{ours}_expand", f"{theirs}._expand_conv", f"{theirs}._bn0"
        yield f"{ours}_depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1"
        yield f"{ours}_project", f"{theirs}._project_conv", f"{theirs}._bn2"
    yield "head", "_conv_head", "_bn1"


def _fold(tensors: Mapping[str, np.ndarray[Any, Any]], conv: str, norm: str) -> list[np.ndarray[Any, Any]]:
    """Kernel and bias of a convolution with its batch normalisation; PyTorch's kernels are ``[out, in, h, w]``."""
    kernel = tensors[f"{conv}.weight"]
    gain, shift, mean, variance = (
        tensors[f"{norm}.{name}"].astype(np.float64) for name in ("weight", "bias", "running_mean", "running_var")
    )
    gain = gain / np.sqrt(variance + _EPSILON)
    kernel = kernel * gain[:, None, None, None]
    # Keras's are [h, w, in, out], of a depthwise convolution [h, w, in, 1].
    kernel = kernel.transpose((2, 3, 0, 1) if "depthwise" in conv else (2, 3, 1, 0))
    return [kernel.astype(np.float32), (shift - mean * gain).astype(np.float32)]
