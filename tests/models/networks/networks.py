"""Tiny networks and batches for them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, VALUES_INPUT, NetworkInputs
from diptych.models.labels import Task
from diptych.models.networks.build import build_network
from diptych.models.networks.options import NetworkOptions

TERMS, CLASSES, LENGTH = 7, 5, 6
IMAGE_SIZE = (16, 12)
BAG = NetworkInputs(IMAGE_SIZE, TERMS)
SEQUENCE = NetworkInputs(IMAGE_SIZE, TERMS, LENGTH)
IMAGES_ALONE = NetworkInputs(IMAGE_SIZE, None)
TINY_IMAGE = {"backbone": "cnn", "filters": (4, 4), "units": 6}
TINY_TEXT = {"units": 8, "layers": 1, "heads": 2}


def inputs_for(tower: str) -> NetworkInputs:
    """The inputs for a text tower."""
    return BAG if tower == "bag" else SEQUENCE


def build(inputs: NetworkInputs = BAG, task: Task = "multiclass", **options: Any) -> keras.Model:
    """Builds a tiny network, with the same weights for the same arguments."""
    keras.utils.set_random_seed(1)
    tiny = {"image": TINY_IMAGE, "text": TINY_TEXT}
    return build_network(NetworkOptions(**{**tiny, **options}), inputs, CLASSES, task)


def batch(inputs: NetworkInputs = BAG, size: int = 3, seed: int = 2) -> dict[str, np.ndarray]:
    """A batch in which each example has at least two terms, if it has texts, and one place of padding."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(1, 256, (size, *inputs.image_size, 3), np.uint8)
    if inputs.vocabulary_size is None:
        return {IMAGE_INPUT: pixels}
    terms = inputs.sequence_length or 4
    ids = np.sort(
        np.stack([rng.permutation(inputs.vocabulary_size)[:terms] + 1 for _ in range(size)] or [np.zeros(terms)])
    )
    ids = ids[:size].astype(np.int64)
    ids[:, -1] = 0
    found = {IMAGE_INPUT: pixels, IDS_INPUT: ids}
    if inputs.sequence_length is None:
        found[VALUES_INPUT] = (rng.integers(1, 4, ids.shape) * (ids > 0)).astype(np.float32)
    return found


def scores(model: keras.Model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The scores of a network as it is served, float32 ``[b, classes]``."""
    return np.asarray(keras.ops.convert_to_numpy(model(inputs, training=False)))
