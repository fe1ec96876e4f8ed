"""Fitting a network, on arrays."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, VALUES_INPUT, NetworkInputs
from diptych.models.networks.options import ImageNetworkOptions, NetworkOptions, TextNetworkOptions
from diptych.models.training.options import TrainOptions
from diptych.models.training.schedule import Phase, Schedule, budget_seconds

SIDE, TERMS, CLASSES, RECORDS, BATCH = 8, 20, 3, 32, 8
TINY = NetworkOptions(
    image=ImageNetworkOptions(backbone="cnn", filters=(2,), units=4, wide=False), text=TextNetworkOptions(units=4)
)
#: Traced in half the time, where the image makes no difference.
TEXT = NetworkOptions(image=None, text=TINY.text)
INPUTS = NetworkInputs((SIDE, SIDE), TERMS)


class Killed(RuntimeError):
    """Raised by a callback to end a training."""


def dataset(soft: bool = False) -> Any:
    """One epoch of batches ``(inputs, label, weight)``; the label is a term of the text."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, RECORDS)
    ids = np.stack([labels + 1, rng.integers(CLASSES + 1, TERMS + 1, RECORDS)], axis=1)
    inputs = {
        IMAGE_INPUT: rng.integers(0, 256, (RECORDS, SIDE, SIDE, 3), np.uint8),
        IDS_INPUT: ids,
        VALUES_INPUT: np.ones(ids.shape, np.float32),
    }
    truth = np.eye(CLASSES, dtype=np.float32)[labels] if soft else labels
    return tf.data.Dataset.from_tensor_slices((inputs, truth, np.ones(RECORDS, np.float32))).batch(BATCH)


def validation() -> Any:
    return dataset().take(2).map(lambda inputs, label, _: (inputs, label))


