"""tf.data gives the network every record, whole, in a known order."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models.decoder import Decoder, counts, input_fn_eval, input_fn_train, read_dataset, read_labels
from models.images import ImageOptions
from models.text.options import TextOptions
from tests.helpers import SMALL, fit_transform_graph, noise, record_values, write_records

COUNT = 25
TEXTS = [f"number n{n} " + "many " * (n % 4) for n in range(COUNT)]
LABELS = ["odd" if n % 2 else "even" for n in range(COUNT)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files of records and the Transform graph of their rows."""
    folder = tmp_path_factory.mktemp("input")
    records = [record_values(n, description=TEXTS[n], label=LABELS[n]) for n in range(COUNT)]
    for shard in range(3):
        write_records(folder / "examples" / f"data-{shard}.tfrecord", records[shard::3])
    fit_transform_graph(folder / "graph", TEXTS, LABELS, TextOptions())
    return folder


@pytest.fixture(scope="module")
def decoder(folder: Path) -> Decoder:
    import tensorflow_transform as tft

    return Decoder(tft.TFTransformOutput(str(folder / "graph")), SMALL)


@pytest.fixture(scope="module")
def files(folder: Path) -> list[str]:
    return [str(folder / "examples" / "*")]


def numbers(dataset: tf.data.Dataset) -> list[int]:
    """Which records a dataset gives, told by their pixels."""
    known = {noise(n, SMALL.height, SMALL.width).tobytes(): n for n in range(COUNT)}
    return [known[image.tobytes()] for inputs, _ in dataset.as_numpy_iterator() for image in inputs["image"]]


def test_batches_have_the_stated_shapes_and_types(files: list[str], decoder: Decoder) -> None:
    (image, text), label = (spec := read_dataset(files, decoder, 4).element_spec)[0].values(), spec[1]
    assert (image.dtype, image.shape.as_list()) == (tf.uint8, [None, SMALL.height, SMALL.width, 3])
    assert (text.dtype, text.shape.as_list()) == (tf.float32, [None, decoder.terms])
    assert (label.dtype, label.shape.as_list()) == (tf.int64, [None])


def test_a_record_arrives_whole(files: list[str], decoder: Decoder) -> None:
    terms = [term.decode() for term in decoder.transform.vocabulary_by_name("description")]
    seen = numbers(read_dataset(files, decoder, 4))
    batches = list(read_dataset(files, decoder, 4).as_numpy_iterator())
    bags = np.concatenate([inputs["description"] for inputs, _ in batches])
    ids = np.concatenate([labels for _, labels in batches])
    for number, bag, label in zip(seen, bags, ids, strict=True):
        wanted = {"number": 1.0, f"n{number}": 1.0} | ({"many": float(number % 4)} if number % 4 else {})
        assert {terms[place]: bag[place] for place in bag.nonzero()[0]} == wanted
        assert decoder.labels[label] == LABELS[number]


def test_every_record_comes_once_and_in_the_same_order(files: list[str], decoder: Decoder) -> None:
    seen = numbers(read_dataset(files, decoder, 4))
    assert sorted(seen) == list(range(COUNT))
    assert numbers(input_fn_eval(files, decoder, 7)) == seen
    assert [LABELS[n] for n in seen] == read_labels(files)


def test_training_shuffles_anew_each_epoch_and_the_same_each_run(files: list[str], decoder: Decoder) -> None:
    def epochs(seed: int) -> list[list[int]]:
        dataset = input_fn_train(files, decoder, 4, shuffle_buffer=COUNT, seed=seed)
        seen = numbers(dataset.take(2 * math.ceil(COUNT / 4)))
        return [seen[:COUNT], seen[COUNT:]]

    first, second = epochs(seed=3)
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert first != second
    assert first != numbers(read_dataset(files, decoder, 4))
    assert epochs(seed=3) == [first, second]
    assert epochs(seed=4) != [first, second]


@pytest.mark.parametrize("encoding", ["png", "jpeg"])
def test_encoded_images_are_read_too(tmp_path: Path, decoder: Decoder, encoding: str) -> None:
    from components.example_gen.images import encode

    options = ImageOptions(height=SMALL.height, width=SMALL.width, encoding=encoding)
    pixels = np.full((SMALL.height, SMALL.width, 3), 90, np.uint8)
    path = write_records(tmp_path / "data.tfrecord", [record_values(0, image=encode(pixels, options))] * 3)
    ((inputs, _),) = read_dataset([str(path)], Decoder(decoder.transform, options), 4).as_numpy_iterator()
    assert inputs["image"].shape == (3, SMALL.height, SMALL.width, 3)
    assert np.abs(inputs["image"].astype(int) - 90).max() <= 1


def test_no_file_is_told(tmp_path: Path, decoder: Decoder) -> None:
    with pytest.raises(ValueError, match="no TFRecord file matches"):
        read_dataset([str(tmp_path / "*")], decoder, 4)


def test_sparse_counts_become_dense() -> None:
    index = tf.RaggedTensor.from_row_lengths(tf.constant([0, 3, 1], tf.int64), [2, 0, 1]).to_sparse()
    value = tf.RaggedTensor.from_row_lengths(tf.constant([1.0, 2.0, 5.0]), [2, 0, 1]).to_sparse()
    assert counts(index, value, 4).numpy().tolist() == [[1, 0, 0, 2], [0, 0, 0, 0], [0, 5, 0, 0]]


def test_texts_without_a_term_leave_no_vocabulary(tmp_path: Path) -> None:
    transform = fit_transform_graph(tmp_path, ["a", "b"], ["x", "y"], TextOptions())
    assert Decoder(transform, SMALL).terms == 0
