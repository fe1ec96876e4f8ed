"""An export to TFRecord equals what a loop of scikit-learn and ``tf.train.Example`` writes, and is read likewise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import LabelBinarizer, MultiLabelBinarizer

from diptych.models.dataset import read_dataset
from diptych.models.decoders.encoders_file import EncodersFileDecoder
from diptych.models.decoders.exported_tfrecord import ExportedTFRecordDecoder
from diptych.models.images.options import ImageOptions
from diptych.models.text.options import TextOptions
from diptych.models.text.sklearn_encoders import load_encoders, read_encoders_file
from diptych.pipeline.export.dataset import export_dataset
from tests.helpers import SMALL, fit_transform_graph, noise
from tests.pipeline.export.formats.runs import ANY_TEXTS, FILES, pixels_of, values_of, write_run

LARGE = ImageOptions(height=128, width=128)
TRAIN = range(FILES["train"][1])


def labels_of(numbers: range, multilabel: bool = False) -> list[Any]:
    return [values_of(number, SMALL, multilabel)["label"] for number in numbers]


def export(folder: Path, text: TextOptions | None, multilabel: bool = False, image: ImageOptions = SMALL) -> Path:
    """The folder of an export of the run of ten examples, whose vocabularies are those of train."""
    task = "multilabel" if multilabel else "multiclass"
    labels = labels_of(TRAIN, multilabel)
    fit_transform_graph(folder / "graph", ANY_TEXTS[: len(TRAIN)], labels, text, task=task)
    made = {"transform_graph": str(folder / "graph")}
    run = write_run(folder / "run", image, multilabel, texts=text is not None, Transform=made)
    return Path(export_dataset(str(run), "tfrecord", str(folder / "out")).output)


def described(output: Path) -> dict[str, Any]:
    return dict(json.loads((output / "dataset.json").read_text()))


def dataset(output: Path, split: str, text: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of a split, parsed as a reader of such files does."""
    facts = described(output)
    spec = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([facts["label_columns"]], tf.int64),
        **text,
    }

    def parse(record: tf.Tensor) -> dict[str, Any]:
        parsed = tf.io.parse_single_example(record, spec)
        image = tf.io.decode_raw(parsed["image"], tf.uint8)
        image = tf.reshape(image, [facts["image"]["height"], facts["image"]["width"], 3])
        return {**parsed, "image": image}

    return list(tf.data.TFRecordDataset(str(output / f"{split}.tfrecords")).map(parse))


def bag(output: Path) -> dict[str, Any]:
    terms = described(output)["terms"]
    return {"description": tf.io.SparseFeature(["description_index"], "description_value", tf.float32, [terms])}


def all_rows(output: Path, text: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for split in FILES for row in dataset(output, split, text)]


@pytest.mark.parametrize("encoding", ["counts", "tfidf"])
def test_records_hold_what_scikit_learn_gives(tmp_path: Path, encoding: Any) -> None:
    output = export(tmp_path, TextOptions(encoding=encoding))
    rows = all_rows(output, bag(output))
    vectorizer = (TfidfVectorizer if encoding == "tfidf" else CountVectorizer)().fit(ANY_TEXTS[: len(TRAIN)])
    binarizer = LabelBinarizer().fit(labels_of(TRAIN))
    texts = np.stack([tf.sparse.to_dense(row["description"]).numpy() for row in rows])
    assert texts == pytest.approx(vectorizer.transform(ANY_TEXTS).toarray(), abs=1e-6)
    labels = np.stack([row["label"].numpy() for row in rows])
    assert np.array_equal(labels, binarizer.transform(labels_of(range(10))))
    for number, row in enumerate(rows):
        assert np.array_equal(row["image"].numpy(), pixels_of(number))


