"""What training can do, each by a run of the whole pipeline on real emoji.

One folder holds all runs: ingestion and validation are reused where their settings are the same. All runs but the one
that is killed are in this process, because TFX takes long to import.
"""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from diptych.models import features
from diptych.pipeline.cli.main import main
from tests.end_to_end.epochs import wait_for_epoch
from tests.paths import EMOJI

pytestmark = pytest.mark.e2e

LABELS = ("Animals & Nature", "Food & Drink", "Objects", "Symbols")
PER_LABEL = 50
CONFIG = """
name: emoji
data: {catalogue: data/catalogue.csv, split_by: group, splits: {train: 0.6, val: 0.2, test: 0.2}}
image: {height: 32, width: 32}
model: {image: {backbone: cnn, filters: [8], units: 16}, text: {units: 16}}
train: {epochs: 3, batch_size: 16}
evaluate: {gain_over_baseline: {accuracy: -1}, gain_over_blessed: {accuracy: -1}}
"""
# Two tests share this run; no other test pushes into its folder.
TFIDF = ("text={encoding: tfidf, ngrams: [1, 2], min_df: 2}", "push.directory=pushed-tfidf")


@dataclass(frozen=True)
class Project:
    """The working folder, with a catalogue, a configuration and a run."""

    folder: Path
    printed: pytest.CaptureFixture[str]

    def arguments(self, *overrides: str, output: str = "run") -> list[str]:
        return ["run", "diptych.yaml", "--output", output, *[f"--set={override}" for override in overrides]]

    def run(self, *overrides: str, output: str = "run") -> tuple[dict[str, Any], str]:
        """Runs; returns the summary and what was shown."""
        self.printed.readouterr()
        code = main(self.arguments(*overrides, output=output))
        shown, error = self.printed.readouterr()
        assert code == 0, shown[-4000:] + error[-4000:]
        return dict(json.loads((self.folder / output / "summary.json").read_text())), shown


def records(summary: dict[str, Any], split: str = features.TEST) -> list[bytes]:
    """The serialised records of a split."""
    import tensorflow as tf

    folder = Path(summary["artifacts"]["ImageTextExampleGen"]["examples"]) / f"Split-{split}"
    return list(tf.data.TFRecordDataset(sorted(map(str, folder.iterdir()))).as_numpy_iterator())


def values(record: bytes, name: str) -> list[str]:
    import tensorflow as tf

    return [value.decode() for value in tf.train.Example.FromString(record).features.feature[name].bytes_list.value]


