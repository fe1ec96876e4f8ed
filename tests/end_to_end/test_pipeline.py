"""The whole pipeline on a few hundred real images, as a person runs it: by the command line.

The first run and the one that is told to end are processes of their own. All other commands run in this process,
because TFX takes long to import.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diptych.models import features
from diptych.models.errors import FAILED, USAGE
from diptych.pipeline.cli.main import main
from diptych.pipeline.demo.digits import write_digits_catalogue
from diptych.pipeline.local.runner import run_ingestion
from diptych.pipeline.runs.digest import digest_dataset
from diptych.pipeline.runs.run_folder import RunFolder
from diptych.pipeline.settings import load_settings
from tests.end_to_end.epochs import wait_for_epoch
from tests.pipeline.cli.stopped_commands import wait_for_end

pytestmark = pytest.mark.e2e

ROWS = 320
CONFIG = """
name: digits
data: {catalogue: data/catalogue.csv, shards: 2, splits: {train: 0.7, val: 0.15, test: 0.15}}
image: {height: 32, width: 32}
model: {image: {backbone: cnn, filters: [16, 32], units: 32}, text: {units: 16}}
train: {epochs: 5, batch_size: 16, patience: 15}
evaluate: {slices: [label], thresholds: {accuracy: 0.5}, gain_over_baseline: {accuracy: -0.2}}
"""
DIPTYCH = [sys.executable, "-m", "diptych"]
RUN = ["run", "diptych.yaml", "--output", "run"]


@dataclass(frozen=True)
class Project:
    """The working folder, with a catalogue and a configuration."""

    folder: Path
    printed: pytest.CaptureFixture[str]

    def diptych(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.printed.readouterr()
        code = main(arguments)
        return subprocess.CompletedProcess(arguments, code, *self.printed.readouterr())

    def run(self, *overrides: str) -> subprocess.CompletedProcess[str]:
        return self.diptych(*RUN, *[f"--set={override}" for override in overrides])

    def start(self, *overrides: str) -> subprocess.Popen[str]:
        """Starts a run in a session of its own; what it says on both streams can be read."""
        return subprocess.Popen(
            [*DIPTYCH, *RUN, *[f"--set={override}" for override in overrides]],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "run" / "summary.json").read_text()))

    @property
    def catalogue(self) -> list[dict[str, str]]:
        return read_rows(self.folder / "data" / "catalogue.csv")

    def split(self, name: str) -> list[bytes]:
        """The serialised records of a split."""
        import tensorflow as tf

        folder = Path(self.summary["artifacts"]["ImageTextExampleGen"]["examples"]) / f"Split-{name}"
        files = sorted(str(path) for path in folder.iterdir())
        return list(tf.data.TFRecordDataset(files).as_numpy_iterator())


def write_project(folder: Path) -> None:
    """Writes ``diptych.yaml`` and a catalogue, four of whose rows cannot be used."""
    path = Path(write_digits_catalogue(str(folder / "data")))
    (folder / "diptych.yaml").write_text(CONFIG)
    broken = folder / "data" / "images" / "broken.png"
    broken.write_bytes((folder / "data" / "images" / "digit-0000.png").read_bytes()[:60])
    good = read_rows(path)
    text = good[0]["description"]
    bad = [
        {"image": "images/broken.png", "description": text, "label": "digit 0"},
        {"image": "images/absent.png", "description": text, "label": "digit 0"},
        {"image": good[ROWS]["image"], "description": " ", "label": good[ROWS]["label"]},
        {"image": good[ROWS + 1]["image"], "description": text, "label": ""},
    ]
    write_rows(path, good[:ROWS] + bad)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image", "description", "label"])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project whose pipeline has run once; ``first.txt`` is what it showed."""
    folder = tmp_path_factory.mktemp("project")
    write_project(folder)
    done = subprocess.run([*DIPTYCH, *RUN], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    (folder / "first.txt").write_text(done.stdout)
    return folder


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Project:
    monkeypatch.chdir(folder)
    return Project(folder, capfd)


def test_every_row_is_accounted_for(project: Project) -> None:
    summary = project.summary
    assert summary["rows"] == ROWS + 4 == sum(summary["examples"].values()) + sum(summary["rejects"].values())
    assert summary["rejects"] == {
        "missing_description": 1,
        "missing_file": 1,
        "missing_label": 1,
        "truncated": 1,
    }
    rejects = Path(summary["artifacts"]["ImageTextExampleGen"]["rejects"]) / "rejects.jsonl"
    rows = [json.loads(line)["row"] for line in rejects.read_text().splitlines()]
    assert rows == [ROWS + 1, ROWS + 2, ROWS + 3, ROWS + 4]


def test_the_summary_holds_what_programs_need(project: Project) -> None:
    summary = project.summary
    assert summary["status"] == "succeeded"
    assert set(summary["metrics"]) >= {"accuracy", "macro_f1"}
    assert set(summary["baseline"]) == {"text", "image", "both"}
    assert len(summary["comparisons"]) == 3
    low, high = summary["intervals"]["accuracy"]
    assert low <= summary["metrics"]["accuracy"] <= high
    assert summary["blessed"] is True
    assert summary["blessing_reasons"]
    assert summary["versions"]["tfx"]
    assert set(summary["seconds"]) == set(summary["artifacts"])
    assert all(Path(path).exists() for outputs in summary["artifacts"].values() for path in outputs.values())
    assert (Path(summary["pushed"]) / "saved_model.pb").exists()


def test_a_person_sees_progress_and_a_summary_and_no_noise(project: Project) -> None:
    shown = (project.folder / "first.txt").read_text()
    assert "ImageTextExampleGen  done in" in shown
    assert re.search(r"Trainer +done in [0-9.]+ s, epoch \d/5, val loss [0-9.]+, accuracy", shown)
    assert f"{ROWS + 4} = {ROWS} examples + 4 rejects" in shown
    assert "Baselines" in shown
    assert shown.splitlines()[-2].startswith("Next          diptych report ")
    assert not any(noise in shown for noise in ("WARNING", "INFO", "absl", "Traceback"))
    assert len(shown.splitlines()) < 60
    assert "Component Pusher is finished" in (project.folder / "run" / "pipeline.log").read_text()


def test_the_schema_and_the_statistics_know_no_pixels(project: Project) -> None:
    artifacts = project.summary["artifacts"]
    schema = (Path(artifacts["SchemaGen"]["schema"]) / "schema.pbtxt").read_text()
    assert 'name: "description"' in schema
    assert 'name: "image"\n' not in schema


def test_the_report_shows_every_reject(project: Project) -> None:
    page = (Path(project.summary["artifacts"]["Report"]["report"]) / "report.html").read_text()
    for reason in project.summary["rejects"]:
        assert reason in page
    assert "images/absent.png" in page


def test_splits_share_no_pixels(project: Project) -> None:
    import tensorflow as tf

    spec = features.parsing_spec([features.SHA256])
    splits = [set(tf.io.parse_example(project.split(name), spec)[features.SHA256].numpy()) for name in features.SPLITS]
    assert all(splits)
    assert len(set.union(*splits)) == sum(map(len, splits))


def test_predict_agrees_with_the_evaluator(project: Project) -> None:
    """From image files and texts come the scores that the Evaluator's signature gives for the stored records."""
    import tensorflow as tf

    summary = project.summary
    records = project.split(features.TEST)
    spec = features.parsing_spec([features.ID, features.DESCRIPTION, features.LABEL])
    parsed = {name: values.numpy() for name, values in tf.io.parse_example(records, spec).items()}
    model = tf.saved_model.load(summary["pushed"])
    evaluated = np.sort(model.signatures["serving_default"](examples=tf.constant(records))["scores"].numpy())[:, ::-1]

    images = [str(project.folder / "data" / image.decode()) for image in parsed[features.ID]]
    texts = [argument for text in parsed[features.DESCRIPTION] for argument in ("--text", text.decode())]
    done = project.diptych("predict", "run", *images, *texts, "--json")
    assert done.returncode == 0, done.stderr
    predictions = json.loads(done.stdout)
    assert np.allclose([answer["scores"] for answer in predictions], evaluated, atol=1e-4)
    right = [a["labels"][0] == label.decode() for a, label in zip(predictions, parsed[features.LABEL], strict=True)]
    assert np.mean(right) == pytest.approx(summary["metrics"]["accuracy"])


def test_classify_takes_image_files_as_they_are(project: Project) -> None:
    import tensorflow as tf

    row = project.catalogue[0]
    model = tf.saved_model.load(project.summary["pushed"])
    image = (project.folder / "data" / row["image"]).read_bytes()
    answer = model.signatures["classify"](image=tf.constant([image]), description=tf.constant([row["description"]]))
    scores = answer["scores"].numpy()[0]
    assert scores.sum() == pytest.approx(1.0, abs=1e-5)
    assert list(scores) == sorted(scores, reverse=True)
    assert {label.decode() for label in answer["labels"].numpy()[0]} == {f"digit {digit}" for digit in range(10)}


def test_predict_names_an_image_it_cannot_use(project: Project) -> None:
    done = project.diptych(
        "predict", "run", "data/images/broken.png", "data/images/digit-0001.png", "--text", "a digit"
    )
    assert done.returncode == FAILED
    assert done.stdout.startswith("data/images/broken.png: not classified: truncated: ")
    assert "data/images/digit-0001.png: digit " in done.stdout
    assert done.stderr == "diptych: 1 image of 2 could not be classified\n"


def test_the_name_of_a_run_is_no_pattern(project: Project) -> None:
    """A run whose name matches two others reads none of their files, changes none, and gives what they gave."""
    name = "r?[n]*"
    shutil.copytree(project.folder / "run", project.folder / "rxn")
    others = [project.folder / other for other in ("run", "rxn")]
    before = files_below(*others)
    done = project.diptych("run", "diptych.yaml", "--output", name)
    assert done.returncode == 0, done.stderr
    own = json.loads((project.folder / name / "summary.json").read_text())
    for key in ("rows", "examples", "rejects", "baseline", "blessed", "blessing_reasons"):
        assert own[key] == project.summary[key], key
    assert own["metrics"] == pytest.approx(project.summary["metrics"])
    assert own["folder"] == str(project.folder / name)
    # The line can be pasted into a shell.
    assert f"diptych report '{name}' --serve\n" in done.stdout
    for command, *rest in (["digest"], ["predict", "data/images/digit-0001.png", "--text", "a one"]):
        one, other = (project.diptych(command, run, *rest) for run in (name, "run"))
        assert (one.returncode, other.returncode) == (0, 0)
        assert one.stdout == other.stdout != ""
    for command, *rest in (["report"], ["export", "--to", "webdataset"], ["export-model", "--to", "tflite"]):
        assert main([command, name, *rest, "--output", f"[{command}]*"]) == 0
    pages = (project.folder / "[report]*", Path(project.summary["artifacts"]["Report"]["report"]) / "report.html")
    assert len({page.read_text().count("<svg") for page in pages}) == 1
    assert files_below(*others) == before


def files_below(*folders: Path) -> dict[Path, str]:
    """The digest of each file."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.promise("Damaged files of a run are named, and the steps that wrote them run again, with what reads them")
def test_damaged_results_are_made_again_and_no_others(
    project: Project, record_property: Callable[[str, object], None]
) -> None:
    before, digest = project.summary, project.diptych("digest", "run").stdout
    artifacts = {name: Path(uri) for outputs in before["artifacts"].values() for name, uri in outputs.items()}
    vocabulary = next((artifacts["transform_graph"] / "transform_fn" / "assets").iterdir())
    vocabulary.write_bytes(b"")
    parquet = Path(before["artifacts"]["LinearBaseline"]["metrics"]) / "predictions.parquet"
    content = bytearray(parquet.read_bytes())
    content[len(content) // 2] ^= 1
    parquet.write_bytes(content)
    page = artifacts["report"] / "report.html"
    page.unlink()
    done = project.diptych("verify", "run")
    assert done.returncode == FAILED
    named = {line.split("'")[1] for line in done.stdout.splitlines()[:-1]}
    assert named == {str(path) for path in (vocabulary, parquet, page)}

    done = project.run()
    assert done.returncode == 0, done.stderr
    after = project.summary
    again = {"Transform", "LinearBaseline", "Trainer", "Evaluator", "Pusher", "Report"}
    assert set(after["cached"]) == set(before["artifacts"]) - again
    assert sorted(sentence.partition(":")[0] for sentence in after["damaged"]) == ["LinearBaseline", "Transform"]
    assert f"'{vocabulary}' is empty" in done.stdout
    assert after["baseline"] == before["baseline"]
    assert after["metrics"] == pytest.approx(before["metrics"], abs=0.1)
    assert project.diptych("digest", "run").stdout == digest
    assert project.diptych("verify", "run").returncode == 0
    record_property("figure", f"{len(named)} files damaged: {len(again)} of {len(before['artifacts'])} steps ran again")


def test_ingestion_is_repeated_where_a_pixel_changes_or_a_file_is_damaged(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each damage is told in one line; what is left is neither changed nor deleted, and the digest stays the same."""
    settings = load_settings(
        str(project.folder / "diptych.yaml"), [f"data.catalogue={project.folder}/data/catalogue.csv"]
    )
    run = RunFolder(str(project.folder / "ingested"))
    first = run_ingestion(settings, run.path)
    digest = digest_dataset(first["ImageTextExampleGen"]["examples"])
    capfd.readouterr()

    def repeated() -> tuple[set[str], str]:
        """Ingests again: which components put out something else than the first time, and what is shown."""
        found = run_ingestion(settings, run.path)
        assert digest_dataset(found["ImageTextExampleGen"]["examples"]) == digest
        return {component for component, uris in found.items() if uris != first[component]}, capfd.readouterr().out

    assert repeated()[0] == set()
    path = project.folder / "data" / project.catalogue[0]["image"]
    image = path.read_bytes()
    pixels = np.asarray(Image.open(path)).copy()
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(path)
    changed = run_ingestion(settings, run.path)
    assert digest_dataset(changed["ImageTextExampleGen"]["examples"]) != digest
    path.write_bytes(image)
    statistics = Path(first["StatisticsGen"]["statistics"]) / "Split-train" / "FeatureStats.pb"
    whole = statistics.read_bytes()
    statistics.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    components, shown = repeated()
    assert components == {"StatisticsGen"}
    assert shown.count(f"'{statistics}' does not hold what its step wrote; that result is not reused") == 1
    shard = next(Path(first["ImageTextExampleGen"]["examples"]).rglob("Split-train/*"))
    shard.write_bytes(shard.read_bytes()[:-1])
    components, shown = repeated()
    assert components == {"ImageTextExampleGen", "StatisticsGen"}
    assert shown.count(f"'{shard}' has ") == 1
    left = files_below(Path(run.artifacts_folder))
    for damage in (Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:20000])):
        damage(Path(run.metadata_file))
        components, shown = repeated()
        assert components == {"ImageTextExampleGen", "StatisticsGen"}
        assert shown.count("every step runs again, and the artifacts of earlier runs stay") == 1
        assert left.items() <= files_below(Path(run.artifacts_folder)).items()


