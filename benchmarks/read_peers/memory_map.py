"""NumPy arrays mapped into memory, from which batches are copied: the limit of what reading can reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader, ImageTextArrays, load_arrays, save_arrays


@dataclass(frozen=True)
class _Batches:
    source: ImageTextArrays

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self.source.labels), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            yield tuple(
                np.array(values[part]) for values in (self.source.images, self.source.counts, self.source.labels)
            )


def write(source: ImageTextArrays, out: Path) -> None:
    """Writes copies of the arrays."""
    save_arrays(out, source)


def batches(out: Path) -> EpochReader:
    """Reads images, and with them counts and labels."""
    return EpochReader(_Batches(load_arrays(out)), lambda batch: batch[0])