def served(summary: dict[str, Any]) -> Any:
    """The pushed model."""
    import tensorflow as tf

    return tf.saved_model.load(summary["pushed"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not EMOJI.is_dir():
        pytest.skip(f"the emoji catalogue is not at {EMOJI.name}/ beside the project's folder (../shared/data/emoji)")
    folder = tmp_path_factory.mktemp("training")
    with (EMOJI / "catalogue.csv").open(newline="") as file:
        everything = list(csv.DictReader(file))
    chosen = [row for label in LABELS for row in [row for row in everything if row["label"] == label][:PER_LABEL]]
    (folder / "data").mkdir()
    with (folder / "data" / "catalogue.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*chosen[0], "labels"])
        writer.writeheader()
        for row in chosen:
            target = folder / "data" / row["image"]
            target.parent.mkdir(exist_ok=True)
            shutil.copy(EMOJI / row["image"], target)
            writer.writerow({**row, "labels": f"{row['label']}|{row['subgroup'].split('-')[0]}"})
    (folder / "diptych.yaml").write_text(CONFIG)
    return folder


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Project:
    monkeypatch.chdir(folder)
    return Project(folder, capfd)


def test_several_labels_are_learned_and_served(project: Project) -> None:
    several = ["data.columns={label: labels}", "data.label_separator='|'", "train.task=multilabel"]
    # A subgroup that no row of train bears would stop the run, and rightly.
    summary, _ = project.run(*several, f"label.unknown={LABELS[2]}", "evaluate.gain_over_baseline={}")
    assert {"accuracy", "macro_f1", "micro_f1"} <= set(summary["metrics"])
    first = records(summary)[0]
    assert len(values(first, features.LABEL)) == 2
    scores = served(summary).signatures["serving_default"](examples=np.array([first]))["scores"].numpy()
    assert scores.shape[1] > len(LABELS)
    assert ((scores >= 0) & (scores <= 1)).all()
    rows = parquet.read_table(Path(summary["artifacts"]["Evaluator"]["evaluation"]) / "predictions.parquet").to_pylist()
    assert np.mean([bool(row["predicted"]) for row in rows]) >= 0.95
    assert len({tuple(row["predicted"]) for row in rows}) > 1


def test_sequences_are_read_by_attention_in_mixed_precision_and_answered_in_float32(project: Project) -> None:
    import tensorflow as tf

    attention = ["text={encoding: sequence, length: 12}", "model.text={tower: attention, units: 16}"]
    summary, _ = project.run(*attention, "train.mixed_precision=bfloat16", "evaluate.thresholds={}")
    model, examples = served(summary), tf.constant(records(summary))
    assert model.signatures["transform_features"](examples=examples)["description_ids"].shape[1] == 12
    scores = model.signatures["serving_default"](examples=examples)["scores"]
    assert scores.dtype == tf.float32
    assert np.allclose(scores.numpy().sum(axis=1), 1, atol=1e-3)


def test_tfidf_is_what_the_exported_scikit_learn_vectorizer_gives(project: Project, tmp_path: Path) -> None:
    import tensorflow as tf

    from diptych.models.text.sklearn_encoders import load_encoders
    from diptych.pipeline.export.encoders import export_run_encoders

    summary, _ = project.run(*TFIDF)
    export_run_encoders(str(project.folder / "run"), str(tmp_path / "encoders.json"))
    encoders = load_encoders(str(tmp_path / "encoders.json"))
    batch = records(summary)
    found = served(summary).signatures["transform_features"](examples=tf.constant(batch))
    dense = np.zeros((len(batch), len(encoders.vectorizer.vocabulary_)), np.float32)
    for row, index, value in zip(*_sparse(found), strict=True):
        dense[row, index] = value
    texts = [values(record, features.DESCRIPTION)[0] for record in batch]
    assert np.array_equal(dense, encoders.vectorizer.transform(texts).toarray().astype(np.float32))


def _sparse(found: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Row, index and value of each term, from the parts that a signature makes of a SparseTensor."""
    import tensorflow as tf

    index, value = found[features.DESCRIPTION_INDEX], found[features.DESCRIPTION_VALUE]
    assert isinstance(index, tf.SparseTensor)
    return index.indices.numpy()[:, 0], index.values.numpy(), value.values.numpy()


def test_a_backbone_keeps_its_files_weights_while_it_is_frozen(project: Project, tmp_path: Path) -> None:
    import keras

    file = tmp_path / "mobilenet.weights.h5"
    network = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3))
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # So it takes its statistics from one batch; without them, features of random weights are 1e-20.
            layer.momentum = 0.0
    network(np.random.default_rng(0).normal(size=(16, 32, 32, 3)).astype(np.float32), training=True)
    network.save_weights(file)
    tower = f"model.image={{backbone: MobileNet, weights: {file}, frozen_epochs: 1, units: 32}}"
    summary, _ = project.run(tower, "train.epochs=1")
    assert arrays(file) <= arrays(Path(summary["pushed"]) / "assets.extra" / "model.weights.h5")


def arrays(file: Path) -> set[bytes]:
    """What an HDF5 file of weights holds, whatever it calls it."""
    import h5py

    found: set[bytes] = set()
    with h5py.File(file) as weights:
        weights.visititems(lambda _, part: found.add(part[()].tobytes()) if isinstance(part, h5py.Dataset) else None)
    return found


def test_a_killed_training_goes_on_where_it_was(project: Project) -> None:
    settings = ["train.epochs=6", "train.patience=6"]
    command = [sys.executable, "-m", "diptych", *project.arguments(*settings, output="killed")]
    process = subprocess.Popen(command, cwd=project.folder, stdout=subprocess.DEVNULL, text=True)
    wait_for_epoch(process, project.folder / "killed", 2)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    summary, shown = project.run(*settings, output="killed")
    assert "training goes on after epoch" in shown
    assert "epoch 6/6" in shown
    assert summary["pushed"]


def test_training_starts_from_the_last_blessed_model(project: Project) -> None:
    (cold, at_first), (warm, later) = project.run(*TFIDF), project.run(*TFIDF, "train.warm_start=true")
    assert "training starts from the weights of" not in at_first
    assert "training starts from the weights of" in later
    assert warm["pushed"] and warm["pushed"] != cold["pushed"]


def test_a_search_chooses_what_training_then_uses(project: Project) -> None:
    space = "{train.learning_rate: [0.001, 0.01], model.text.units: [8, 16]}"
    summary, _ = project.run(f"tune={{trials: 2, space: {space}}}", "train.epochs=1")
    best = Path(summary["artifacts"]["Tuner"]["best_hyperparameters"]) / "best_hyperparameters.txt"
    chosen = json.loads(best.read_text())["values"]
    used = json.loads(
        next((project.folder / "run").glob("artifacts/Trainer/model_run/*/hyperparameters.json")).read_text()
    )
    assert used == chosen
    assert served(summary).signatures["embed"]
