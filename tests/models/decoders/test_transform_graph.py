"""A decoder gives the network the inputs that it describes, and every record as it was stored."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diptych.models import features
from diptych.models.dataset import read_dataset
from diptych.models.decoders.labels import read_labels
from diptych.models.decoders.transform_graph import TransformGraphDecoder
from diptych.models.images.options import ImageOptions
from diptych.models.text.options import TextOptions
from tests.helpers import SMALL, fit_transform_graph, noise, record_values, write_records

COUNT = 25
TEXTS = [f"number n{n} " + "many " * (n % 4) for n in range(COUNT)]
LABELS = ["odd" if n % 2 else "even" for n in range(COUNT)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three files of records and the Transform graph of their rows."""
    folder = tmp_path_factory.mktemp("input")
    records = [record_values(n, description=TEXTS[n], label=LABELS[n]) for n in range(COUNT)]
    for shard in range(3):
        write_records(folder / "examples" / f"data-{shard}.tfrecord", records[shard::3])
    fit_transform_graph(folder / "graph", TEXTS, LABELS, TextOptions())
    return folder


@pytest.fixture(scope="module")
def decoder(folder: Path) -> TransformGraphDecoder:
    import tensorflow_transform as tft

    return TransformGraphDecoder(tft.TFTransformOutput(str(folder / "graph")), SMALL, TextOptions())


@pytest.fixture(scope="module")
def files(folder: Path) -> list[str]:
    return [str(folder / "examples" / "*")]


def numbers(images: Any) -> list[int]:
    """The numbers of the records that contain these images."""
    known = {noise(n, SMALL.height, SMALL.width).tobytes(): n for n in range(COUNT)}
    return [known[image.tobytes()] for image in images]


def assert_as_described(inputs: dict[str, tf.Tensor], decoder: TransformGraphDecoder) -> None:
    """Asserts that a batch has the types and shapes of the decoder's ``inputs``."""
    spec = decoder.inputs.spec()
    assert inputs.keys() == spec.keys()
    for name, values in inputs.items():
        assert spec[name].is_compatible_with(values)


def test_batches_are_what_the_decoder_says(files: list[str], decoder: TransformGraphDecoder) -> None:
    dataset = read_dataset(files, batch_size=4, decode=decoder)
    inputs, label = dataset.element_spec
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in inputs.items()} == {
        name: (spec.dtype, spec.shape.as_list()) for name, spec in decoder.inputs.spec().items()
    }
    assert label == tf.TensorSpec([None], tf.int64)
    for inputs, _ in dataset:
        assert_as_described(inputs, decoder)


def test_a_record_arrives_whole(files: list[str], decoder: TransformGraphDecoder) -> None:
    terms = [term.decode() for term in decoder.transform.vocabulary_by_name("description")]
    assert decoder.terms == terms
    assert decoder.inputs.vocabulary_size == len(terms)
    seen = []
    for inputs, labels in read_dataset(files, batch_size=4, decode=decoder).as_numpy_iterator():
        batch = numbers(inputs["image"])
        seen += batch
        for number, ids, values, label in zip(
            batch, inputs["description_ids"], inputs["description_values"], labels, strict=True
        ):
            found = {terms[place - 1]: value for place, value in zip(ids, values, strict=True) if place}
            assert found == Counter(TEXTS[number].split())
            assert decoder.labels[label] == LABELS[number]
    assert sorted(seen) == list(range(COUNT))
    assert read_labels(files, "multiclass") == [(LABELS[number],) for number in seen]


@pytest.mark.parametrize("encoding", ["png", "jpeg"])
def test_encoded_images_are_read_too(tmp_path: Path, decoder: TransformGraphDecoder, encoding: str) -> None:
    from diptych.components.catalogue.image_files import encode_pixels

    options = ImageOptions(height=SMALL.height, width=SMALL.width, encoding=encoding)
    pixels = np.full((SMALL.height, SMALL.width, 3), 90, np.uint8)
    path = write_records(tmp_path / "data.tfrecord", [record_values(0, image=encode_pixels(pixels, options))] * 3)
    encoded = TransformGraphDecoder(decoder.transform, options, decoder.text)
    ((inputs, _),) = read_dataset([str(path)], batch_size=4, decode=encoded).as_numpy_iterator()
    assert inputs["image"].shape == (3, SMALL.height, SMALL.width, 3)
    assert np.abs(inputs["image"].astype(int) - 90).max() <= 1


def test_a_text_without_a_known_term_is_all_padding(decoder: TransformGraphDecoder) -> None:
    inputs = decoder.text_inputs({features.DESCRIPTION: tf.constant([["unheard"], [""]])})
    assert inputs["description_ids"].numpy().tolist() == [[0], [0]]
    assert inputs["description_values"].numpy().tolist() == [[0], [0]]


def test_an_unknown_label_has_no_class(decoder: TransformGraphDecoder) -> None:
    assert decoder.label({features.LABEL: tf.constant([["even"], ["neither"]])}).numpy().tolist() == [0, -1]


def test_sequences_come_in_the_order_of_the_text(tmp_path: Path) -> None:
    options = TextOptions(encoding="sequence", length=3)
    decoder = TransformGraphDecoder(
        fit_transform_graph(tmp_path, ["to do", "do it"], ["x", "y"], options), SMALL, options
    )
    inputs = decoder.text_inputs({features.DESCRIPTION: tf.constant([["it do it to"], ["to"]])})
    assert inputs["description_ids"].numpy().tolist() == [[2, 1, 2], [3, 0, 0]]
    assert inputs.keys() == {"description_ids"}
    assert decoder.inputs.sequence_length == 3


def test_a_bucket_of_unknown_terms_is_one_more_term(tmp_path: Path) -> None:
    options = TextOptions(oov="bucket")
    decoder = TransformGraphDecoder(
        fit_transform_graph(tmp_path, ["to do", "do it"], ["x", "y"], options), SMALL, options
    )
    inputs = decoder.text_inputs({features.DESCRIPTION: tf.constant([["never do never"]])})
    assert decoder.inputs.vocabulary_size == len(decoder.terms) + 1
    assert inputs["description_ids"].numpy().tolist() == [[1, decoder.inputs.vocabulary_size]]
    assert inputs["description_values"].numpy().tolist() == [[1, 2]]


def test_records_without_texts_are_images_alone(tmp_path: Path) -> None:
    rows = [record_values(number, **{features.DESCRIPTION: None}) for number in range(3)]
    path = write_records(tmp_path / "data.tfrecord", rows)
    decoder = TransformGraphDecoder(fit_transform_graph(tmp_path / "graph", [], ["even", "odd"], None), SMALL, None)
    ((inputs, labels),) = read_dataset([str(path)], batch_size=4, decode=decoder)
    assert_as_described(inputs, decoder)
    assert inputs.keys() == {"image"}
    assert numbers(inputs["image"].numpy()) == [0, 1, 2]
    assert labels.numpy().tolist() == [0, 1, 0]
    assert (decoder.terms, decoder.text_inputs({})) == ([], {})
