"""Rows in memory, with the frozen features of their images."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from diptych.models import features
from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, VALUES_INPUT
from diptych.models.networks.image_tower import IMAGE_FEATURES
from diptych.models.networks.options import ImageNetworkOptions, NetworkOptions, TextNetworkOptions
from diptych.models.progress import LOGGER
from diptych.models.text.options import TextOptions
from diptych.models.training.data import TrainingData, open_training_data
from diptych.models.training.feature_cache import FeatureCache
from diptych.models.training.fitting import build_model
from diptych.models.training.frozen_rows import FrozenRows, Records, feature_extractor, head, read_frozen_rows
from diptych.models.training.options import TrainOptions
from tests.helpers import record_values
from tests.models.training.conftest import COUNT, TRAIN, TrainerInputs, build_trainer_inputs

HOG = ImageNetworkOptions(backbone="hog", units=4)
NETWORK = NetworkOptions(image=HOG, text=TextNetworkOptions(units=4))


def open_data(inputs: TrainerInputs, train: TrainOptions = TRAIN) -> TrainingData:
    # What open_training_data reads of FnArgs, without importing TFX.
    return open_training_data(SimpleNamespace(**inputs.arguments("rows", train)), train)  # type: ignore[arg-type]


def read(data: TrainingData, model: keras.Model, stride: int = 1) -> FrozenRows:
    records = Records(data.train_files, len(data.train_labels), stride)
    return read_frozen_rows(records, data.decoder, feature_extractor(model), FeatureCache(None))


@pytest.fixture(scope="module")
def known(trainer_inputs: TrainerInputs) -> tuple[TrainingData, keras.Model, FrozenRows]:
    """Records, a network for them whose wide part has weights, and their rows."""
    data = open_data(trainer_inputs)
    model = build_model(TRAIN, NETWORK, data.decoder)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.name.startswith("wide_"):
            layer.set_weights([rng.normal(0, 0.1, weight.shape) for weight in layer.get_weights()])
    return data, model, read(data, model)


def whole_batch(data: TrainingData, size: int = COUNT) -> tuple[dict[str, tf.Tensor], np.ndarray]:
    """All records of val, which are those of train, as the network takes them."""
    parts = list(data.val_dataset(TRAIN).unbatch().padded_batch(size))  # type: ignore[union-attr]
    inputs, labels = parts[0]
    return inputs, labels.numpy()


def test_rows_have_the_features_texts_and_labels_of_the_records(known: Any) -> None:
    data, model, rows = known
    inputs, labels = whole_batch(data)
    expected = feature_extractor(model)(inputs[IMAGE_INPUT])
    np.testing.assert_allclose(rows.features, expected, atol=1e-6)
    assert np.asarray(rows.features).any()
    assert np.array_equal(rows.labels, labels)
    assert np.array_equal(rows.ids.to_tensor(), inputs[IDS_INPUT])
    np.testing.assert_allclose(rows.values.to_tensor(), inputs[VALUES_INPUT])
    assert len(set(rows.groups)) == COUNT


def test_the_head_answers_features_as_the_network_answers_pixels(known: Any) -> None:
    data, model, rows = known
    inputs, _ = whole_batch(data)
    answers = [np.asarray(head(model, model.output)(given)) for given, _ in rows.eval_dataset(7)]
    np.testing.assert_allclose(np.concatenate(answers), model(inputs), atol=1e-6)
    assert head(model, model.output).get_layer("text_vector") is model.get_layer("text_vector")


def test_the_text_matrix_has_a_column_for_each_term(known: Any) -> None:
    data, _, rows = known
    inputs, _ = whole_batch(data)
    size = data.decoder.inputs.vocabulary_size
    expected = np.zeros((COUNT, size + 1), np.float32)
    np.add.at(expected, (np.arange(COUNT)[:, None], inputs[IDS_INPUT].numpy()), inputs[VALUES_INPUT].numpy())
    np.testing.assert_allclose(rows.text_matrix(size).toarray(), expected[:, 1:])


def order(rows: FrozenRows, batches: int, batch_size: int = 5, seed: int = 0, before: int = 0) -> list[list[int]]:
    """The numbers of the rows in some batches, which their features tell."""
    number = {bytes(np.asarray(vector)): place for place, vector in enumerate(rows.features)}
    dataset = rows.train_dataset(batch_size, seed, before).take(batches)
    return [[number[bytes(np.asarray(vector))] for vector in given[IMAGE_FEATURES]] for given, _ in dataset]


def test_each_epoch_has_every_row_once_in_an_order_of_its_own(known: Any) -> None:
    rows = known[2]
    epochs = [sum(order(rows, 5, before=5 * epoch), []) for epoch in range(3)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert [len(batch) for batch in order(rows, 6)] == [5, 5, 5, 5, 2, 5]


def test_the_seed_decides_the_order_and_a_training_goes_on_in_it(known: Any) -> None:
    rows = known[2]
    whole = order(rows, 12)
    assert whole == order(rows, 12)
    assert whole != order(rows, 12, seed=1)
    assert order(rows, 5, before=7) == whole[7:]


def test_labels_and_texts_go_with_the_image(known: Any) -> None:
    _, _, rows = known
    number = {bytes(np.asarray(vector)): place for place, vector in enumerate(rows.features)}
    for inputs, labels in rows.train_dataset(4, 3, 0).take(6):
        places = [number[bytes(np.asarray(vector))] for vector in inputs[IMAGE_FEATURES]]
        assert np.array_equal(labels, tf.gather(rows.labels, places))
        expected = tf.gather(rows.ids, places).to_tensor()
        assert np.array_equal(inputs[IDS_INPUT], expected)


def test_every_second_row_is_read(known: Any) -> None:
    data, model, rows = known
    some = read(data, model, stride=2)
    np.testing.assert_allclose(some.features, rows.features[::2], atol=1e-6)
    assert np.array_equal(some.labels, rows.labels[::2])
    assert data.stride(some) == 2


def test_progress_is_told_of_the_images_of_both_splits(known: Any, caplog: pytest.LogCaptureFixture) -> None:
    data, model, _ = known
    with caplog.at_level(logging.INFO, LOGGER.name):
        data.frozen_rows(model)
    told = [record.details for record in caplog.records if record.getMessage() == "features"]  # type: ignore[attr-defined]
    assert {one["of"] for one in told} == {2 * COUNT} == {told[-1]["images"]}


def test_a_network_without_frozen_features_has_no_extractor(trainer_inputs: TrainerInputs) -> None:
    data = open_data(trainer_inputs)
    cnn = ImageNetworkOptions(backbone="cnn", filters=(2,), units=4, wide=False)
    model = build_model(TRAIN, NETWORK.model_copy(update={"image": cnn}), data.decoder)
    assert feature_extractor(model) is None
    rows = read(data, model)
    assert rows.features is None
    assert IMAGE_FEATURES not in rows.eval_dataset(4).element_spec[0]


@pytest.fixture(scope="module", params=["bag", "sequence"])
def without_texts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TrainerInputs:
    """Rows of which the first eight have no known term, and the first six are of two groups."""
    rows = [record_values(number) for number in range(12)]
    for row in rows[:8]:
        row[features.DESCRIPTION] = ""
    for number, row in enumerate(rows[:6]):
        row[features.GROUP] = ["a", "b"][number % 2]
    text = TextOptions() if request.param == "bag" else TextOptions(encoding="sequence", length=4)
    return build_trainer_inputs(tmp_path_factory.mktemp("without"), rows, text, "multiclass")


def test_rows_without_texts_are_padded_as_the_network_takes_them(without_texts: TrainerInputs) -> None:
    data = open_data(without_texts)
    tower = TextNetworkOptions(units=4, tower=data.decoder.inputs.text_kind == "bag" and "bag" or "attention")
    model = build_model(TRAIN, NetworkOptions(image=HOG, text=tower), data.decoder)
    rows, length = read(data, model), data.decoder.inputs.sequence_length
    matrix = rows.text_matrix(data.decoder.inputs.vocabulary_size)
    assert (matrix[:8].nnz, matrix[8:].sum(axis=1).min() > 0) == (0, True)
    widths = [inputs[IDS_INPUT].shape[1] for inputs, _ in rows.eval_dataset(4)]
    assert widths == [length] * 3 if length else widths[:2] == [1, 1]
    answers = [np.asarray(head(model, model.output)(inputs)) for inputs, _ in rows.eval_dataset(4)]
    inputs, _ = whole_batch(data, 12)
    np.testing.assert_allclose(np.concatenate(answers), model(inputs), atol=1e-6)


def test_rows_have_their_group_and_others_one_of_their_own(without_texts: TrainerInputs) -> None:
    data = open_data(without_texts)
    records = Records(data.train_files, len(data.train_labels))
    rows = read_frozen_rows(records, data.decoder, None, FeatureCache(None))
    assert rows.groups[:6] == [b"a", b"b"] * 3
    assert len(set(rows.groups)) == 8
