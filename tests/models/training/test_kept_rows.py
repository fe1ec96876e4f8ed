"""Rows that were decoded once give the same batches as their records do, in the same order."""

from __future__ import annotations

import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models.training.options import TrainOptions
from tests.models.training.conftest import COUNT, TRAIN, TrainerInputs, fn_args, record_progress


@pytest.fixture(scope="module")
def data(trainer_inputs: TrainerInputs) -> Any:
    from diptych.models.training.data import open_training_data

    return open_training_data(fn_args(trainer_inputs.arguments("mapped")), TRAIN)


def leaves(dataset: Any, batches: int) -> list[list[Any]]:
    import tensorflow as tf

    return [[values.numpy() for values in tf.nest.flatten(batch)] for batch in dataset.take(batches)]


def assert_equal(one: Any, other: Any, batches: int = 20) -> None:
    assert one.element_spec == other.element_spec
    for a, b in zip(leaves(one, batches), leaves(other, batches), strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def test_training_gets_the_batches_of_the_records(data: Any) -> None:
    import tensorflow as tf

    strategy, records = tf.distribute.get_strategy(), replace(data, row_maps=type(data.row_maps)(0.0))
    for epochs in (0, 2):
        mapped, streamed = (each.train_dataset_fn(TRAIN, strategy)(epochs) for each in (data, records))
        assert_equal(mapped, streamed)
    assert list(data.row_maps._known) == [tuple(data.train_files)]


def test_val_that_is_not_held_in_memory_is_mapped(data: Any) -> None:
    train = TRAIN.model_copy(update={"shuffle_buffer": 5})
    fresh = replace(data, row_maps=type(data.row_maps)(1e9))
    assert_equal(fresh.val_dataset(train), data.val_dataset(TRAIN))
    assert list(fresh.row_maps._known) == [tuple(data.val_files)]


@pytest.mark.parametrize("change", [{"epochs": 1}, {"distribute": "mirrored"}, {"memory_map_gb": 0}])
def test_one_epoch_several_devices_and_no_space_go_without(
    trainer_inputs: TrainerInputs, change: dict[str, Any]
) -> None:
    from diptych.models.training.data import open_training_data

    train = TrainOptions.model_validate({**TRAIN.model_dump(), **change})
    data = open_training_data(fn_args(trainer_inputs.arguments("mapped", train)), train)
    assert data._keep_decoded(train, data.train_files, COUNT) is data.decoder


def test_all_splits_share_the_limit(data: Any) -> None:
    from diptych.models.mapped_rows import MappedRows, RowMaps

    size = COUNT * data.decoder.image.height * data.decoder.image.width * 3
    maps = RowMaps(1.5 * size)
    first = maps.open(data.train_files, data.decoder, COUNT)
    assert isinstance(first, MappedRows)
    assert maps.open(data.train_files, data.decoder, COUNT) is first
    assert maps.open([*data.train_files, *data.train_files], data.decoder, 2 * COUNT) is data.decoder


def test_without_space_on_the_disk_records_are_read(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.models.mapped_rows import RowMaps

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 0, 10))
    with record_progress() as recorder:
        assert RowMaps(1e9).open(data.train_files, data.decoder, COUNT) is data.decoder
    assert "there is no space to keep 22 rows" in recorder.notes[0]


def test_a_disk_that_fills_up_meanwhile_is_no_error(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.models import mapped_rows

    def fill_up(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped_rows, "map_rows", fill_up)
    with record_progress() as recorder:
        assert mapped_rows.RowMaps(1e9).open(data.train_files, data.decoder, COUNT) is data.decoder
    assert recorder.notes[0].endswith("for all epochs: No space left on device")


def test_nothing_is_left_in_the_folder(data: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import tempfile

    from diptych.models.mapped_rows import MappedRows, RowMaps

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert isinstance(RowMaps(1e9).open(data.train_files, data.decoder, COUNT), MappedRows)
    assert not list(tmp_path.iterdir())


def test_texts_without_a_term_and_labels_of_several_columns(tmp_path: Path) -> None:
    import tensorflow as tf

    from diptych.models.mapped_rows import map_rows

    inputs = {
        "image": tf.constant(np.arange(36, dtype=np.uint8).reshape(3, 2, 2, 3)),
        "description_ids": tf.constant([[0, 0], [2, 5], [3, 0]], tf.int64),
        "description_values": tf.constant([[0, 0], [1, 0.5], [2, 0]], tf.float32),
    }
    label = tf.constant([[0, 1], [1, 1], [0, 0]], tf.float32)
    rows = map_rows([(inputs, label)], str(tmp_path))
    for places, terms in (([2, 1], 2), ([0], 1), ([], 1)):
        found, labels = rows.read_rows(tf.constant(places, tf.int64))
        assert labels.numpy().tolist() == [label[place].numpy().tolist() for place in places]
        for name, values in found.items():
            wanted = values.numpy().tolist()
            assert [
                inputs[name][place].numpy()[:terms].tolist() if "desc" in name else inputs[name][place].numpy().tolist()
                for place in places
            ] == wanted