def test_a_second_run_is_cached(project: Project) -> None:
    before = project.summary
    assert project.run().returncode == 0
    again = project.summary
    assert Counter(again["cached"]) == Counter(list(before["artifacts"]))
    assert again["artifacts"] == before["artifacts"]
    assert again["metrics"] == before["metrics"]


@pytest.mark.promise(
    "A run that gets SIGTERM while it trains ends with no process left, and goes on from there when it is run again"
)
def test_a_run_that_is_told_to_end_is_resumed(project: Project, record_property: Callable[[str, object], None]) -> None:
    before = project.summary
    digest = digest_dataset(before["artifacts"]["ImageTextExampleGen"]["examples"])
    overrides = ["train.seed=7", "train.epochs=30"]
    with project.start(*overrides) as process:
        assert process.stdout
        wait_for_epoch(process, project.folder / "run", 2)
        process.send_signal(signal.SIGTERM)
        shown = process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM, shown
    assert shown.count("diptych: stopped by SIGTERM; run it again") == 1
    assert "Traceback" not in shown
    assert wait_for_end(process.pid) == []
    stopped = project.summary
    assert (stopped["status"], stopped["failure"]["component"]) == ("interrupted", "Trainer")

    done = project.run(*overrides)
    assert done.returncode == 0, done.stderr
    assert "training goes on after epoch " in done.stdout
    after = project.summary
    again = {"Trainer", "Evaluator", "Pusher", "Report"}
    assert set(after["cached"]) == set(before["artifacts"]) - again
    assert digest_dataset(after["artifacts"]["ImageTextExampleGen"]["examples"]) == digest
    assert project.diptych("verify", "run").returncode == 0
    record_property(
        "figure", f"{len(after['cached'])} of {len(after['artifacts'])} steps and the epochs before were kept"
    )


