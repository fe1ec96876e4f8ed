"""Diptych's whole ImageTextExampleGen: driver, fingerprint of every byte, executor, metadata in SQLite."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tensorflow as tf
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline

from benchmarks.ingest_peers.common import IMAGE_SIZE, PROCESSES, read_rows
from diptych.components.catalogue.options import DataOptions
from diptych.components.example_gen.component import ImageTextExampleGen
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.tfrecords import list_split_files, read_records

_ARTIFACTS = "artifacts"


def write(catalogue: Path, out: Path) -> None:
    """Writes ``out/artifacts`` and ``out/metadata.sqlite``."""
    ingest(catalogue, out, IMAGE_SIZE)


def ingest(catalogue: Path, out: Path, side: int) -> None:
    """Writes ``out/artifacts`` and ``out/metadata.sqlite``, with raw images of ``side`` x ``side`` pixels."""
    # ``diptych run`` does so, too.
    gc.freeze()
    image = read_rows(catalogue)[0]["image"]
    # Images are read below one root only.
    root = f"{urlsplit(image).scheme}://{urlsplit(image).netloc}" if "://" in image else None
    stored = ImageOptions(height=side, width=side, encoding="raw")
    data = DataOptions(catalogue=str(catalogue), images_root=root, processes=PROCESSES)
    pipeline = Pipeline(
        pipeline_name="bench",
        pipeline_root=str(out / _ARTIFACTS),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(str(out / "metadata.sqlite")),
        components=[ImageTextExampleGen(data, stored, code="bench")],
    )
    LocalDagRunner().run(pipeline)


def read(out: Path) -> Iterator[tuple[str, Any]]:
    """Yields the image's path and the pixels of every record."""
    (examples,) = (out / _ARTIFACTS / "ImageTextExampleGen" / "examples").iterdir()
    for split in features.SPLITS:
        for record in read_records(list_split_files(str(examples), split)).as_numpy_iterator():
            stored = tf.train.Example.FromString(record).features.feature
            image = stored[features.IMAGE].bytes_list.value[0]
            yield stored[features.ID].bytes_list.value[0].decode(), tf.io.decode_raw(image, tf.uint8).numpy()
