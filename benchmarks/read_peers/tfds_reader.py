"""TensorFlow Datasets: TFRecord files of raw pixels, which TFDS decodes record by record and then batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader, ImageTextArrays


class Images(tfds.core.GeneratorBasedBuilder):
    """The dataset of images, counts and labels."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, source: ImageTextArrays, **options: Any) -> None:
        self._source = source
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Tensor(shape=(128, 128, 3), dtype=np.uint8, encoding="bytes"),
            "counts": tfds.features.Tensor(shape=self._source.counts.shape[1:], dtype=np.float32),
            "label": tfds.features.ClassLabel(num_classes=self._source.classes),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        source = self._source
        for number, (image, counts, label) in enumerate(zip(source.images, source.counts, source.labels, strict=True)):
            yield number, {"image": np.asarray(image), "counts": counts, "label": int(label)}


def write(source: ImageTextArrays, out: Path) -> None:
    """Writes ``out/images/1.0.0``."""
    builder = Images(source, data_dir=str(out), file_format="tfrecord")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))


def batches(out: Path) -> EpochReader:
    """Reads images, and with them counts and labels."""
    builder = tfds.builder_from_directory(str(out / "images" / "1.0.0"))
    # TFDS keeps a dataset as small as this one in memory unless told otherwise.
    config = tfds.ReadConfig(try_autocache=False)
    dataset = builder.as_dataset(split="train", read_config=config).batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)
    return EpochReader(dataset, lambda batch: batch["image"])
