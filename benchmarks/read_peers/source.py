"""What every contender stores: images, bags of words and labels, as NumPy arrays in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 64

_IMAGES, _COUNTS, _LABELS, _TEXTS = "images.npy", "counts.npy", "labels.npy", "texts.json"


@dataclass(frozen=True)
class Source:
    """The data.

    Attributes:
        images: uint8 ``[n, 128, 128, 3]``, mapped into memory.
        counts: float32 ``[n, terms]``.
        labels: int64 ``[n]``, 0 up to ``classes``.
        texts: what was counted.
    """

    images: Any
    counts: Any
    labels: Any
    texts: list[str]

    @property
    def classes(self) -> int:
        """Number of labels."""
        return int(self.labels.max()) + 1


def load(folder: Path) -> Source:
    """The data of a folder that ``save`` has filled."""
    texts = json.loads((folder / _TEXTS).read_text(encoding="utf-8"))
    images = np.load(folder / _IMAGES, mmap_mode="r")
    return Source(images, np.load(folder / _COUNTS), np.load(folder / _LABELS), texts)


def save(folder: Path, source: Source) -> None:
    """Writes the data."""
    np.save(folder / _IMAGES, source.images)
    np.save(folder / _COUNTS, source.counts)
    np.save(folder / _LABELS, source.labels)
    (folder / _TEXTS).write_text(json.dumps(source.texts), encoding="utf-8")


@dataclass(frozen=True)
class Epochs:
    """The images of some epochs.

    Attributes:
        batches: an epoch of whole batches, each time anew.
        image: a batch's images.
    """

    batches: Iterable[Any]
    image: Callable[[Any], Any]

    def read(self, epochs: int) -> Iterator[Any]:
        """Reads epochs the way training does: tf.data by one iterator, which takes long to make; others one by one."""
        if hasattr(self.batches, "element_spec"):
            return map(self.image, self.batches.repeat(epochs))
        return map(self.image, chain.from_iterable(repeat(self.batches, epochs)))
