"""Hugging Face datasets: ``load_dataset("csv")`` and ``map(num_proc=2)``, which writes Arrow files of raw pixels.

It does not split the dataset.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import datasets

from benchmarks.ingest_peers.common import PROCESSES, read_pixels

_FEATURES = datasets.Features(
    {name: datasets.Value(kind) for name, kind in (("image", "string"), ("description", "string"), ("label", "string"))}
    | {"pixels": datasets.Value("binary")}
)


def write(catalogue: Path, out: Path) -> None:
    """Writes ``out/pixels_*.arrow``."""
    datasets.disable_progress_bars()
    rows = datasets.load_dataset("csv", data_files=str(catalogue), split="train", cache_dir=str(out / "cache"))
    rows.map(
        _decode,
        batched=True,
        batch_size=64,
        num_proc=PROCESSES,
        features=_FEATURES,
        fn_kwargs={"folder": str(catalogue.parent)},
        cache_file_name=str(out / "pixels.arrow"),
    )


def _decode(batch: dict[str, list[str]], folder: str) -> dict[str, list[bytes]]:
    # Two processes with two threads each would slow each other down.
    cv2.setNumThreads(1)
    return {"pixels": [read_pixels(Path(folder, image)).tobytes() for image in batch["image"]]}


def read(out: Path) -> Iterator[tuple[str, Any]]:
    """Yields the image's path and the pixels of every record."""
    import numpy as np

    for file in sorted(out.glob("*.arrow")):
        for row in datasets.Dataset.from_file(str(file)):
            yield row["image"], np.frombuffer(row["pixels"], np.uint8)
