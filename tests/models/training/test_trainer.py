"""Training's options and class weights."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.utils.class_weight import compute_class_weight

from models import features
from models.networks.options import NetworkOptions
from models.progress import LOGGER
from models.text.options import TextOptions
from models.training.trainer import (
    IMAGE_OPTIONS_KEY,
    NETWORK_OPTIONS_KEY,
    TRAIN_OPTIONS_KEY,
    TrainOptions,
    class_weights,
    run_fn,
)
from tests.helpers import SMALL, as_file, fit_transform_graph, noise, record_values, write_records

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


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0}, {"class_weights": "some"}])
def test_impossible_options_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainOptions(**bad)


COUNT, EPOCHS = 22, 3


class Heard(logging.Handler):
    """Keeps the facts that training reports."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.facts.append(record.facts)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A folder of run_fn's work, and what it reported."""
    from tfx.components.trainer.fn_args_utils import FnArgs

    folder = tmp_path_factory.mktemp("trained")
    rows = [record_values(n) for n in range(COUNT)]
    files = [str(write_records(folder / "data.tfrecord", rows))]
    texts, labels = ([row[name] for row in rows] for name in (features.DESCRIPTION, features.LABEL))
    fit_transform_graph(folder / "graph", texts, labels, TextOptions())
    heard = Heard()
    LOGGER.addHandler(heard)
    LOGGER.setLevel(logging.INFO)
    run_fn(
        FnArgs(
            train_files=files,
            eval_files=files,
            transform_output=str(folder / "graph"),
            serving_model_dir=str(folder / "model"),
            model_run_dir=str(folder / "logs"),
            custom_config={
                IMAGE_OPTIONS_KEY: SMALL.model_dump_json(),
                NETWORK_OPTIONS_KEY: NetworkOptions(filters=(4,), image_units=4, text_units=4).model_dump_json(),
                TRAIN_OPTIONS_KEY: TrainOptions(epochs=EPOCHS, batch_size=4).model_dump_json(),
            },
        )
    )
    LOGGER.removeHandler(heard)
    return folder, heard.facts


def test_every_epoch_learns_from_data(trained: tuple[Path, list[dict[str, Any]]]) -> None:
    epochs = [facts for facts in trained[1] if "epoch" in facts]
    assert [facts["epoch"] for facts in epochs] == list(range(1, EPOCHS + 1))
    assert all(facts["loss"] > 0 and facts["val_loss"] > 0 for facts in epochs)


def test_the_exported_model_answers_records_and_files_alike(trained: tuple[Path, list[dict[str, Any]]]) -> None:
    import tensorflow as tf

    from models.serving.card import read_card

    path = str(trained[0] / "model")
    card = read_card(path)
    assert (set(card.labels), card.image) == ({"odd", "even"}, SMALL)
    signatures = tf.saved_model.load(path).signatures
    assert set(signatures) == {"serving_default", "transform_features", "classify"}

    rows = [record_values(n) for n in range(4)]
    records = tf.constant([features.encode_record(row) for row in rows])
    scores = signatures["serving_default"](examples=records)["scores"].numpy()
    files = [as_file(noise(n, SMALL.height, SMALL.width)) for n in range(4)]
    texts = [row[features.DESCRIPTION] for row in rows]
    answers = signatures["classify"](image=tf.constant(files), description=tf.constant(texts))
    names = [[name.decode() for name in row] for row in answers["labels"].numpy()]
    assert np.allclose(np.sort(scores)[:, ::-1], answers["scores"].numpy(), atol=1e-6)
    assert [row[0] for row in names] == [card.labels[place] for place in scores.argmax(axis=1)]
    ids = signatures["transform_features"](examples=records)["label_id"].numpy()
    assert [card.labels[place] for place in ids] == [row[features.LABEL] for row in rows]
