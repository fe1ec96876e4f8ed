"""Samples what a contender wrote: ``python -m benchmarks.ingest_peers.inspect_output NAME OUT SAMPLE``.

SAMPLE is an npz file with ``count``, the number of records in OUT, and with ``images``, the paths, and ``pixels`` of
the 100 records whose paths come first.
"""

from __future__ import annotations

import heapq
import importlib
import sys
from pathlib import Path

import numpy as np

from benchmarks.ingest_peers.common import IMAGE_SIZE

_SAMPLE = 100


def main() -> None:
    """Counts the records and writes the sample."""
    name, out, sample_file = sys.argv[1:]
    images = []
    pixels = {}
    for image, values in importlib.import_module(f"benchmarks.ingest_peers.{name}").read(Path(out)):
        images.append(image)
        pixels[image] = np.asarray(values, np.uint8).reshape(IMAGE_SIZE, IMAGE_SIZE, 3)
        if len(pixels) > 2 * _SAMPLE:
            pixels = {kept: pixels[kept] for kept in heapq.nsmallest(_SAMPLE, pixels)}
    sample = sorted(pixels)[:_SAMPLE]
    np.savez(sample_file, count=len(images), images=sample, pixels=np.stack([pixels[image] for image in sample]))


if __name__ == "__main__":
    main()
