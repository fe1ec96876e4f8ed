"""Diptych's ``read_dataset`` on the blog's own file, whose format ``diptych export --to tfrecord`` writes, too."""

from __future__ import annotations

from pathlib import Path

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader
from benchmarks.read_peers.blog import FILE, shape, write
from diptych.models.dataset import read_dataset
from diptych.models.decoders.exported_tfrecord import ExportedTFRecordDecoder
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IMAGE_INPUT
from diptych.models.training.memory import tune_process_memory

__all__ = ["batches", "decoder", "files", "write"]


def decoder(out: Path) -> ExportedTFRecordDecoder:
    """The decoder of the records."""
    return ExportedTFRecordDecoder(ImageOptions(height=128, width=128), *shape(out))


def files(out: Path) -> list[str]:
    """The file that holds the records."""
    return [str(out / FILE)]


def batches(out: Path) -> EpochReader:
    """Reads images, and with them ids and values of the texts and labels."""
    dataset = read_dataset(files(out), batch_size=BATCH_SIZE, decode=decoder(out))
    tune_process_memory()
    return EpochReader(dataset, lambda batch: batch[0][IMAGE_INPUT])
