"""``run_fn``, as Trainer calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models import features
from diptych.models.networks.options import FusionOptions, ImageNetworkOptions, NetworkOptions, TextNetworkOptions
from diptych.models.serving.card import read_card, weights_path
from diptych.models.text.options import TextOptions
from diptych.models.training.custom_config import NETWORK_OPTIONS_KEY, PUSH_DIRECTORY_KEY
from diptych.models.training.options import TrainOptions
from diptych.models.training.trainer import run_fn
from tests.helpers import SMALL, as_file, noise, record_values, write_records
from tests.models.training.conftest import (
    COUNT,
    TINY,
    TRAIN,
    ProgressRecorder,
    TrainerInputs,
    build_trainer_inputs,
    fn_args,
    record_progress,
    start_warm,
)
from tests.paths import ROOT


def start(folder: Path, environment: dict[str, str] | None = None, **given: Any) -> subprocess.Popen[str]:
    """Starts a process that trains; see ``training_process``."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "arguments.json"
    file.write_text(json.dumps(given))
    command = [sys.executable, "-m", "tests.models.training.training_process", str(file)]
    variables = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **(environment or {})}
    return subprocess.Popen(command, cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True)


def digest(run: Path) -> str:
    """The digest of the weights of an exported model."""
    return read_card(str(run / "model")).digest


def test_every_epoch_learns_from_data(trained: tuple[Path, ProgressRecorder]) -> None:
    epochs = [details for message, details in trained[1].reports if message == "epoch"]
    assert [details["epoch"] for details in epochs] == [1, 2, 3]
    assert all(details["loss"] > 0 and details["val_loss"] > 0 for details in epochs)


def test_the_exported_model_answers_records_and_files_alike(trained: tuple[Path, ProgressRecorder]) -> None:
    import tensorflow as tf

    path = str(trained[0] / "model")
    card = read_card(path)
    assert (set(card.labels), card.image) == ({"odd", "even"}, SMALL)
    signatures = tf.saved_model.load(path).signatures
    rows = [record_values(number) for number in range(4)]
    records = tf.constant([features.encode_record(row) for row in rows])
    scores = signatures["serving_default"](examples=records)["scores"].numpy()
    files = [as_file(noise(number, SMALL.height, SMALL.width)) for number in range(4)]
    texts = [row[features.DESCRIPTION] for row in rows]
    answers = signatures["classify"](image=tf.constant(files), description=tf.constant(texts))
    assert np.allclose(np.sort(scores)[:, ::-1], answers["scores"].numpy(), atol=1e-6)
    names = [[name.decode() for name in row] for row in answers["labels"].numpy()]
    assert [row[0] for row in names] == [card.labels[place] for place in scores.argmax(axis=1)]


