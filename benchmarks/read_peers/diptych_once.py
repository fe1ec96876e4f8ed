"""Diptych's ``read_dataset`` on a run's Examples that ``decode_once`` has decoded."""

from __future__ import annotations

from pathlib import Path

from benchmarks.read_peers.arrays import BATCH_SIZE, EpochReader
from benchmarks.read_peers.diptych import decoder, files, write
from diptych.models.dataset import read_dataset
from diptych.models.inputs import IMAGE_INPUT
from diptych.models.mapped_rows import decode_once
from diptych.models.training.memory import tune_process_memory

__all__ = ["batches", "write"]


def batches(out: Path) -> EpochReader:
    """Reads images, and with them ids and values of the texts and labels."""
    dataset = read_dataset(files(out), batch_size=BATCH_SIZE, decode=decode_once(files(out), decoder(out)))
    tune_process_memory()
    return EpochReader(dataset, lambda batch: batch[0][IMAGE_INPUT])