def fit(train: TrainOptions, network: NetworkOptions = TINY, **changes: Any) -> tuple[Any, dict[str, list[float]]]:
    """Fits a model; returns it and its metrics by epoch."""
    import keras
    import tensorflow as tf

    from diptych.models.networks.build import build_network
    from diptych.models.training.fitting import Feed, TrainingSetup, fit_model, mixed_precision_scope

    keras.utils.set_random_seed(train.seed)
    inputs = changes.pop("inputs", INPUTS)
    given = {"train_dataset_fn": lambda _: dataset().repeat(), "val": validation(), "callbacks": [], "backups": None}
    given |= changes
    train_dataset_fn, val = given.pop("train_dataset_fn"), given.pop("val")
    with mixed_precision_scope(train.mixed_precision):
        model = build_network(network, inputs, CLASSES, "multiclass")
        schedule = Schedule(BATCH, RECORDS // BATCH, train.epochs, budget_seconds(train, RECORDS))
        setup = TrainingSetup(train, network, schedule, model, tf.distribute.get_strategy())
        metrics = fit_model(setup, lambda _: Feed(model, train_dataset_fn, val), **given)
    return model, metrics


def have_equal_weights(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def kill_at(epoch: int) -> Any:
    import keras

    def kill(number: int, logs: dict[str, Any]) -> None:
        if number == epoch:
            raise Killed

    return keras.callbacks.LambdaCallback(on_epoch_begin=kill)


def test_it_learns_and_the_seed_decides_all_weights() -> None:
    train = TrainOptions(epochs=30, learning_rate=0.03, patience=None)
    first, metrics = fit(train)
    assert metrics["accuracy"][-1] > 0.8 > metrics["accuracy"][0]
    assert len(metrics["val_loss"]) == 30
    assert have_equal_weights(first, fit(train)[0])
    assert not have_equal_weights(first, fit(train.model_copy(update={"seed": 1}))[0])


@pytest.mark.parametrize("patience", [None, 3])
def test_without_val_training_is_judged_by_train(patience: int | None) -> None:
    _, metrics = fit(TrainOptions(epochs=2, patience=patience), TEXT, val=None)
    assert set(metrics) == {"accuracy", "loss", "learning_rate"}
    assert len(metrics["loss"]) == 2


def test_the_best_weights_are_kept_and_training_stops() -> None:
    model, metrics = fit(TrainOptions(epochs=30, learning_rate=0.3, patience=2, schedule="constant"))
    best = int(np.argmin(metrics["val_loss"]))
    assert len(metrics["val_loss"]) == best + 3 < 30
    assert model.evaluate(validation(), return_dict=True, verbose=0)["loss"] == pytest.approx(metrics["val_loss"][best])


def test_the_average_of_the_weights_is_what_is_judged_and_kept() -> None:
    train = TrainOptions(epochs=6, learning_rate=0.05, patience=2, schedule="constant", ema=0.9)
    model, metrics = fit(train, TEXT)
    judged = model.evaluate(validation(), return_dict=True, verbose=0)["loss"]
    assert judged == pytest.approx(min(metrics["val_loss"]), rel=1e-5)
    _, without = fit(train.model_copy(update={"ema": None}), TEXT)
    assert metrics["val_loss"] != pytest.approx(without["val_loss"], rel=1e-3)


@pytest.mark.parametrize(
    ("train", "killed_at"),
    [
        (TrainOptions(epochs=4, patience=3), 1),
        # It has stopped early before epoch 8.
        (TrainOptions(epochs=9, patience=1, learning_rate=0.3), 8),
        (TrainOptions(epochs=4, ema=0.8, schedule="cosine", warmup=1.5, optimizer="lion"), 3),
        (TrainOptions(epochs=4, patience=None, mixed_precision="bfloat16"), 2),
    ],
)
def test_a_killed_training_ends_as_one_that_was_not(train: TrainOptions, killed_at: int, tmp_path: Path) -> None:
    uninterrupted, metrics = fit(train)
    backups, stopped = str(tmp_path / "backups"), len(metrics["loss"]) <= killed_at
    with nullcontext() if stopped else pytest.raises(Killed):
        fit(train, backups=backups, callbacks=[kill_at(killed_at)])
    resumed, rest = fit(train, backups=backups)
    assert have_equal_weights(resumed, uninterrupted)
    assert rest.get("loss", []) == ([] if stopped else metrics["loss"][killed_at:])


def clock_of_steps(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A callback and clock of budgets that goes on by a second with each step; an epoch has four."""
    from functools import partial

    from diptych.models.training import fitting
    from diptych.models.training.time_budget import TimeBudget
    from tests.models.training.clock import Clock

    clock = Clock(lambda _: 1.0)
    monkeypatch.setattr(fitting, "TimeBudget", partial(TimeBudget, clock=clock))
    return clock


def test_a_killed_training_goes_on_with_the_rest_of_its_budget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    train = TrainOptions(epochs=30, minutes=40 / 60, patience=30, schedule="cosine")
    uninterrupted, metrics = fit(train, TEXT, callbacks=[clock_of_steps(monkeypatch)])
    assert len(metrics["loss"]) == 9
    backups = str(tmp_path / "backups")
    with pytest.raises(Killed):
        fit(train, TEXT, callbacks=[clock_of_steps(monkeypatch), kill_at(5)], backups=backups)
    resumed, rest = fit(train, TEXT, callbacks=[clock_of_steps(monkeypatch)], backups=backups)
    assert rest["loss"] == metrics["loss"][5:]
    assert have_equal_weights(resumed, uninterrupted)
    again, rest = fit(train, TEXT, callbacks=[clock_of_steps(monkeypatch)], backups=backups)
    assert rest.get("loss", []) == []
    assert have_equal_weights(again, uninterrupted)


def test_a_budget_that_ends_in_the_first_phase_leaves_out_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.models.training import fitting

    monkeypatch.setattr(fitting, "build_phases", lambda *_: [Phase(0, 4, 0.3), Phase(4, 9, 0.3)])
    train = TrainOptions(epochs=9, minutes=14 / 60, patience=2)
    model, metrics = fit(train, TEXT, callbacks=[clock_of_steps(monkeypatch)])
    assert len(metrics["val_loss"]) == 3
    judged = model.evaluate(validation(), return_dict=True, verbose=0)["loss"]
    assert judged == pytest.approx(min(metrics["val_loss"]), rel=1e-5)


def test_a_kill_while_a_backup_is_written_leaves_the_one_before(tmp_path: Path) -> None:
    from diptych.models.training.backup import TrainingBackup, completed_epochs

    train, backups = TrainOptions(epochs=3), str(tmp_path / "backups")
    uninterrupted, _ = fit(train, TEXT)
    with pytest.MonkeyPatch.context() as patch:
        write = TrainingBackup._write

        def write_half(self: TrainingBackup, folder: str) -> None:
            write(self, folder)
            if completed_epochs(backups) == 1:
                (Path(folder) / "state.json").unlink()
                raise Killed

        patch.setattr(TrainingBackup, "_write", write_half)
        with pytest.raises(Killed):
            fit(train, TEXT, backups=backups)
    assert completed_epochs(backups) == 1
    assert have_equal_weights(fit(train, TEXT, backups=backups)[0], uninterrupted)


def tiny_backbone(input_shape: tuple[int, ...], **_: Any) -> Any:
    """Replaces a network of ``keras.applications``, all of which take long to trace."""
    import keras

    pixels = keras.Input(input_shape)
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(pixels)))


def test_a_frozen_backbone_keeps_its_weights_until_it_is_tuned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras
    import tensorflow as tf

    monkeypatch.setattr(keras.applications, "MobileNetV3Small", tiny_backbone)
    side = 32
    image = ImageNetworkOptions(
        backbone="MobileNetV3Small", weights="imagenet", pixels="unit", frozen_epochs=2, wide=False
    )
    network = NetworkOptions(image=image, text=TINY.text)
    pixels = np.random.default_rng(1).integers(0, 256, (BATCH, side, side, 3), np.uint8)

    def enlarge(inputs: dict[str, Any], label: Any, weight: Any) -> Any:
        return {**inputs, IMAGE_INPUT: tf.constant(pixels)}, label, weight

    changes: dict[str, Any] = {
        "inputs": NetworkInputs((side, side), TERMS),
        "train_dataset_fn": lambda _: dataset().map(enlarge).take(2).repeat(),
        "val": None,
    }
    train, kernels = TrainOptions(epochs=3, patience=None), []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: kernels.append(watch.model.get_layer("backbone").get_weights()[0])
    )
    uninterrupted, _ = fit(train, network, callbacks=[watch], **changes)
    assert np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[1], kernels[2])
    backups = str(tmp_path / "backups")
    with pytest.raises(Killed):
        fit(train, network, callbacks=[kill_at(2)], backups=backups, **changes)
    assert have_equal_weights(fit(train, network, backups=backups, **changes)[0], uninterrupted)


def test_mixed_precision_ends_with_the_training() -> None:
    import keras

    before = keras.config.dtype_policy().name
    model, metrics = fit(TrainOptions(epochs=2, mixed_precision="float16"))
    assert (keras.config.dtype_policy().name, model.output.dtype) == (before, "float32")
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    assert model.get_layer("terms").compute_dtype == "float16"
    assert np.isfinite(metrics["loss"]).all()


def test_mixed_labels_are_learned_and_judged_like_whole_ones() -> None:
    train = TrainOptions(epochs=2)
    whole, metrics = fit(train, TEXT)
    soft, soft_metrics = fit(train, TEXT, train_dataset_fn=lambda _: dataset(soft=True).repeat())
    assert have_equal_weights(whole, soft)
    assert all(soft_metrics[name] == pytest.approx(values) for name, values in metrics.items())