def test_tensorboard_has_figures_images_texts_and_the_projector(trained: tuple[Path, ProgressRecorder]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logs = trained[0] / "logs" / "1"
    samples, val = (EventAccumulator(str(logs / name)).Reload() for name in ("samples", "validation"))
    assert {"images", "texts"} <= set(samples.Tags()["tensors"])
    assert "epoch_loss" in val.Tags()["tensors"]
    metadata = [line.split("\t") for line in (logs / "metadata.tsv").read_text().splitlines()]
    assert metadata[0] == ["label", "answer", "text"]
    assert sorted(row[2] for row in metadata[1:]) == sorted(f"text {number}" for number in range(COUNT))
    assert len((logs / "vectors.tsv").read_text().splitlines()) == COUNT
    assert "vectors.tsv" in (logs / "projector_config.pbtxt").read_text()


def test_a_training_killed_by_the_system_ends_with_the_weights_of_one_that_was_not(
    trainer_inputs: TrainerInputs, trained: tuple[Path, ProgressRecorder]
) -> None:
    arguments = trainer_inputs.arguments("killed")
    process = start(trainer_inputs.folder / "killed", trainings=[arguments], kill_at=3)
    error = process.communicate()[1]
    assert process.returncode == -9, error
    backups = trainer_inputs.folder / "killed" / "logs" / ".resume"
    assert len(list(backups.glob("*/2"))) == 1
    # The next execution has another folder.
    arguments["model_run_dir"] = str(trainer_inputs.folder / "killed" / "logs" / "2")
    with record_progress() as recorder:
        run_fn(fn_args(arguments))
    assert "training goes on after epoch 2, from its backup" in recorder.notes
    assert digest(trainer_inputs.folder / "killed") == digest(trained[0])
    assert not list(backups.iterdir())


def test_backups_of_other_settings_are_removed(trainer_inputs: TrainerInputs, tmp_path: Path) -> None:
    from diptych.models.training.backup import digest_inputs, prepare_backup_folder

    (tmp_path / ".resume" / "other" / "1").mkdir(parents=True)
    config = trainer_inputs.config(TRAIN)
    digests = {
        digest_inputs(config, trainer_inputs.files),
        digest_inputs({**config, "x": 1}, trainer_inputs.files),
        digest_inputs(config, []),
    }
    assert len(digests) == 3
    folder = prepare_backup_folder(str(tmp_path / "7"), digest_inputs(config, trainer_inputs.files))
    assert not (tmp_path / ".resume" / "other").exists()
    assert folder == prepare_backup_folder(str(tmp_path / "8/"), digest_inputs(config, trainer_inputs.files))


def test_training_starts_from_the_last_blessed_model(
    trainer_inputs: TrainerInputs, trained: tuple[Path, ProgressRecorder], tmp_path: Path
) -> None:
    from diptych.models.training.data import open_training_data
    from diptych.models.training.fitting import build_model

    (tmp_path / "12").symlink_to(trained[0] / "model")
    # A push was interrupted here.
    (tmp_path / "13").mkdir()
    # With so small steps, weights stay as they were at the start.
    changes = {"warm_start": True, "epochs": 1, "learning_rate": 1e-12}
    config = trainer_inputs.config(TRAIN.model_copy(update=changes), **{PUSH_DIRECTORY_KEY: str(tmp_path)})
    with record_progress() as recorder:
        run_fn(fn_args(trainer_inputs.arguments("warm", custom_config=config)))
    assert f"training starts from the weights of '{tmp_path / '12'}'" in recorder.notes
    assert any(note.startswith(f"'{tmp_path / '13'}' is passed over") for note in recorder.notes)
    data = open_training_data(fn_args(trainer_inputs.arguments("warm")), TRAIN)
    model = build_model(TRAIN, TINY, data.decoder)
    terms = [model.get_layer("terms").get_weights()[0]]
    for run in (trained[0], trainer_inputs.folder / "warm"):
        model.load_weights(weights_path(str(run / "model")))
        terms += model.get_layer("terms").get_weights()
    fresh, pushed, warm = terms
    assert np.allclose(warm, pushed, atol=1e-6)
    assert not np.allclose(fresh, pushed, atol=1e-4)


@pytest.mark.parametrize("pushed", ["nothing", "another network", "no model"])
def test_a_start_that_cannot_be_is_reported_and_training_starts_fresh(
    pushed: str, trainer_inputs: TrainerInputs, trained: tuple[Path, ProgressRecorder], tmp_path: Path
) -> None:
    network = TINY
    if pushed == "another network":
        (tmp_path / "12").symlink_to(trained[0] / "model")
        assert TINY.text
        network = TINY.model_copy(update={"text": TINY.text.model_copy(update={"units": 5})})
    elif pushed == "no model":
        (tmp_path / "12").mkdir()
    before, after, note = start_warm(trainer_inputs, network, tmp_path)
    assert note.startswith("training starts fresh")
    assert after == before


def test_what_a_search_has_found_is_used_and_written_down(trainer_inputs: TrainerInputs, tmp_path: Path) -> None:
    found = {"space": [], "values": {"train.epochs": 1, "model.image.units": 3, "tuner/epochs": 9}}
    config = trainer_inputs.config(TRAIN, **{PUSH_DIRECTORY_KEY: str(tmp_path)})
    with record_progress() as recorder:
        run_fn(fn_args(trainer_inputs.arguments("found", hyperparameters=found, custom_config=config)))
    assert not any("training starts" in note for note in recorder.notes), "this is no warm start"
    run = trainer_inputs.folder / "found"
    assert [message for message, _ in recorder.reports].count("epoch") == 1
    assert recorder.notes[0] == "training takes what the search has found: train.epochs 1, model.image.units 3"
    written = json.loads((run / "logs" / "1" / "hyperparameters.json").read_text())
    assert written == {"train.epochs": 1, "model.image.units": 3}


def test_several_labels_and_sequences_are_learned(tmp_path: Path) -> None:
    rows = [record_values(number) for number in range(COUNT)]
    for number, row in enumerate(rows):
        row[features.LABEL] = ["all", "odd"] if number % 2 else ["all"]
    text = TextOptions(encoding="sequence", length=4)
    trainer_inputs = build_trainer_inputs(tmp_path, rows, text, "multilabel")
    train = TrainOptions(
        task="multilabel", epochs=2, batch_size=8, loss="focal", class_weights="balanced", schedule="linear", warmup=0.5
    )
    network = TINY.model_copy(update={"text": TINY.text and TINY.text.model_copy(update={"tower": "attention"})})
    config = {**trainer_inputs.config(train), NETWORK_OPTIONS_KEY: network.model_dump_json()}
    with record_progress() as recorder:
        run_fn(fn_args(trainer_inputs.arguments("run", custom_config=config)))
    figures = [details for message, details in recorder.reports if message == "epoch"][-1]
    assert np.isfinite(figures["val_loss"])
    assert 0 <= figures["val_accuracy"] <= 1
    assert read_card(str(tmp_path / "run" / "model")).task == "multilabel"


def test_an_empty_val_is_refused_where_training_may_stop_by_it(trainer_inputs: TrainerInputs, tmp_path: Path) -> None:
    from diptych.models.training.data import open_training_data

    empty = str(write_records(tmp_path / "val.tfrecord", []))
    for files in ([], [empty], [str(tmp_path / "absent" / "*")]):
        arguments = fn_args(trainer_inputs.arguments("empty", eval_files=files))
        with pytest.raises(ValueError, match=r"val holds no record.*train\.patience to null"):
            open_training_data(arguments, TRAIN)
        data = open_training_data(arguments, TRAIN.model_copy(update={"patience": None}))
        assert (data.val_records, data.val_dataset(TRAIN), len(data.train_labels)) == (0, None, COUNT)


# Without dropout, and with all records in each batch, how many devices share a batch can make no difference.
ALIKE = NetworkOptions(
    image=ImageNetworkOptions(backbone="cnn", filters=(4,), units=4, dropout=0.0, wide=False),
    text=TextNetworkOptions(units=4, dropout=0.0, wide=False),
    fusion=FusionOptions(dropout=0.0),
)
# Sums are rounded in another order.
TOLERANCE = 1e-3
WHOLE = TrainOptions(epochs=6, batch_size=64, learning_rate=0.01, schedule="constant", patience=None)


def arguments_for_all(trainer_inputs: TrainerInputs, run: str, distribute: str) -> dict[str, Any]:
    """The arguments for training with 64 records, all of them in each batch."""
    records = [record_values(number % COUNT) for number in range(64)]
    files = [str(write_records(trainer_inputs.folder / f"{run}.tfrecord", records))]
    train = WHOLE.model_copy(update={"distribute": distribute})
    config = trainer_inputs.config(train, **{NETWORK_OPTIONS_KEY: ALIKE.model_dump_json()})
    return trainer_inputs.arguments(run, train_files=files, eval_files=files, custom_config=config)


def scores_of(run: Path) -> np.ndarray:
    """The scores of an exported model for some records, float ``[n, labels]``."""
    import tensorflow as tf

    signature = tf.saved_model.load(str(run / "model")).signatures["serving_default"]
    records = tf.constant([features.encode_record(record_values(number)) for number in range(16)])
    scores: np.ndarray = signature(examples=records)["scores"].numpy()
    return scores


@pytest.fixture(scope="module")
def scores_of_one_device(trainer_inputs: TrainerInputs) -> np.ndarray:
    """The scores after training on one device."""
    run_fn(fn_args(arguments_for_all(trainer_inputs, "one device", "none")))
    scores = scores_of(trainer_inputs.folder / "one device")
    # It has learned more than the tolerance below, and answers differently for each record.
    assert scores.std(axis=0).min() > 0.01
    return scores


@pytest.fixture(scope="module")
def trained_on_two_devices(trainer_inputs: TrainerInputs) -> tuple[Path, Path]:
    """The folders of two runs: with all that training can do, and with what makes it comparable."""
    train = TRAIN.model_copy(
        update={"distribute": "mirrored", "ema": 0.5, "batch_size": 5, "schedule": "cosine", "minutes": 5.0}
    )
    trainings = [
        trainer_inputs.arguments("mirrored", train),
        arguments_for_all(trainer_inputs, "two devices", "mirrored"),
    ]
    process = start(trainer_inputs.folder / "mirrored", trainings=trainings, devices=2)
    error = process.communicate()[1]
    assert process.returncode == 0, error
    return trainer_inputs.folder / "mirrored", trainer_inputs.folder / "two devices"


def test_two_devices_train_together(trained_on_two_devices: tuple[Path, Path]) -> None:
    assert set(read_card(str(trained_on_two_devices[0] / "model")).labels) == {"even", "odd"}


def test_two_devices_learn_what_one_does(
    trained_on_two_devices: tuple[Path, Path], scores_of_one_device: np.ndarray
) -> None:
    assert np.allclose(scores_of(trained_on_two_devices[1]), scores_of_one_device, atol=TOLERANCE)


def test_two_workers_learn_what_one_does_and_the_chief_writes(
    trainer_inputs: TrainerInputs, scores_of_one_device: np.ndarray
) -> None:
    import portpicker

    cluster = {"worker": [f"localhost:{portpicker.pick_unused_port()}" for _ in range(2)]}
    processes = []
    for index in range(2):
        name = f"worker-{index}"
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        arguments = arguments_for_all(trainer_inputs, name, "multi_worker")
        processes.append(start(trainer_inputs.folder / name, {"TF_CONFIG": config}, trainings=[arguments]))
    for process in processes:
        error = process.communicate()[1]
        assert process.returncode == 0, error
    assert np.allclose(scores_of(trainer_inputs.folder / "worker-0"), scores_of_one_device, atol=TOLERANCE)
    assert not (trainer_inputs.folder / "worker-1" / "model").exists()


def test_workers_that_nobody_names_are_asked_for(
    trainer_inputs: TrainerInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    train = TRAIN.model_copy(update={"distribute": "multi_worker"})
    with pytest.raises(ValueError, match=r"train\.distribute is 'multi_worker', and the variable TF_CONFIG"):
        run_fn(fn_args(trainer_inputs.arguments("unnamed", train)))
