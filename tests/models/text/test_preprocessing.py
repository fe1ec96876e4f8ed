"""Transform learns the vocabulary that scikit-learn learns, and its graph encodes as ``TextEncoder`` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.preprocessing import LabelEncoder, MultiLabelBinarizer

from diptych.models import features
from diptych.models.labels import LabelOptions
from diptych.models.text.options import EncodingOptions, TextOptions
from diptych.models.text.transform_assets import read_encoding_options, read_idf
from diptych.models.text.vectorizer import make_vectorizer
from diptych.models.text.vocabulary import read_vocabulary
from tests.models.text.corpora import emoji_descriptions, generated_texts
from tests.models.text.graphs import apply_to_texts, fit_graph, label_ids

# With a line end, a backslash, and an order of code points that differs from ICU's order.
LABELS = ["zebra", "Zebra", "größe 🙂", "a\\nb", "a\nb", "é"]
TFIDF = EncodingOptions(text=TextOptions(encoding="tfidf", analyzer="char", ngrams=(1, 2), max_features=400))
SEQUENCE = EncodingOptions(
    text=TextOptions(encoding="sequence", length=5, oov="bucket", analyzer="char_wb", ngrams=(2, 2), min_df=3),
    label=LabelOptions(unknown="b"),
    task="multilabel",
)
LABEL_SETS = [["b", "a"], ["c"], [], ["c", "a", "b"], ["a"]]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Generated texts; many terms at the limit of ``max_features`` are equally frequent."""
    return generated_texts(200)


@pytest.fixture(scope="module")
def multiclass(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Any:
    """The Transform graph for tf-idf of characters and one label a row."""
    labels = [LABELS[number % len(LABELS)] for number in range(len(texts))]
    return fit_graph(tmp_path_factory.mktemp("multiclass"), texts, labels, TFIDF)


@pytest.fixture(scope="module")
def multilabel(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Any:
    """The Transform graph for sequences of pairs of characters and several labels a row."""
    labels = [LABEL_SETS[number % len(LABEL_SETS)] for number in range(len(texts))]
    return fit_graph(tmp_path_factory.mktemp("multilabel"), texts, labels, SEQUENCE)


def test_a_bag_and_its_vocabulary_are_those_of_scikit_learn(multiclass: Any, texts: list[str]) -> None:
    vectorizer = make_vectorizer(TFIDF.text)
    expected = vectorizer.fit_transform(texts).tocsr()
    expected.sort_indices()
    assert read_vocabulary(multiclass, features.DESCRIPTION_VOCABULARY) == vectorizer.get_feature_names_out().tolist()
    assert np.array_equal(read_idf(multiclass), vectorizer.idf_)
    found = apply_to_texts(multiclass, texts)
    assert np.array_equal(found[features.DESCRIPTION_INDEX].values, expected.indices)
    assert np.array_equal(found[features.DESCRIPTION_VALUE].values, expected.data.astype(np.float32))
    assert np.array_equal(np.bincount(found[features.DESCRIPTION_INDEX].indices[:, 0]), np.diff(expected.indptr))


def test_emoji_descriptions_are_learned_and_encoded_as_by_scikit_learn(tmp_path: Path) -> None:
    texts = emoji_descriptions()
    options = TextOptions(max_features=700, ngrams=(1, 2), min_df=0.0005, max_df=300)
    graph = fit_graph(tmp_path, texts, ["x"] * len(texts), EncodingOptions(text=options))
    vectorizer = make_vectorizer(options)
    expected = vectorizer.fit_transform(texts).tocsr()
    expected.sort_indices()
    assert read_vocabulary(graph, features.DESCRIPTION_VOCABULARY) == vectorizer.get_feature_names_out().tolist()
    found = apply_to_texts(graph, texts)
    assert np.array_equal(found[features.DESCRIPTION_INDEX].values, expected.indices)
    assert np.array_equal(found[features.DESCRIPTION_VALUE].values, expected.data)


def test_a_sequence_has_the_shape_and_bucket_that_were_asked_for(multilabel: Any, texts: list[str]) -> None:
    vectorizer = make_vectorizer(SEQUENCE.text).fit(texts)
    vocabulary, analyze = vectorizer.vocabulary_, vectorizer.build_analyzer()
    rows = [[vocabulary.get(term, len(vocabulary)) + 1 for term in analyze(text)] for text in texts]
    found = apply_to_texts(multilabel, texts)[features.DESCRIPTION_IDS]
    assert found.numpy().tolist() == [(row + [0] * 5)[:5] for row in rows]
    assert multilabel.transformed_feature_spec()[features.DESCRIPTION_IDS].shape == [5]


def test_a_graph_tells_how_it_encodes(multiclass: Any, multilabel: Any) -> None:
    assert read_encoding_options(multiclass) == TFIDF
    assert read_encoding_options(multilabel) == SEQUENCE


def test_labels_are_numbered_as_by_label_encoder_and_strangers_have_no_number(multiclass: Any) -> None:
    encoder = LabelEncoder().fit(LABELS)
    assert read_vocabulary(multiclass, features.LABEL_VOCABULARY) == encoder.classes_.tolist()
    names = [*LABELS, "stranger", ""]
    assert label_ids(multiclass, tf.constant(names)[:, None]).numpy().tolist() == [*encoder.transform(LABELS), -1, -1]


def test_several_labels_are_those_of_multi_label_binarizer_and_a_stranger_is_what_it_counts_as(multilabel: Any) -> None:
    binarizer = MultiLabelBinarizer().fit(LABEL_SETS)
    assert read_vocabulary(multilabel, features.LABEL_VOCABULARY) == binarizer.classes_.tolist()
    rows = [*LABEL_SETS, ["c", "c"], ["stranger", "a"]]
    ids = label_ids(multilabel, tf.ragged.constant(rows, tf.string).to_sparse())
    assert tf.sparse.to_dense(ids, -1).numpy().tolist()[-2:] == [[2, -1, -1], [0, 1, -1]]
    many_hot = [[place in row for place in range(3)] for row in tf.RaggedTensor.from_sparse(ids).to_list()]
    assert np.array_equal(many_hot[:5], binarizer.transform(LABEL_SETS))


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        (EncodingOptions(text=TextOptions(min_df=9)), r"lower text.min_df \(9\)"),
        (EncodingOptions(label=LabelOptions(unknown="z")), "no row of train has the label 'z'; name one that does: x"),
    ],
    ids=["no term", "no label"],
)
def test_what_cannot_be_learned_says_which_option_to_change(
    tmp_path: Path, encoding: EncodingOptions, message: str
) -> None:
    with pytest.raises(Exception, match=message) as caught:
        fit_graph(tmp_path, ["one two", "two"], ["x", "x"], encoding)
    assert "ValueError" in str(caught.value) or isinstance(caught.value, ValueError)
