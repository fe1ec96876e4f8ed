"""Exported encoders are scikit-learn's own objects, and encode as Transform's graph does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import LabelBinarizer, LabelEncoder, MultiLabelBinarizer

from diptych.models import features
from diptych.models.labels import LabelOptions
from diptych.models.text.options import EncodingOptions, TextOptions
from diptych.models.text.sklearn_encoders import SklearnEncoders, export_encoders, load_encoders
from tests.models.text.corpora import generated_texts
from tests.models.text.graphs import apply_to_texts, fit_graph

LABELS = ["b", "a\nb", "c"]
OTHER_TEXTS = ["İstanbul ΟΔΟΣ new words\n", "", "ab cd ab"]


def exported(graph: Any, folder: Path) -> SklearnEncoders:
    path = str(folder / "encoders.json")
    export_encoders(str(Path(graph.transform_savedmodel_dir).parent), path)
    return load_encoders(path)


def test_a_bag_is_encoded_as_by_the_graph(tmp_path: Path) -> None:
    texts = generated_texts(60)
    options = TextOptions(encoding="tfidf", analyzer="char_wb", ngrams=(1, 3), strip_accents="unicode", norm="l1")
    labels = [LABELS[number % 3] for number in range(len(texts))]
    graph = fit_graph(tmp_path, texts, labels, EncodingOptions(text=options, label=LabelOptions(unknown="c")))
    encoders = exported(graph, tmp_path)

    expected = encoders.vectorizer.transform([*texts, *OTHER_TEXTS]).tocsr()
    expected.sort_indices()
    found = apply_to_texts(graph, [*texts, *OTHER_TEXTS])
    assert np.array_equal(found[features.DESCRIPTION_INDEX].values, expected.indices)
    assert np.array_equal(found[features.DESCRIPTION_VALUE].values, expected.data.astype(np.float32))

    fresh = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 3), strip_accents="unicode", norm="l1", max_features=5000
    )
    assert np.array_equal(encoders.vectorizer.idf_, fresh.fit(texts).idf_)
    assert encoders.vectorizer.vocabulary_ == fresh.vocabulary_
    assert encoders.vectorizer.get_params() == {**fresh.get_params(), "dtype": np.float64}
    assert isinstance(encoders.label_encoder, LabelEncoder)
    assert encoders.label_encoder.classes_.tolist() == ["a\nb", "b", "c"]
    assert isinstance(encoders.label_binarizer, LabelBinarizer)
    assert encoders.label_binarizer.transform(["b"]).tolist() == [[0, 1, 0]]
    assert encoders.encoding.label.unknown == "c"


def test_a_sequence_and_several_labels_are_encoded_as_by_the_graph(tmp_path: Path) -> None:
    texts = generated_texts(60)
    options = TextOptions(encoding="sequence", length=7, oov="bucket", max_features=20)
    labels = [LABELS[number % 3 :] for number in range(len(texts))]
    graph = fit_graph(tmp_path, texts, labels, EncodingOptions(text=options, task="multilabel"))
    encoders = exported(graph, tmp_path)
    found = apply_to_texts(graph, [*texts, *OTHER_TEXTS])[features.DESCRIPTION_IDS]
    assert np.array_equal(encoders.texts_to_sequences([*texts, *OTHER_TEXTS]), found)
    assert type(encoders.vectorizer) is CountVectorizer
    assert isinstance(encoders.label_encoder, MultiLabelBinarizer)
    assert encoders.label_encoder is encoders.label_binarizer
    assert encoders.label_encoder.transform([["c", "b"]]).tolist() == [[0, 1, 1]]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("labels", [["1", "2", "10"], ["2", "10"]])
def test_labels_are_numbered_in_natural_order(tmp_path: Path, labels: list[str], task: str) -> None:
    rows = [labels[number % len(labels)] for number in range(12)]
    given = [[label] for label in rows] if task == "multilabel" else rows
    encoders = exported(fit_graph(tmp_path, ["a text"] * 12, given, EncodingOptions(task=task)), tmp_path)
    assert encoders.label_encoder.classes_.tolist() == labels
    assert encoders.label_binarizer.classes_.tolist() == labels
    if task == "multiclass":
        assert encoders.label_encoder.transform(labels).tolist() == list(range(len(labels)))
        assert encoders.label_encoder.inverse_transform([0]).tolist() == labels[:1]
    one_hot = encoders.label_binarizer.transform([[label] for label in labels] if task == "multilabel" else labels)
    back = encoders.label_binarizer.inverse_transform(one_hot)
    assert [label if task == "multiclass" else label[0] for label in back] == labels
    if len(labels) > 2:
        assert one_hot.tolist() == np.eye(len(labels), dtype=int).tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", "the file: Invalid JSON"),
        (json.dumps({"format": "x"}), "format"),
        ("{}", "vocabulary: Field required"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "encoders.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=f"encoders.json' holds no encoders of Diptych: {message}"):
        load_encoders(str(path))


def test_a_foreign_graph_is_refused(tmp_path: Path) -> None:
    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path / "transform_fn"))
    with pytest.raises(ValueError, match="is not what Transform writes for Diptych: it has no 'encoding.json'"):
        export_encoders(str(tmp_path), str(tmp_path / "encoders.json"))
    assert not (tmp_path / "encoders.json").exists()
