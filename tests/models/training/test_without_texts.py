"""Training on images alone, and on rows of which some have no text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models import features
from diptych.models.networks.options import NetworkOptions, TextNetworkOptions
from diptych.models.serving.card import read_card
from diptych.models.text.options import TextOptions
from diptych.models.training.custom_config import (
    MISSING_TEXTS_KEY,
    TUNE_OPTIONS_KEY,
)
from diptych.models.training.options import AugmentOptions
from diptych.models.training.trainer import run_fn
from diptych.models.training.tune_options import TuneOptions
from diptych.models.training.tuner import tuner_fn
from tests.helpers import SMALL, as_file, noise, record_values
from tests.models.training.conftest import (
    COUNT,
    IMAGE_ONLY,
    TINY,
    TRAIN,
    ProgressRecorder,
    TrainerInputs,
    build_trainer_inputs,
    fn_args,
    record_progress,
    start_warm,
)
from tests.models.training.test_wide_and_deep import answers, fit, open_data


def signatures(folder: Path) -> Any:
    import tensorflow as tf

    # A signature does not keep the SavedModel alive.
    loaded = tf.saved_model.load(str(folder / "model"))
    return loaded, loaded.signatures


@pytest.fixture(scope="module")
def images_alone(tmp_path_factory: pytest.TempPathFactory) -> TrainerInputs:
    rows = [record_values(number, **{features.DESCRIPTION: None}) for number in range(COUNT)]
    return build_trainer_inputs(tmp_path_factory.mktemp("alone"), rows, None, "multiclass")


@pytest.fixture(scope="module")
def trained_alone(images_alone: TrainerInputs) -> tuple[Path, ProgressRecorder]:
    """The folder of a run on images alone, with augmentation, and its progress reports."""
    augment = AugmentOptions(flip=True, mixup=0.2)
    with record_progress() as recorder:
        run_fn(fn_args(images_alone.arguments("trained", TRAIN.model_copy(update={"augment": augment}))))
    return images_alone.folder / "trained", recorder


def test_images_alone_are_learned_and_served(trained_alone: tuple[Path, ProgressRecorder]) -> None:
    import tensorflow as tf

    folder, recorder = trained_alone
    assert all(np.isfinite(details["loss"]) for message, details in recorder.reports if message == "epoch")
    card = read_card(str(folder / "model"))
    assert (card.text, card.needs) == (None, ("image",))
    _model, served = signatures(folder)
    records = [features.encode_record(record_values(number, **{features.DESCRIPTION: None})) for number in range(4)]
    scores = served["serving_default"](examples=tf.constant(records))["scores"].numpy()
    files = [as_file(noise(number, SMALL.height, SMALL.width)) for number in range(4)]
    answered = served["classify"](image=tf.constant(files))["scores"].numpy()
    assert np.allclose(np.sort(scores)[:, ::-1], answered, atol=1e-6)


def test_tensorboard_has_no_texts_of_images_alone(trained_alone: tuple[Path, ProgressRecorder]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logs = trained_alone[0] / "logs" / "1"
    tags = EventAccumulator(str(logs / "samples")).Reload().Tags()["tensors"]
    assert "images" in tags and "texts" not in tags
    assert len((logs / "vectors.tsv").read_text().splitlines()) == COUNT


def test_training_on_images_alone_starts_from_such_a_model(
    images_alone: TrainerInputs, trained_alone: tuple[Path, ProgressRecorder], tmp_path: Path
) -> None:
    (tmp_path / "12").symlink_to(trained_alone[0] / "model")
    before, after, note = start_warm(images_alone, IMAGE_ONLY, tmp_path)
    assert note == f"training starts from the weights of '{tmp_path / '12'}'"
    assert before != after == read_card(str(tmp_path / "12")).digest


@pytest.mark.parametrize("texts_before", [True, False])
def test_a_model_of_other_modalities_is_no_start(
    texts_before: bool,
    trainer_inputs: TrainerInputs,
    trained: tuple[Path, ProgressRecorder],
    images_alone: TrainerInputs,
    trained_alone: tuple[Path, ProgressRecorder],
    tmp_path: Path,
) -> None:
    pushed, inputs, network = (
        (trained, images_alone, IMAGE_ONLY) if texts_before else (trained_alone, trainer_inputs, TINY)
    )
    (tmp_path / "12").symlink_to(pushed[0] / "model")
    before, after, note = start_warm(inputs, network, tmp_path)
    assert note.startswith("training starts fresh")
    assert after == before


def test_a_search_on_images_alone(images_alone: TrainerInputs) -> None:
    tune = TuneOptions(trials=1, space={"model.image.units": [3]})
    config = images_alone.config(TRAIN.model_copy(update={"epochs": 1}), **{TUNE_OPTIONS_KEY: tune.model_dump_json()})
    result = tuner_fn(fn_args(images_alone.arguments("tuned", custom_config=config)))
    result.tuner.search(**result.fit_kwargs)
    # The settings as they are have 4 units, and a search never ends below them.
    assert result.tuner.get_best_hyperparameters()[0].values["model.image.units"] in (3, 4)


def with_empty_texts(folder: Path, text: TextOptions) -> TrainerInputs:
    rows = [record_values(number) for number in range(COUNT)]
    for row, empty in zip(rows, ("", " \n", "."), strict=False):
        row[features.DESCRIPTION] = empty
    return build_trainer_inputs(folder, rows, text, "multiclass")


def test_rows_without_a_text_are_learned_and_answered(tmp_path: Path) -> None:
    import tensorflow as tf

    inputs = with_empty_texts(tmp_path, TextOptions(encoding="tfidf", norm="l1"))
    config = inputs.config(TRAIN.model_copy(update={"epochs": 2}), **{MISSING_TEXTS_KEY: "keep"})
    with record_progress() as recorder:
        run_fn(fn_args(inputs.arguments("run", custom_config=config)))
    epochs = [details for message, details in recorder.reports if message == "epoch"]
    assert np.isfinite([[details["loss"], details["val_loss"]] for details in epochs]).all()
    assert read_card(str(tmp_path / "run" / "model")).needs == ("image",)
    _model, served = signatures(tmp_path / "run")
    texts = ["", " \n", ".", "text 3"]
    rows = [record_values(number, **{features.DESCRIPTION: text}) for number, text in enumerate(texts)]
    records = tf.constant([features.encode_record(row) for row in rows])
    scores = served["serving_default"](examples=records)["scores"].numpy()
    files = tf.constant([as_file(noise(number, SMALL.height, SMALL.width)) for number in range(4)])
    answered = served["classify"](image=files, description=tf.constant(texts))
    assert answered["error"].numpy().tolist() == [b""] * 4
    assert np.allclose(np.sort(scores)[:, ::-1], answered["scores"].numpy(), atol=1e-6)
    assert scores.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "tower"),
    [
        (TextOptions(encoding="binary", analyzer="char", ngrams=(2, 3), oov="bucket"), "bag"),
        (TextOptions(encoding="sequence", length=4), "attention"),
        (TextOptions(encoding="sequence", length=4, oov="bucket"), "transformer"),
    ],
    ids=lambda value: value.encoding if isinstance(value, TextOptions) else value,
)
def test_rows_without_a_text_spoil_no_training(text: TextOptions, tower: Any, tmp_path: Path) -> None:
    train = TRAIN.model_copy(update={"epochs": 2})
    data = open_data(with_empty_texts(tmp_path, text), train)
    network = NetworkOptions(image=TINY.image, text=TextNetworkOptions(units=4, tower=tower, heads=2, layers=1))
    model, fitted, _ = fit(data, network, train)
    assert np.isfinite([*fitted.history["loss"], *fitted.history["val_loss"]]).all()
    scores, _ = answers(model, data, train)
    assert scores.sum(axis=1) == pytest.approx(1)
