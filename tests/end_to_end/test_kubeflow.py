"""The compiled spec, run step by step as KFP runs it, on real emoji."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.paths import EMOJI

pytestmark = pytest.mark.e2e

# Labels that every split gets some rows of.
LABELS = ("Animals & Nature", "Food & Drink", "Objects", "Symbols")
PER_LABEL = 70
CONFIG = """
name: emoji
data: {catalogue: stores/minio/shop/catalogue/catalogue.csv, split_by: group, splits: {train: 0.6, val: 0.2, test: 0.2}}
image: {height: 32, width: 32}
model: {image: {backbone: cnn, filters: [8, 16], units: 32}, text: {units: 32}}
train: {epochs: 30, batch_size: 32}
evaluate: {gain_over_baseline: {accuracy: -0.5}, gain_over_blessed: {accuracy: -0.5}}
kubeflow: {pipeline_root: minio://shop/artifacts}
"""
EPOCHS = 4
CACHED_STEPS = {
    "ImageTextExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "LinearBaseline",
    "Transform",
    "Trainer",
    "Evaluator",
    "Pusher",
}


@dataclass(frozen=True)
class Cluster:
    """A folder with object stores, a catalogue in one of them, and a compiled spec."""

    folder: Path

    def diptych(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "diptych", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def simulate(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The run and its published summary."""
        catalogue = "catalogue=minio://shop/catalogue/catalogue.csv"
        parameters = ["--param", catalogue, "--param", f"epochs={EPOCHS}"]
        done = self.diptych("simulate", "emoji.yaml", "--root", ".", "--json", *parameters)
        run = json.loads(done.stdout)
        return run, json.loads((self.published(run) / "summary.json").read_text())

    def published(self, run: dict[str, Any]) -> Path:
        return self.stored(f"minio://shop/artifacts/emoji/runs/{run['id']}")

    def stored(self, uri: str) -> Path:
        return self.folder / "stores" / uri.replace("://", "/")

    @property
    def catalogue(self) -> Path:
        return self.stored("minio://shop/catalogue")

    def rows(self) -> list[dict[str, str]]:
        with (self.catalogue / "catalogue.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def write_rows(self, rows: list[dict[str, str]]) -> None:
        with (self.catalogue / "catalogue.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)


def states(run: dict[str, Any]) -> dict[str, str]:
    return {name: task["state"] for name, task in run["tasks"].items()}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    if not EMOJI.is_dir():
        pytest.skip(f"the emoji catalogue is not at {EMOJI.name}/ beside the project's folder (../shared/data/emoji)")
    cluster = Cluster(tmp_path_factory.mktemp("kubeflow"))
    with (EMOJI / "catalogue.csv").open(newline="") as file:
        everything = list(csv.DictReader(file))
    chosen = [row for label in LABELS for row in [row for row in everything if row["label"] == label][:PER_LABEL]]
    for row in chosen:
        target = cluster.catalogue / row["image"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(EMOJI / row["image"], target)
    cluster.write_rows(chosen)
    (cluster.folder / "diptych.yaml").write_text(CONFIG)
    done = cluster.diptych("compile", "diptych.yaml", "--output", "emoji.yaml")
    assert done.returncode == 0, done.stderr
    return cluster


@pytest.fixture(scope="module")
def first(cluster: Cluster) -> tuple[dict[str, Any], dict[str, Any]]:
    return cluster.simulate()


def test_every_step_runs_from_the_compiled_file(cluster: Cluster, first: tuple[dict[str, Any], dict[str, Any]]) -> None:
    run, summary = first
    assert run["state"] == "SUCCEEDED"
    assert set(states(run).values()) == {"COMPLETE"}
    assert set(states(run)) == CACHED_STEPS | {"Sources", "DataGate", "Report", "Publish"}
    assert summary["status"] == "succeeded"
    assert summary["rows"] == len(cluster.rows()) == sum(summary["examples"].values())
    assert summary["blessed"] is True
    assert set(summary["seconds"]) == CACHED_STEPS | {"Sources", "DataGate", "Report"}
    assert all(uri.startswith("minio://") for outputs in summary["artifacts"].values() for uri in outputs.values())
    assert "<html" in (cluster.published(run) / "report.html").read_text().lower()


def test_the_outputs_that_kfps_pages_draw_are_there(
    cluster: Cluster, first: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    run, summary = first
    artifacts = run["tasks"]["Report"]["artifacts"]
    assert "<html" in cluster.stored(artifacts["html"]["uri"]).read_text().lower()
    assert artifacts["metrics"]["metadata"]["accuracy"] == pytest.approx(summary["metrics"]["accuracy"])
    assert "confusionMatrix" in artifacts["confusion_matrix"]["metadata"]
    for task in run["tasks"].values():
        assert cluster.stored(task["artifacts"]["executor-logs"]["uri"]).is_file()


def test_the_pushed_model_predicts(cluster: Cluster, first: tuple[dict[str, Any], dict[str, Any]]) -> None:
    _, summary = first
    assert summary["pushed"].startswith("minio://shop/artifacts/emoji/pushed/")
    model = str(cluster.stored(summary["pushed"]))
    image = str(cluster.catalogue / cluster.rows()[0]["image"])
    done = cluster.diptych("predict", model, image, "--text", "a cat", "--json")
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)[0]["labels"]) == sorted(LABELS)


def test_it_comes_to_the_same_as_a_local_run(cluster: Cluster, first: tuple[dict[str, Any], dict[str, Any]]) -> None:
    run, summary = first
    done = cluster.diptych("run", "diptych.yaml", "--output", "local", "--set", f"train.epochs={EPOCHS}")
    assert done.returncode == 0, done.stderr
    local = json.loads((cluster.folder / "local" / "summary.json").read_text())
    there = cluster.stored(summary["artifacts"]["ImageTextExampleGen"]["examples"])
    here = Path(local["artifacts"]["ImageTextExampleGen"]["examples"])
    files = sorted(path.relative_to(here) for path in here.rglob("*.tfrecord"))
    assert files == sorted(path.relative_to(there) for path in there.rglob("*.tfrecord"))
    assert all((here / file).read_bytes() == (there / file).read_bytes() for file in files)
    assert summary["baseline"]["text"] == pytest.approx(local["baseline"]["text"])
    assert summary["metrics"]["accuracy"] == pytest.approx(local["metrics"]["accuracy"], abs=0.05)
    assert run["state"] == "SUCCEEDED"


def test_a_second_run_is_cached(cluster: Cluster, first: tuple[dict[str, Any], dict[str, Any]]) -> None:
    run, summary = cluster.simulate()
    assert {name for name, state in states(run).items() if state == "CACHED"} == CACHED_STEPS
    # The gate and the report run each time, and so the summary is whole.
    assert set(summary["cached"]) == CACHED_STEPS
    for key in ("rows", "examples", "metrics", "baseline", "blessed"):
        assert summary[key] == first[1][key]


def test_a_changed_image_is_noticed_and_compared_with_the_last_model(
    cluster: Cluster, first: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    examples = cluster.stored(first[1]["artifacts"]["ImageTextExampleGen"]["examples"])
    # Of the training split, whose statistics the gate compares.
    trained = b"".join(file.read_bytes() for file in (examples / "Split-train").iterdir())
    image = next(cluster.catalogue / row["image"] for row in cluster.rows() if row["image"].encode() in trained)
    picture = Image.open(image).convert("RGBA")
    picture.putpixel((picture.width // 2, picture.height // 2), (255, 0, 0, 255))
    picture.save(image)
    run, summary = cluster.simulate()
    assert run["state"] == "SUCCEEDED"
    assert states(run)["ImageTextExampleGen"] == "COMPLETE"
    assert any("last blessed model" in reason for reason in summary["blessing_reasons"])
    assert summary["pushed"] != first[1]["pushed"]
    accepted = cluster.stored("minio://shop/artifacts/emoji/pushed/accepted")
    assert [len(list(version.iterdir())) for version in accepted.glob("[0-9]*")] == [2, 2]


def test_a_gate_stop_reaches_the_summary_and_training_never_starts(cluster: Cluster) -> None:
    rows = cluster.rows()
    for row in rows[::3]:
        row["image"] = "absent/" + row["image"]
    cluster.write_rows(rows)
    run, summary = cluster.simulate()
    assert run["state"] == "FAILED"
    found = states(run)
    assert found["DataGate"] == "FAILED"
    assert found["Trainer"] == found["Transform"] == found["Pusher"] == "NOT_RUN"
    assert found["Publish"] == "COMPLETE"
    assert summary["status"] == "failed"
    assert summary["failure"]["component"] == "DataGate"
    assert summary["rejects"] == {"missing_file": len(rows[::3])}
    assert "missing_file" in summary["failure"]["message"]
