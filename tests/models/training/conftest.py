"""Records, a Transform graph and a training that the tests of training share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from diptych.models import features
from diptych.models.networks.options import ImageNetworkOptions, NetworkOptions, TextNetworkOptions
from diptych.models.progress import LOGGER
from diptych.models.text.options import TextOptions, serialize_text_options
from diptych.models.training.custom_config import (
    IMAGE_OPTIONS_KEY,
    NETWORK_OPTIONS_KEY,
    TEXT_OPTIONS_KEY,
    TRAIN_OPTIONS_KEY,
)
from diptych.models.training.options import TensorBoardOptions, TrainOptions
from tests.helpers import SMALL, fit_transform_graph, record_values, write_records

COUNT = 22
TINY = NetworkOptions(
    image=ImageNetworkOptions(backbone="cnn", filters=(4,), units=4), text=TextNetworkOptions(units=4)
)
IMAGE_ONLY = NetworkOptions(image=TINY.image, text=None)
TRAIN = TrainOptions(epochs=3, batch_size=4, tensorboard=TensorBoardOptions(images=True, text=True, embeddings=True))


class ProgressRecorder(logging.Handler):
    """Records the progress reports of training, as messages and details."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[tuple[str, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.reports.append((record.getMessage(), record.details))  # type: ignore[attr-defined]

    @property
    def notes(self) -> list[str]:
        return [details["text"] for message, details in self.reports if message == "note"]


@contextmanager
def record_progress() -> Iterator[ProgressRecorder]:
    recorder, level = ProgressRecorder(), LOGGER.level
    LOGGER.addHandler(recorder)
    LOGGER.setLevel(logging.INFO)
    try:
        yield recorder
    finally:
        LOGGER.removeHandler(recorder)
        LOGGER.setLevel(level)


@dataclass(frozen=True)
class TrainerInputs:
    """The inputs that TFX would pass to Trainer.

    Attributes:
        folder: the folder of all inputs and outputs.
        files: the TFRecord files, which are both train and val.
        text: how texts are encoded; None if the rows have none.
    """

    folder: Path
    files: list[str]
    text: TextOptions | None = TextOptions()

    def arguments(self, run: str, train: TrainOptions = TRAIN, **changes: Any) -> dict[str, Any]:
        """The arguments of ``FnArgs`` for a run with this name."""
        graph = str(self.folder / "graph")
        given = {
            "train_files": self.files,
            "eval_files": self.files,
            "transform_graph_path": graph,
            "transform_output": graph,
            "serving_model_dir": str(self.folder / run / "model"),
            "model_run_dir": str(self.folder / run / "logs" / "1"),
            "working_dir": str(self.folder / run / "work"),
            "custom_config": self.config(train),
        }
        return {**given, **changes}

    def config(self, train: TrainOptions, **more: str) -> dict[str, str]:
        return {
            IMAGE_OPTIONS_KEY: SMALL.model_dump_json(),
            TEXT_OPTIONS_KEY: serialize_text_options(self.text),
            NETWORK_OPTIONS_KEY: (TINY if self.text else IMAGE_ONLY).model_dump_json(),
            TRAIN_OPTIONS_KEY: train.model_dump_json(),
            **more,
        }


def fn_args(arguments: dict[str, Any]) -> Any:
    from tfx.components.trainer.fn_args_utils import FnArgs

    return FnArgs(**arguments)


def build_trainer_inputs(
    folder: Path, rows: list[dict[str, Any]], text: TextOptions | None, task: str
) -> TrainerInputs:
    files = [str(write_records(folder / "data.tfrecord", rows))]
    texts, labels = ([row[name] for row in rows] for name in (features.DESCRIPTION, features.LABEL))
    fit_transform_graph(folder / "graph", texts, labels, text, task)
    return TrainerInputs(folder, files, text)


def start_warm(inputs: TrainerInputs, network: NetworkOptions, push_directory: Path) -> tuple[str, str, str]:
    """Builds a network and starts it from a pushed model.

    Returns:
        The digests of its weights before and after, and the last note.
    """
    from diptych.models.serving.export import weights_digest
    from diptych.models.training.data import open_training_data
    from diptych.models.training.fitting import build_model
    from diptych.models.training.warm_start import warm_start_from_blessed

    data = open_training_data(fn_args(inputs.arguments("warm")), TRAIN)
    model = build_model(TRAIN, network, data.decoder)
    before = weights_digest(model)
    with record_progress() as recorder:
        warm_start_from_blessed(model, network, data.decoder, str(push_directory))
    return before, weights_digest(model), recorder.notes[-1]


@pytest.fixture(scope="package")
def trainer_inputs(tmp_path_factory: pytest.TempPathFactory) -> TrainerInputs:
    rows = [record_values(number) for number in range(COUNT)]
    return build_trainer_inputs(tmp_path_factory.mktemp("trainer"), rows, TextOptions(), "multiclass")


@pytest.fixture(scope="package")
def trained(trainer_inputs: TrainerInputs) -> tuple[Path, ProgressRecorder]:
    """The folder of a run with ``trainer_inputs``, and its progress reports."""
    from diptych.models.training.trainer import run_fn

    with record_progress() as recorder:
        run_fn(fn_args(trainer_inputs.arguments("trained")))
    return trainer_inputs.folder / "trained", recorder