@pytest.mark.promise("A run whose metadata are lost makes everything anew, and changes nothing that is left of before")
def test_a_run_goes_on_without_its_metadata_and_blesses_no_bad_model(project: Project) -> None:
    run = project.folder / "run"
    (run / "metadata.sqlite").write_bytes((run / "metadata.sqlite").read_bytes()[:30000])
    left = files_below(run / "artifacts", run / "pushed")
    done = project.run("train.epochs=1", "evaluate.thresholds={calibration_error: 0.0}")
    assert done.returncode == 0, done.stderr
    changed = project.summary
    assert changed["cached"] == []
    assert [f"'{run}/metadata.sqlite' is damaged" in sentence for sentence in changed["damaged"]] == [True]
    assert left.items() <= files_below(run / "artifacts", run / "pushed").items()
    assert changed["blessed"] is False
    assert any(
        "exceeds 0.0000 (evaluate.thresholds.calibration_error)" in reason for reason in changed["blessing_reasons"]
    )
    assert changed["comparisons"]["last blessed model"]["differences"].keys() == changed["intervals"].keys()
    assert changed["pushed"] is None


def test_too_many_broken_images_stop_the_run_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path, capfd)
    rows = project.catalogue[:100]
    for row in rows[:30]:
        (tmp_path / "data" / row["image"]).write_bytes(b"not an image")
    write_rows(tmp_path / "data" / "catalogue.csv", rows)
    done = project.run()
    assert done.returncode == 3
    assert "the run failed in DataGate" in done.stderr
    assert "30 of 100 rows (30.0%) were rejected: 30 not_an_image" in done.stderr
    assert "row 1 (not_an_image" in done.stderr
    assert "gate.rejects.max" in done.stderr
    assert "pipeline.log" in done.stderr
    assert "Traceback" not in done.stderr
    summary = project.summary
    assert summary["status"] == "failed"
    assert summary["failure"]["component"] == "DataGate"
    assert "Trainer" not in summary["artifacts"]
    report = tmp_path / "run" / "report.html"
    assert f"The report: {report}" in done.stderr
    assert "30 of 100 rows (30.0%) were rejected" in report.read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "run", "--output", "file/page.html"],
        ["report", "run", "--output", "folder"],
        ["report", "run", "--compare", "run", "--output", "nowhere/page.html"],
        ["export", "run", "--to", "parquet", "--output", "file/dataset"],
        ["export", "run", "--to", "tfds", "--output", "file"],
        ["export-encoders", "run", "--output", "nowhere/encoders.json"],
        ["export-model", "run", "--to", "tflite", "--output", "file/model.tflite"],
        ["predict", "run", "--catalogue", "data/catalogue.csv", "--output", "file/answers.jsonl"],
    ],
)
def test_a_place_that_cannot_be_written_is_named_in_a_sentence(project: Project, arguments: list[str]) -> None:
    (project.folder / "file").write_text("a file")
    (project.folder / "folder").mkdir(exist_ok=True)
    done = project.diptych(*arguments)
    assert done.returncode in (FAILED, USAGE)
    message = done.stderr
    assert message.startswith("diptych: ")
    assert arguments[-1].partition("/")[0] in message
    assert "Traceback" not in message
