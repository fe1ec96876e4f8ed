"""Runs one contender: ``python -m benchmarks.read_peers.run NAME SOURCE OUT EPOCHS``.

If there is no OUT, it first writes the data there. Prints the images a second of the epochs after a first one, which
fills caches.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import time
from pathlib import Path

from benchmarks.read_peers.source import Epochs, load


def main() -> None:
    """Writes if need be, then reads."""
    # TensorFlow would tell of its processor and of each iterator's end.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    name, source, out, epochs = sys.argv[1:]
    contender = importlib.import_module(f"benchmarks.read_peers.{name}")
    folder = Path(out)
    if not folder.exists():
        part = folder.with_suffix(".part")
        part.mkdir()
        contender.write(load(Path(source)), part)
        part.rename(folder)
    data = contender.batches(folder)
    # Else whoever imports most would pay most for garbage collection.
    gc.freeze()
    print(measure(data, len(load(Path(source)).labels), int(epochs)))


def measure(data: Epochs, count: int, epochs: int) -> float:
    """Images a second, from the end of the first of ``epochs + 1`` on.

    Raises:
        ValueError: an epoch does not hold every image once, whole.
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
