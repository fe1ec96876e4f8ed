"""Runs one contender: ``python -m benchmarks.read_peers.run NAME SOURCE OUT EPOCHS``.

Writes the data to OUT first if OUT does not exist. Then prints images per second; the first epoch is not counted,
because it fills caches.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import time
from pathlib import Path

from benchmarks.read_peers.arrays import EpochReader, load_arrays


def main() -> None:
    """Writes the data if necessary, then reads it and prints the speed."""
    # Otherwise TensorFlow prints notes on the processor and on the end of each iterator.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    name, source, out, epochs = sys.argv[1:]
    contender = importlib.import_module(f"benchmarks.read_peers.{name}")
    folder = Path(out)
    if not folder.exists():
        part = folder.with_suffix(".part")
        part.mkdir()
        contender.write(load_arrays(Path(source)), part)
        part.rename(folder)
    data = contender.batches(folder)
    # Otherwise garbage collection would cost those most who import most.
    gc.freeze()
    print(measure(data, len(load_arrays(Path(source)).labels), int(epochs)))


def measure(data: EpochReader, count: int, epochs: int) -> float:
    """Reads ``epochs + 1`` epochs and returns the images per second after the first one.

    Args:
        count: the number of images in an epoch.

    Raises:
        ValueError: the images do not have the expected shape or number.
    """
    seen, started = 0, 0.0
    for images in data.read(epochs + 1):
        if tuple(images.shape[1:]) != (128, 128, 3):
            raise ValueError(f"images of shape {tuple(images.shape)}")
        seen += images.shape[0]
        if seen == count:
            started = time.monotonic()
    seconds = time.monotonic() - started
    if seen != (epochs + 1) * count:
        raise ValueError(f"{seen} images in {epochs + 1} epochs of {count}")
    return epochs * count / seconds


if __name__ == "__main__":
    main()
