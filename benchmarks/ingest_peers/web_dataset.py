"""WebDataset: two processes with a ShardWriter each, which write tar files of raw pixels.

It does not split the dataset.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import webdataset

from benchmarks.ingest_peers.common import PROCESSES, read_pixels, read_rows


def write(catalogue: Path, out: Path) -> None:
    """Writes ``out/<process>-<shard>.tar``."""
    rows = read_rows(catalogue)
    with multiprocessing.Pool(PROCESSES) as pool:
        pool.map(partial(_write_part, rows, catalogue.parent, out), range(PROCESSES), chunksize=1)


def _write_part(rows: list[dict[str, str]], folder: Path, out: Path, process: int) -> None:
    # Two processes with two threads each would slow each other down.
    cv2.setNumThreads(1)
    with webdataset.ShardWriter(str(out / f"{process}-%06d.tar"), maxsize=128e6, maxcount=100_000, verbose=0) as writer:
        for number in range(process, len(rows), PROCESSES):
            row = rows[number]
            writer.write(
                {
                    "__key__": f"{number:08d}",
                    "npy": read_pixels(folder / row["image"]),
                    "txt": row["description"],
                    "json": {"image": row["image"], "label": row["label"]},
                }
            )


def read(out: Path) -> Iterator[tuple[str, Any]]:
    """Yields the image's path and the pixels of every record."""
    files = [str(file) for file in sorted(out.glob("*.tar"))]
    for sample in webdataset.WebDataset(files, shardshuffle=False).decode():
        yield sample["json"]["image"], sample["npy"]
