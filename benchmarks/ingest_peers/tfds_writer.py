"""TensorFlow Datasets: ``download_and_prepare`` writes TFRecord files from a generator; two processes decode for it.

TFDS runs a generator in a single process, so a pool of processes is the best that its author can do. Pixels are stored
raw, and the split follows from the row number.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow_datasets as tfds

from benchmarks.ingest_peers.common import IMAGE_SIZE, PROCESSES, read_pixels, read_rows

_SPLITS = {"train": range(8), "val": range(8, 9), "test": range(9, 10)}


class Catalogue(tfds.core.GeneratorBasedBuilder):
    """A catalogue of images, descriptions and labels."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, catalogue: str, pool: Any, **options: Any) -> None:
        self._catalogue, self._pool = Path(catalogue), pool
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Text(),
            "pixels": tfds.features.Tensor(shape=(IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8, encoding="bytes"),
            "description": tfds.features.Text(),
            "label": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {split: self._generate_examples(tenths) for split, tenths in _SPLITS.items()}

    def _generate_examples(self, tenths: range) -> Iterator[tuple[str, dict[str, Any]]]:
        rows = [row for number, row in enumerate(read_rows(self._catalogue)) if number % 10 in tenths]
        paths = [self._catalogue.parent / row["image"] for row in rows]
        for row, pixels in zip(rows, self._pool.imap(read_pixels, paths, chunksize=16), strict=True):
            yield row["image"], {**row, "pixels": pixels}


def write(catalogue: Path, out: Path) -> None:
    """Writes ``out/catalogue/1.0.0``."""
    # The processes are forked before TFDS loads TensorFlow, because a fork would lose TensorFlow's threads.
    with multiprocessing.Pool(PROCESSES, cv2.setNumThreads, (1,)) as pool:
        builder = Catalogue(str(catalogue), pool, data_dir=str(out), file_format="tfrecord")
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))


def read(out: Path) -> Iterator[tuple[str, Any]]:
    """Yields the image's path and the pixels of every record."""
    builder = tfds.builder_from_directory(str(out / "catalogue" / "1.0.0"))
    for split in _SPLITS:
        for record in tfds.as_numpy(builder.as_dataset(split=split)):
            yield record["image"].decode(), record["pixels"]
