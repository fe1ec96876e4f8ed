"""Diptych's ``read_dataset`` on the blog's own file, which is what ``diptych export --to tfrecord`` writes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.read_peers.blog import FILE, shape, write
from benchmarks.read_peers.source import BATCH, Epochs
from diptych.models.dataset import read_dataset
from diptych.models.decoders.exported_tfrecord import ExportedTFRecordDecoder
from diptych.models.images.options import ImageOptions
from diptych.models.inputs import IMAGE_INPUT
from diptych.models.training.memory import tune_process_memory

__all__ = ["batches", "write"]


def batches(out: Path) -> Epochs:
    """Images; ids and values of the text and the label come with them."""
    decoder = ExportedTFRecordDecoder(ImageOptions(height=128, width=128), *shape(out))
    dataset = read_dataset([str(out / FILE)], batch_size=BATCH, decode=decoder)
    tune_process_memory()
    return Epochs(dataset, lambda batch: batch[0][IMAGE_INPUT])
