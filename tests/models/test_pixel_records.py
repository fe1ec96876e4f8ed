"""Records whose pixels are read apart give the same batches as whole records do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diptych.models import features
from diptych.models.dataset import ShuffleOptions, StreamPosition, input_fn_train, read_dataset, shard_for_worker
from diptych.models.decoders.exported_tfrecord import ExportedTFRecordDecoder
from diptych.models.images.options import ImageOptions
from diptych.models.pixel_records import bind_decoder
from diptych.models.tfrecords import split_into_chunks
from tests.helpers import noise

COUNT, CLASSES, TERMS = 70, 3, 5
IMAGE = ImageOptions(height=60, width=50)
SHUFFLE = ShuffleOptions(buffer_size=20, seed=3)
DECODE = ExportedTFRecordDecoder(IMAGE, terms=TERMS, classes=CLASSES)


def whole(records: tf.Tensor) -> Any:
    """The same decoder as a mere function, to which tf.data gives whole records."""
    return DECODE(records)


def example(number: int, **changes: Any) -> bytes:
    pixels = noise(number, IMAGE.height, IMAGE.width).tobytes()
    index = np.flatnonzero(np.random.default_rng(number).random(TERMS) < 0.5)
    feature = {
        features.IMAGE: tf.train.Feature(bytes_list=tf.train.BytesList(value=[pixels])),
        features.DESCRIPTION_INDEX: tf.train.Feature(int64_list=tf.train.Int64List(value=index)),
        features.DESCRIPTION_VALUE: tf.train.Feature(float_list=tf.train.FloatList(value=index + 1.0)),
        features.LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=np.eye(CLASSES, dtype=int)[number % 3])),
    }
    return bytes(tf.train.Example(features=tf.train.Features(feature=feature | changes)).SerializeToString())


def write(path: Path, records: list[bytes], compression: str = "") -> str:
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("pixels")
    records = [example(number) for number in range(COUNT)]
    return [write(folder / str(end), records[start:end]) for start, end in ((0, 33), (33, 34), (34, COUNT))]


def assert_equal(one: tf.data.Dataset, other: tf.data.Dataset, batches: int = -1) -> None:
    assert one.element_spec == other.element_spec
    for a, b in zip(one.take(batches), other.take(batches), strict=True):
        tf.nest.map_structure(lambda x, y: np.testing.assert_array_equal(x.numpy(), y.numpy()), a, b)


def test_they_are_read_apart_where_that_is_possible(files: list[str], tmp_path: Path) -> None:
    chunks = split_into_chunks(files, 8)
    assert bind_decoder(chunks, DECODE)
    assert bind_decoder(chunks, whole) is None
    small, jpeg = IMAGE.model_copy(update={"height": 4}), IMAGE.model_copy(update={"encoding": "jpeg"})
    for image in (small, jpeg):
        assert bind_decoder(chunks, ExportedTFRecordDecoder(image, terms=TERMS, classes=CLASSES)) is None
    compressed = write(tmp_path / "data.gz", [example(0)], "GZIP")
    assert bind_decoder(split_into_chunks([compressed], 8), DECODE) is None


@pytest.mark.parametrize("size", [1, 16, 100])
@pytest.mark.parametrize("shuffle", [None, SHUFFLE])
def test_every_pass_is_that_of_whole_records(files: list[str], size: int, shuffle: ShuffleOptions | None) -> None:
    apart, together = (read_dataset(files, batch_size=size, decode=f, shuffle=shuffle) for f in (DECODE, whole))
    # Of the second pass, records have been located.
    assert_equal(apart.repeat(2), together.repeat(2))


def test_the_stream_of_training_is_that_of_whole_records(files: list[str]) -> None:
    start = StreamPosition(1, 3)
    apart, together = (
        input_fn_train(files, batch_size=16, decode=f, shuffle=SHUFFLE, start=start) for f in (DECODE, whole)
    )
    assert_equal(apart, together, 15)


def test_the_share_of_a_worker_is_that_of_whole_records(files: list[str]) -> None:
    share = shard_for_worker(files, 1, 2)
    assert_equal(*(read_dataset(share, batch_size=16, decode=f, shuffle=SHUFFLE) for f in (DECODE, whole)))


@pytest.mark.parametrize("place", [200, -5])
def test_a_damaged_record_is_told(files: list[str], tmp_path: Path, place: int) -> None:
    content = bytearray(Path(files[0]).read_bytes())
    content[place] ^= 1
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(tf.errors.OpError, match="is damaged: the checksum of the record at byte"):
        list(read_dataset([str(path)], batch_size=16, decode=DECODE))


@pytest.mark.parametrize(
    "image",
    [
        tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes(IMAGE.height * IMAGE.width * 3 - 1)])),
        tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes(IMAGE.height * IMAGE.width * 3), b""])),
        tf.train.Feature(int64_list=tf.train.Int64List(value=[1])),
        tf.train.Feature(),
    ],
)
def test_a_record_without_such_an_image_is_told(tmp_path: Path, image: tf.train.Feature) -> None:
    path = write(tmp_path / "data", [example(0), example(1, image=image)])
    with pytest.raises(tf.errors.OpError, match="has no image of 9000 bytes in the record at byte"):
        list(read_dataset([path], batch_size=16, decode=DECODE))


def test_a_file_that_is_cut_meanwhile_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "data", [example(number) for number in range(3)])
    dataset = read_dataset([path], batch_size=3, decode=DECODE)
    list(dataset)
    with open(path, "r+b") as file:
        file.truncate(20_000)
    with pytest.raises(tf.errors.OpError, match="has become shorter"):
        list(dataset)
