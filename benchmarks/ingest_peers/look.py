"""Looks at what a contender wrote: ``python -m benchmarks.ingest_peers.look NAME OUT FOUND`` writes FOUND.

FOUND is an npz of ``count`` (records in OUT), and ``images`` and ``pixels`` of the 100 that come first by name.
"""

from __future__ import annotations

import heapq
import importlib
import sys
from pathlib import Path

import numpy as np

from benchmarks.ingest_peers.contender import SIDE

_SAMPLE = 100


def main() -> None:
    """Counts the records and keeps a sample."""
    name, out, found = sys.argv[1:]
    images = []
    pixels = {}
    for image, values in importlib.import_module(f"benchmarks.ingest_peers.{name}").read(Path(out)):
        images.append(image)
        pixels[image] = np.asarray(values, np.uint8).reshape(SIDE, SIDE, 3)
        if len(pixels) > 2 * _SAMPLE:
            pixels = {kept: pixels[kept] for kept in heapq.nsmallest(_SAMPLE, pixels)}
    sample = sorted(pixels)[:_SAMPLE]
    np.savez(found, count=len(images), images=sample, pixels=np.stack([pixels[image] for image in sample]))


if __name__ == "__main__":
    main()
