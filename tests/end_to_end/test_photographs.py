"""What is served of a photograph's file is what its stored record gives, by a model that looks at the pixels."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images

from diptych.models import features
from diptych.models.images.decoding import RESIZE_TOLERANCE, decode_image_file, decode_stored_images
from diptych.models.images.geometry import jpeg_downscaling_ratio
from diptych.models.images.options import ImageOptions
from diptych.models.serving.card import read_card
from tests.helpers import as_file
from tests.image_kinds import exif, turned

pytestmark = pytest.mark.e2e

ROWS = 500
SUBJECTS = ("temple", "dahlia")
PLACES = ("left", "middle", "right")
SIZE = (features.HEIGHT, features.WIDTH)
IMAGE = ImageOptions(height=64, width=64)
CONFIG = {
    "name": "photographs",
    "data": {"catalogue": "data/catalogue.csv", "splits": {"train": 0.6, "val": 0.2, "test": 0.2}},
    "image": IMAGE.model_dump(include={"height", "width"}),
    "model": {"image": {"filters": [16, 32, 64], "units": 64}, "text": {"units": 8}},
    "train": {"epochs": 12, "batch_size": 16, "patience": 12},
    # By guesses alone it is a sixth; the texts say nothing.
    "evaluate": {"thresholds": {"accuracy": 0.5}, "gain_over_baseline": {"accuracy": -0.1}},
}
# Of photographs with the same predicted label.
LEAST_AGREEMENT = 0.995
# Of scores, in the mean. Labels alone would not tell two good filters apart.
MOST_DIFFERENCE = 1e-4


@dataclass(frozen=True)
class Answers:
    """What one signature says of each photograph.

    Attributes:
        labels: the predicted ones, ``[photographs]``.
        scores: ``[photographs, labels]``, the labels sorted by name.
    """

    labels: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Trained:
    """A model that the pipeline pushed, and the photographs of all splits.

    Attributes:
        names: of the labels, in the order of ``label_id``.
        records: serialised.
        files: what the records were made of.
        truth: the right labels.
    """

    model: Any
    names: tuple[str, ...]
    records: list[bytes]
    files: list[bytes]
    texts: list[bytes]
    truth: np.ndarray

    def of_records(self) -> Answers:
        import tensorflow as tf

        scores = self.model.signatures["serving_default"](examples=tf.constant(self.records))["scores"].numpy()
        names = np.array(self.names)
        return Answers(names[scores.argmax(axis=1)], scores[:, names.argsort()])

    def of_files(self, files: list[bytes]) -> Answers:
        import tensorflow as tf

        answer = self.model.signatures["classify"](image=tf.constant(files), description=tf.constant(self.texts))
        labels = np.char.decode(answer["labels"].numpy().astype(bytes))
        # They come best first.
        scores = np.take_along_axis(answer["scores"].numpy(), labels.argsort(axis=1), axis=1)
        return Answers(labels[:, 0], scores)


def agreement(first: Answers, second: Answers) -> float:
    """The share of photographs with the same predicted label."""
    return float(np.mean(first.labels == second.labels))


def difference(first: Answers, second: Answers) -> float:
    """Mean, absolute, of scores."""
    return float(np.abs(first.scores - second.scores).mean())


@cache
def sources() -> list[np.ndarray]:
    return list(load_sample_images().images)


def photograph(number: int) -> tuple[bytes, str]:
    """A JPEG file, and its label: in which photograph, and where, it was cut out.

    Sizes, qualities and orientations vary as those of cameras and web sites do. The places pass into one another, so
    that some are hard to tell.
    """
    random = np.random.default_rng(number)
    subject = int(random.integers(len(SUBJECTS)))
    whole = sources()[subject]
    scale = random.uniform(0.4, 1.5)
    height, width = round(190 * scale), round(250 * scale)
    top, left = (int(random.integers(room + 1)) for room in (whole.shape[0] - height, whole.shape[1] - width))
    place = PLACES[len(PLACES) * (2 * left + width) // (2 * whole.shape[1])]
    orientation = int(random.integers(1, 9))
    stored = turned(whole[top : top + height, left : left + width], orientation)
    file = as_file(
        stored,
        "JPEG",
        quality=int(random.integers(60, 98)),
        subsampling=int(random.integers(3)),
        progressive=bool(random.integers(2)),
        exif=b"Exif\0\0" + exif(orientation),
    )
    return file, f"{SUBJECTS[subject]}, {place}"


def write_project(folder: Path) -> None:
    (folder / "data").mkdir()
    with (folder / "data" / "catalogue.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "description", "label"])
        for number in range(ROWS):
            image, label = photograph(number)
            (folder / "data" / f"{number:04d}.jpg").write_bytes(image)
            writer.writerow([f"{number:04d}.jpg", "a photograph", label])
    (folder / "diptych.yaml").write_text(yaml.safe_dump(CONFIG))


def load(folder: Path) -> Trained:
    import tensorflow as tf

    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert summary["blessed"], summary["blessing_reasons"]
    examples = Path(summary["artifacts"]["ImageTextExampleGen"]["examples"])
    records = list(tf.data.TFRecordDataset(sorted(map(str, examples.glob("Split-*/*")))).as_numpy_iterator())
    spec = features.parsing_spec([features.ID, features.DESCRIPTION, features.LABEL])
    parsed = {name: values.numpy() for name, values in tf.io.parse_example(records, spec).items()}
    return Trained(
        tf.saved_model.load(summary["pushed"]),
        read_card(summary["pushed"]).labels,
        records,
        [(folder / "data" / name.decode()).read_bytes() for name in parsed[features.ID]],
        list(parsed[features.DESCRIPTION]),
        np.char.decode(parsed[features.LABEL].astype(bytes)),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("photographs")
    write_project(folder)
    command = [sys.executable, "-m", "diptych", "run", "diptych.yaml", "--output", "run"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return load(folder)


def test_the_model_tells_photographs_apart_by_their_pixels(trained: Trained) -> None:
    """Else agreement would say nothing."""
    assert len(trained.records) == ROWS
    assert set(trained.names) == {f"{subject}, {place}" for subject in SUBJECTS for place in PLACES}
    labels = trained.of_records().labels
    assert set(labels) == set(trained.names)
    assert np.mean(labels == trained.truth) > 0.7


def test_files_are_served_as_their_records_are(trained: Trained) -> None:
    records, files = trained.of_records(), trained.of_files(trained.files)
    assert agreement(records, files) >= LEAST_AGREEMENT
    assert difference(records, files) <= MOST_DIFFERENCE


def test_another_filter_would_be_seen(trained: Trained) -> None:
    records = trained.of_records()
    nearest, bicubic = (
        trained.of_files([resized(file, filter_) for file in trained.files])
        for filter_ in (Image.Resampling.NEAREST, Image.Resampling.BICUBIC)
    )
    assert agreement(records, nearest) < LEAST_AGREEMENT
    assert difference(records, bicubic) > MOST_DIFFERENCE


def resized(file: bytes, filter_: Image.Resampling) -> bytes:
    """The upright photograph at the stored size, which leaves serving nothing to resize."""
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
    return as_file(upright.resize((IMAGE.width, IMAGE.height), filter_))


def test_the_served_pixels_are_the_stored_ones_but_for_rounding(trained: Trained) -> None:
    import tensorflow as tf

    parsed = tf.io.parse_example(trained.records, features.parsing_spec([features.IMAGE, *SIZE]))
    shapes = zip(*(parsed[name].numpy().tolist() for name in SIZE), strict=True)
    assert {jpeg_downscaling_ratio(shape, IMAGE) for shape in shapes} == {1, 2, 4}
    stored = decode_stored_images(parsed[features.IMAGE], IMAGE).numpy().astype(int)
    decode = tf.function(lambda file: decode_image_file(file, IMAGE), autograph=False)
    served = np.stack([decode(tf.constant(file)).numpy() for file in trained.files])
    assert np.abs(stored - served).max() <= RESIZE_TOLERANCE
    assert np.abs(stored - served).mean() < 0.01
