"""Weights of labels in the loss."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from diptych.models.training.class_weights import class_weights, positive_weights

NAMES = ["a", "b", "c", "d"]
labels = st.lists(st.sampled_from(NAMES), min_size=1, max_size=60)


@given(labels)
def test_balanced_weights_are_those_of_scikit_learn(given_labels: list[str]) -> None:
    weights = class_weights(given_labels, NAMES, "balanced")
    present = sorted(set(given_labels))
    expected = compute_class_weight("balanced", classes=np.array(present), y=np.array(given_labels))
    assert [weights[NAMES.index(name)] for name in present] == pytest.approx(expected.tolist())


@settings(max_examples=50)
@given(given_labels=labels, kind=st.sampled_from(["none", "sqrt", "balanced"]))
def test_weights_have_mean_one_over_the_examples(given_labels: list[str], kind: str) -> None:
    weights = class_weights(given_labels, NAMES, kind)
    assert np.mean([weights[NAMES.index(label)] for label in given_labels]) == pytest.approx(1)
    assert set(weights) == {NAMES.index(label) for label in given_labels}


def test_kinds_order_the_pull_of_a_rare_class() -> None:
    given_labels = ["a"] * 16 + ["b"]
    pull = {}
    for kind in ("none", "sqrt", "balanced"):
        weights = class_weights(given_labels, NAMES, kind)
        pull[kind] = weights[1] / weights[0]
    assert pull == pytest.approx({"none": 1, "sqrt": 4, "balanced": 16})


def test_ids_follow_the_names_not_the_frequency() -> None:
    counted = Counter({"b": 3, "a": 1})
    weights = class_weights(list(counted.elements()), ["b", "a"], "balanced")
    assert weights[1] > weights[0]


@given(st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), min_size=1, max_size=40))
def test_balanced_presence_and_absence_of_a_label_weigh_the_same(rows: list[list[str]]) -> None:
    for name, weight in zip(NAMES, positive_weights(rows, NAMES, "balanced"), strict=True):
        present = sum(name in row for row in rows)
        if 0 < present < len(rows):
            assert present * weight == pytest.approx(len(rows) - present)
        else:
            assert weight == 1


def test_positive_weights_of_each_kind() -> None:
    rows = [["a", "a"], *[["b"]] * 4]
    found = {kind: positive_weights(rows, ["a", "b", "c"], kind) for kind in ("none", "sqrt", "balanced")}
    assert found == {"none": [1, 1, 1], "sqrt": [2, 0.5, 1], "balanced": [4, 0.25, 1]}


def test_batches_are_weighted_by_class_and_mixtures_by_their_parts() -> None:
    import tensorflow as tf

    from diptych.models.training.class_weights import build_sample_weight_fn

    weighting = build_sample_weight_fn([["a"]] * 16 + [["b"]], ["a", "b", "c"], "balanced", "multiclass")
    weights = class_weights(["a"] * 16 + ["b"], ["a", "b", "c"], "balanced")
    assert weighting(tf.constant([1, 0, 2], tf.int64)).numpy() == pytest.approx([weights[1], weights[0], 1])
    mixed = weighting(tf.constant([[0.25, 0.75, 0.0]]))
    assert mixed.numpy() == pytest.approx([0.25 * weights[0] + 0.75 * weights[1]])


def test_only_the_presence_of_a_label_is_weighted_where_there_may_be_several() -> None:
    import tensorflow as tf

    from diptych.models.training.class_weights import build_sample_weight_fn

    weighting = build_sample_weight_fn([["a", "b"], ["b"], ["b"], ["c"]], ["a", "b", "c"], "balanced", "multilabel")
    found = weighting(tf.constant([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])).numpy()
    assert found == pytest.approx(np.array([[3, 1, 3], [1, 1 / 3, 1]]))
