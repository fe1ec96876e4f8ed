"""The data that every contender stores, and how its batches are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np

BATCH_SIZE = 64

_IMAGES, _COUNTS, _LABELS, _TEXTS = "images.npy", "counts.npy", "labels.npy", "texts.json"


@dataclass(frozen=True)
class ImageTextArrays:
    """Images with texts and labels.

    Attributes:
        images: uint8 ``[n, 128, 128, 3]``.
        counts: the bags of words, float32 ``[n, terms]``.
        labels: int64 ``[n]``, from 0 to ``classes - 1``.
        texts: the texts whose terms were counted.
    """

    images: Any
    counts: Any
    labels: Any
    texts: list[str]

    @property
    def classes(self) -> int:
        """The number of labels."""
        return int(self.labels.max()) + 1


def load_arrays(folder: Path) -> ImageTextArrays:
    """Reads what ``save_arrays`` wrote; the images are mapped into memory."""
    texts = json.loads((folder / _TEXTS).read_text(encoding="utf-8"))
    images = np.load(folder / _IMAGES, mmap_mode="r")
    return ImageTextArrays(images, np.load(folder / _COUNTS), np.load(folder / _LABELS), texts)


def save_arrays(folder: Path, arrays: ImageTextArrays) -> None:
    """Writes the arrays into a folder."""
    np.save(folder / _IMAGES, arrays.images)
    np.save(folder / _COUNTS, arrays.counts)
    np.save(folder / _LABELS, arrays.labels)
    (folder / _TEXTS).write_text(json.dumps(arrays.texts), encoding="utf-8")


@dataclass(frozen=True)
class EpochReader:
    """Reads the images of some epochs.

    Attributes:
        batches: the batches of one epoch; it can be iterated repeatedly.
        image: the function that selects the images of a batch.
    """

    batches: Iterable[Any]
    image: Callable[[Any], Any]

    def read(self, epochs: int) -> Iterator[Any]:
        """Yields the images of each batch, as training would read them.

        A tf.data dataset is repeated, because its iterator takes long to make; others are iterated once an epoch.
        """
        if hasattr(self.batches, "element_spec"):
            return map(self.image, self.batches.repeat(epochs))
        return map(self.image, chain.from_iterable(repeat(self.batches, epochs)))