def test_the_blogs_parse_function_reads_images_of_128_by_128(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.pipeline.export.formats.runs.pixels_of", lambda number: noise(number, 128, 128))
        output = export(tmp_path, TextOptions(), image=LARGE)
    assert run.is_dir()
    terms = described(output)["terms"]

    def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        features = {
            "image": tf.io.FixedLenFeature([], tf.string),
            "description": tf.io.SparseFeature(["description_index"], "description_value", tf.float32, [terms]),
            "label": tf.io.FixedLenFeature([3], tf.int64),
        }
        parsed = tf.io.parse_single_example(record, features)
        image = tf.reshape(tf.io.decode_raw(parsed["image"], tf.uint8), [128, 128, 3])
        return image, tf.sparse.to_dense(parsed["description"]), parsed["label"]

    (images, texts, labels), *others = tf.data.TFRecordDataset(str(output / "train.tfrecords")).map(parse).batch(8)
    assert not others
    assert (images.shape, texts.shape, labels.shape) == ((5, 128, 128, 3), (5, terms), (5, 3))
    assert np.array_equal(images[2].numpy(), noise(2, 128, 128))


def test_two_classes_have_one_column_as_label_binarizer_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_two(number: int, image: ImageOptions, multilabel: bool) -> dict[str, Any]:
        return {**values_of(number, image, multilabel), "label": "no" if number % 2 else "yes"}

    monkeypatch.setattr("tests.pipeline.export.formats.runs.values_of", of_two)
    graph = tmp_path / "graph"
    names = [of_two(number, SMALL, False)["label"] for number in range(10)]
    fit_transform_graph(graph, ANY_TEXTS, names, TextOptions())
    run = write_run(tmp_path / "run", Transform={"transform_graph": str(graph)})
    output = Path(export_dataset(str(run), "tfrecord", str(tmp_path / "out")).output)
    labels = np.stack([row["label"].numpy() for row in all_rows(output, bag(output))])
    assert np.array_equal(labels, LabelBinarizer().fit_transform(names))
    assert (described(output)["labels"], described(output)["label_columns"]) == (["no", "yes"], 1)


def test_several_labels_are_those_of_multi_label_binarizer(tmp_path: Path) -> None:
    output = export(tmp_path, TextOptions(), multilabel=True)
    labels = np.stack([row["label"].numpy() for row in all_rows(output, bag(output))])
    binarizer = MultiLabelBinarizer().fit(labels_of(TRAIN, multilabel=True))
    assert np.array_equal(labels, binarizer.transform(labels_of(range(10), multilabel=True)))


def test_sequences_are_ids_of_one_length(tmp_path: Path) -> None:
    output = export(tmp_path, TextOptions(encoding="sequence", length=4))
    rows = all_rows(output, {"description_ids": tf.io.FixedLenFeature([4], tf.int64)})
    ids = np.stack([row["description_ids"].numpy() for row in rows])
    vocabulary = CountVectorizer().fit(ANY_TEXTS[: len(TRAIN)]).vocabulary_
    assert ids[2].tolist() == [vocabulary["two"] + 1, vocabulary["lines"] + 1, 0, 0]
    assert described(output)["text_length"] == 4


def test_images_alone_have_no_terms_and_the_decoder_reads_them(tmp_path: Path) -> None:
    output = export(tmp_path, None)
    facts = described(output)
    assert (facts["terms"], facts["text_length"]) == (None, None)
    decoder = ExportedTFRecordDecoder(SMALL, facts["terms"], facts["label_columns"])
    ((inputs, labels),) = read_dataset([str(output / "test.tfrecords")], batch_size=8, decode=decoder)
    assert inputs.keys() == {"image"}
    assert np.array_equal(inputs["image"][0].numpy(), pixels_of(7))
    assert labels.shape == (3, 3)
    encoders = load_encoders(str(output / "encoders.json"))
    assert encoders.vectorizer is None
    assert encoders.label_encoder.classes_.tolist() == facts["labels"]
    ((again, ids),) = read_dataset(
        [str(tmp_path / "run" / "examples" / "Split-test" / "*")],
        batch_size=8,
        decode=EncodersFileDecoder(read_encoders_file(str(output / "encoders.json")), SMALL),
    )
    assert again.keys() == {"image"}
    assert np.array_equal(again["image"], inputs["image"])
    assert ids.numpy().tolist() == labels.numpy().argmax(axis=1).tolist()


def test_what_is_written_is_described(tmp_path: Path) -> None:
    output = export(tmp_path, TextOptions(oov="bucket"))
    assert sorted(path.name for path in output.iterdir()) == [
        "dataset.json",
        "encoders.json",
        "test.tfrecords",
        "train.tfrecords",
        "val.tfrecords",
    ]
    assert described(output) == {
        "task": "multiclass",
        "labels": ["a, b", "cat", "dog"],
        "label_columns": 3,
        # One more counts the unknown ones.
        "terms": len(CountVectorizer().fit(ANY_TEXTS[: len(TRAIN)]).vocabulary_) + 1,
        "text_length": None,
        "image": {"height": SMALL.height, "width": SMALL.width, "channels": 3},
        "splits": {split: {"file": f"{split}.tfrecords", "examples": count} for split, (_, count) in FILES.items()},
    }
