"""Tiny networks and batches for them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, VALUES_INPUT, NetworkInputs
from diptych.models.labels import Task
from diptych.models.networks.build import build_network
from diptych.models.networks.options import NetworkOptions

TERMS, CLASSES, LENGTH = 7, 5, 6
IMAGE = ImageOptions(height=16, width=12)
BAG = NetworkInputs(IMAGE, TERMS)
SEQUENCE = NetworkInputs(IMAGE, TERMS, LENGTH)
TINY_IMAGE = {"filters": (4, 4), "units": 6}
TINY_TEXT = {"units": 8, "layers": 1, "heads": 2}


def inputs_for(tower: str) -> NetworkInputs:
    """What a text's tower takes."""
    return BAG if tower == "bag" else SEQUENCE


def build(inputs: NetworkInputs = BAG, task: Task = "multiclass", **options: Any) -> keras.Model:
    """A tiny network; the same for the same arguments."""
    keras.utils.set_random_seed(1)
    tiny = {"image": TINY_IMAGE, "text": TINY_TEXT}
    return build_network(NetworkOptions(**{**tiny, **options}), inputs, CLASSES, task)


def batch(inputs: NetworkInputs = BAG, size: int = 3, seed: int = 2) -> dict[str, np.ndarray]:
    """Examples of which each has two terms at least and one place left to pad."""
    rng = np.random.default_rng(seed)
    terms = inputs.length or 4
    ids = np.sort(np.stack([rng.permutation(inputs.terms)[:terms] + 1 for _ in range(size)] or [np.zeros(terms)]))
    ids = ids[:size].astype(np.int64)
    ids[:, -1] = 0
    found = {
        IMAGE_INPUT: rng.integers(1, 256, (size, inputs.image.height, inputs.image.width, 3), np.uint8),
        IDS_INPUT: ids,
    }
    if inputs.length is None:
        found[VALUES_INPUT] = (rng.integers(1, 4, ids.shape) * (ids > 0)).astype(np.float32)
    return found


def scores(model: keras.Model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """float32 ``[b, classes]``, as it is served."""
    return np.asarray(keras.ops.convert_to_numpy(model(inputs, training=False)))
