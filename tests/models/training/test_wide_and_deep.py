"""The wide part is the linear model that was fitted, and the deep part stays where it helps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, softmax

from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.linear.wide import WidePart
from diptych.models.networks.options import ImageNetworkOptions, NetworkOptions, TextNetworkOptions
from diptych.models.text.options import TextOptions
from diptych.models.thresholds import choose_thresholds
from diptych.models.training import wide_and_deep
from diptych.models.training.custom_config import IMAGE_OPTIONS_KEY
from diptych.models.training.data import TrainingData, open_training_data
from diptych.models.training.fitting import TrainingSetup, build_model
from diptych.models.training.frozen_rows import head
from diptych.models.training.options import TrainOptions
from diptych.models.training.wide_and_deep import Fitted, fit_wide_and_deep
from tests.helpers import noise, record_values
from tests.models.training.conftest import TrainerInputs, build_trainer_inputs, record_progress
from tests.models.training.test_fitting import Killed, kill_at, tiny_backbone

HOG = NetworkOptions(image=ImageNetworkOptions(backbone="hog", units=4), text=TextNetworkOptions(units=4))
TEXT = NetworkOptions(image=None, text=TextNetworkOptions(units=16, dropout=0))
#: Trains hardly at all, so that the deep part knows nothing.
IDLE = TrainOptions(epochs=1, batch_size=16, learning_rate=1e-12, class_weights="none")
ROWS = 80


def open_data(inputs: TrainerInputs, train: TrainOptions, **changes: Any) -> TrainingData:
    # What open_training_data reads of FnArgs, without importing TFX.
    arguments = inputs.arguments("run", train, **changes)
    return open_training_data(SimpleNamespace(**arguments), train)  # type: ignore[arg-type]


def fit(
    data: TrainingData, network: NetworkOptions, train: TrainOptions, callbacks: Any = (), backups: str | None = None
) -> tuple[keras.Model, Fitted, list[str]]:
    """Fits a network; returns it, what came of it, and the notes."""
    strategy = tf.distribute.get_strategy()
    model = build_model(train, network, data.decoder)
    with record_progress() as recorder:
        setup = TrainingSetup(train, network, data.schedule(train), model, strategy)
        fitted = fit_wide_and_deep(setup, data, callbacks, backups)
    return model, fitted, recorder.notes


def answers(model: keras.Model, data: TrainingData, train: TrainOptions) -> tuple[np.ndarray, np.ndarray]:
    """The scores of val, and its truth."""
    batches = list(data.val_dataset(train))  # type: ignore[arg-type]
    scores = [np.asarray(model(inputs, training=False)) for inputs, _ in batches]
    return np.concatenate(scores), np.concatenate([label.numpy() for _, label in batches])


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, WidePart]]:
    """What the wide part was fitted on, and what came of it."""
    found: list[tuple[Any, WidePart]] = []
    fit_wide = wide_and_deep.fit_wide

    def record(rows: Any, *given: Any) -> WidePart:
        part = fit_wide(rows, *given)
        found.append((rows, part))
        return part

    monkeypatch.setattr(wide_and_deep, "fit_wide", record)
    return found


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> TrainerInputs:
    """Rows whose text tells the label; some have no text, some no image."""
    rows = [record_values(number) for number in range(ROWS)]
    for number, row in enumerate(rows):
        row[features.DESCRIPTION] = f"{row[features.LABEL]} or {['even', 'odd'][number % 5 == 0]}"
        if number < 8:
            row[features.DESCRIPTION] = ""
        elif number < 16:
            row[features.IMAGE] = bytes(len(row[features.IMAGE]))
    return build_trainer_inputs(tmp_path_factory.mktemp("wide"), rows, TextOptions(), "multiclass")


def test_without_its_deep_part_the_network_is_the_linear_model(known: TrainerInputs, parts: Any) -> None:
    data = open_data(known, IDLE)
    model, fitted, notes = fit(data, HOG, IDLE)
    ((rows, part),) = parts
    assert model.get_layer("parts").get_weights()[0].tolist() == [1, 0]
    assert any(note.startswith("the deep part is left out") for note in notes)
    blocks = {"image": rows.image, "text": rows.text}
    expected = part.both.logits(blocks)
    expected[:8] = part.alone["image"].logits(blocks)[:8]
    expected[8:16] = part.alone["text"].logits(blocks)[8:16]
    scores, truth = answers(model, data, IDLE)
    np.testing.assert_allclose(scores, softmax(expected, axis=1), atol=1e-4)
    assert fitted.val["val_accuracy"] == pytest.approx((scores.argmax(axis=1) == truth).mean())
    assert fitted.val["val_loss"] == pytest.approx(-np.log(scores[np.arange(ROWS), truth]).mean(), abs=1e-4)
    assert (fitted.thresholds, fitted.at_least_one) == (None, False)


def test_without_val_the_wide_part_ships(known: TrainerInputs) -> None:
    train = IDLE.model_copy(update={"patience": None})
    model, fitted, notes = fit(open_data(known, train, eval_files=[]), HOG, train)
    assert fitted.val == {}
    assert model.get_layer("parts").get_weights()[0].tolist() == [1, 0]
    assert "the deep part is left out: val has no rows that say whether it helps" in notes
    scores, truth = answers(model, open_data(known, train), train)
    assert (scores.argmax(axis=1) == truth)[16:].mean() > 0.9


def test_a_deep_part_that_is_not_finite_is_left_out(known: TrainerInputs) -> None:
    class Spoil(keras.callbacks.Callback):
        def on_train_end(self, logs: Any = None) -> None:
            layer = self.model.get_layer("deep_scores")
            layer.set_weights([np.full_like(weight, np.nan) for weight in layer.get_weights()])

    data = open_data(known, IDLE)
    model, fitted, _ = fit(data, HOG, IDLE, [Spoil()])
    assert np.isnan(model.get_layer("deep_scores").get_weights()[0]).all()
    assert np.isfinite(answers(model, data, IDLE)[0]).all()
    assert np.isfinite(list(fitted.val.values())).all()


@pytest.fixture(scope="module")
def exclusive(tmp_path_factory: pytest.TempPathFactory) -> TrainerInputs:
    """Rows whose label is whether exactly one of two words is there: no linear model tells."""
    rows = [record_values(number) for number in range(4 * ROWS)]
    for number, row in enumerate(rows):
        colour, size = number % 2, number // 2 % 2
        row[features.DESCRIPTION] = f"{['red', 'blue'][colour]} {['small', 'large'][size]}"
        row[features.LABEL] = ["even", "odd"][colour ^ size]
    return build_trainer_inputs(tmp_path_factory.mktemp("xor"), rows, TextOptions(), "multiclass")


def test_the_deep_part_stays_where_it_helps(exclusive: TrainerInputs) -> None:
    train = TrainOptions(epochs=15, batch_size=16, learning_rate=0.03, class_weights="none", patience=None)
    data = open_data(exclusive, train)
    model, fitted, notes = fit(data, TEXT, train)
    assert model.get_layer("parts").get_weights()[0][1] > 0
    assert any(note.startswith("the deep part stays") for note in notes)
    scores, truth = answers(model, data, train)
    assert (scores.argmax(axis=1) == truth).mean() == fitted.val["val_accuracy"] > 0.95


def test_a_killed_training_ends_as_one_that_was_not(known: TrainerInputs, tmp_path: Path) -> None:
    train = TrainOptions(epochs=4, batch_size=16, learning_rate=0.01)
    data, backups = open_data(known, train), str(tmp_path / "backups")
    uninterrupted, _, _ = fit(data, HOG, train)
    with pytest.raises(Killed):
        fit(data, HOG, train, [kill_at(2)], backups)
    resumed, fitted, _ = fit(data, HOG, train, backups=backups)
    assert len(fitted.history["loss"]) == 2
    for one, other in zip(resumed.weights, uninterrupted.weights, strict=True):
        assert np.array_equal(one, other), one.path


def test_thresholds_of_several_labels_are_chosen_by_held_out_rows(tmp_path: Path, parts: Any) -> None:
    rows = [record_values(number) for number in range(ROWS)]
    for number, row in enumerate(rows):
        row[features.LABEL] = ["all", "odd"] if number % 4 == 1 else ["all"]
        row[features.DESCRIPTION] = f"word{number % 2} x"
    inputs = build_trainer_inputs(tmp_path, rows, TextOptions(), "multilabel")
    train = IDLE.model_copy(update={"task": "multilabel", "class_weights": "auto", "patience": None})
    data = open_data(inputs, train, eval_files=[])
    _, fitted, _ = fit(data, TEXT, train)
    ((wide_rows, part),) = parts
    expected = choose_thresholds(expit(part.held_out), wide_rows.truth.astype(bool), train.thresholds)
    assert fitted.thresholds == expected.tolist()
    assert fitted.at_least_one
    # Rows with a rare label weigh as much as those without it.
    place = data.decoder.labels.index("odd")
    assert set(wide_rows.weights[:, place].tolist()) == {1, 3}


def test_after_its_frozen_epochs_a_backbone_is_trained_and_the_wide_part_fitted_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: Any
) -> None:
    monkeypatch.setattr(keras.applications, "MobileNetV3Small", tiny_backbone)
    image = ImageOptions(height=32, width=32)
    rows = [record_values(number, **{features.IMAGE: noise(number, 32, 32).tobytes()}) for number in range(24)]
    inputs = build_trainer_inputs(tmp_path, rows, TextOptions(), "multiclass")
    train = TrainOptions(epochs=3, batch_size=8, learning_rate=0.05, class_weights="none", patience=None)
    tower = ImageNetworkOptions(
        backbone="MobileNetV3Small", weights="imagenet", pixels="unit", units=4, frozen_epochs=1
    )
    config = {**inputs.config(train), IMAGE_OPTIONS_KEY: image.model_dump_json()}
    data = open_data(inputs, train, custom_config=config)
    kernels: list[np.ndarray] = []
    model = build_model(train, NetworkOptions(image=tower, text=HOG.text), data.decoder)
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: kernels.append(model.get_layer("backbone").get_weights()[0])
    )
    setup = TrainingSetup(
        train, NetworkOptions(image=tower, text=HOG.text), data.schedule(train), model, tf.distribute.get_strategy()
    )
    before = model.get_layer("backbone").get_weights()[0]
    fit_wide_and_deep(setup, data, [watch], None)
    assert np.array_equal(kernels[0], before)
    assert not np.array_equal(kernels[1], before)
    wide_rows, part = parts[-1]
    splits, _ = data.frozen_rows(model)
    inputs_of_head = next(iter(splits.eval_dataset(24)))[0]
    logits = head(model, model.get_layer("wide").output)(inputs_of_head)
    expected = part.both.logits({"image": wide_rows.image, "text": wide_rows.text})
    np.testing.assert_allclose(logits, expected, atol=1e-3)
