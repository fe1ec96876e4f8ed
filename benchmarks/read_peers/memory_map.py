"""NumPy arrays mapped into memory, of which each batch is a copy: the limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.read_peers.source import BATCH, Epochs, Source, load, save


@dataclass(frozen=True)
class _Batches:
    source: Source

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self.source.labels), BATCH):
            part = slice(start, start + BATCH)
            yield tuple(
                np.array(values[part]) for values in (self.source.images, self.source.counts, self.source.labels)
            )


def write(source: Source, out: Path) -> None:
    """Copies the arrays."""
    save(out, source)


def batches(out: Path) -> Epochs:
    """Images; counts and label come with them."""
    return Epochs(_Batches(load(out)), lambda batch: batch[0])
