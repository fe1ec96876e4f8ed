"""Runs whose disk fills up, and commands about runs with a fault at their operations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.models.errors import FAILED
from tests.faults.injection import (
    BROKEN_DISK,
    DISK_FULL,
    DISK_FULL_ONCE,
    NO_PERMISSION,
    Ended,
    Fault,
    Host,
    files_in,
    open_host,
)
from tests.faults.run_project import IMPORTED, ROWS, write_project
from tests.faults.sweep import Command, judge_failure, sweep
from tests.kubeflow.client.api_server import ApiServer

pytestmark = pytest.mark.e2e

_RUN = ("run", "tiny.yaml", "--output", "run")
# Operations after which the disk is full: in ingestion.
_FULL_AFTER = (700,)
# So many operations come before TFX is loaded: the run's folder, its lock and its log.
_FIRST = 4
# What was ingested is looked up anew, which the metadata and the log of the run tell.
_OF_RUN = ("work/run/", "temporary/")
_WRITTEN_BEFORE = ("encoders.json", "report.html", "model.tflite", "all.parquet", "spec.yaml", "tiny.vertex.json")
_CATALOGUE = "catalogue=gs://bucket/catalogue.csv"
_VERTEX = ("--target", "vertex", "--pipeline-root", "gs://bucket/root")
_FAULTS = (DISK_FULL, BROKEN_DISK, NO_PERMISSION)
# All after it fails, reading too. Else a run that fails draws a report of what it can read, which takes long.
_LOST_DISK = replace(BROKEN_DISK, lasts=True)
# Results of a run that are deleted, so that their step runs again; a fault; and the operation that it happens to: its
# number, counted from the first one on a path.
_LAST_STEPS = [
    ("pushed/[0-9]*", _LOST_DISK, 3, "artifacts/Pusher/pushed_model"),
    ("pushed/[0-9]*", DISK_FULL_ONCE, 12, "pushed/."),
    # It cannot be renamed; it is, but cannot be noted.
    ("pushed/[0-9]*", _LOST_DISK, 1, "pushed/1"),
    ("pushed/[0-9]*", _LOST_DISK, 5, "pushed/1"),
    ("artifacts/Evaluator", _LOST_DISK, 12, "artifacts/Evaluator/evaluation"),
    ("artifacts/Report", _LOST_DISK, 2, "artifacts/Report/report"),
]


@pytest.fixture(scope="module")
def host(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host for TensorFlow and TFX, with the catalogue and the settings of a run."""
    with ApiServer() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KF_PIPELINES_ENDPOINT", server.url)
        with open_host(shim, tmp_path_factory.mktemp("host"), IMPORTED) as host:
            write_project(host.work)
            yield host


@pytest.fixture(scope="module")
def failed(host: Host) -> list[Ended]:
    """How runs in one folder ended, on a disk that filled up; then one that had space succeeded."""
    faults = [(NO_PERMISSION, number) for number in range(1, _FIRST)] + [(DISK_FULL, number) for number in _FULL_AFTER]
    return [host.run(_RUN, fault, number) for fault, number in faults]


@pytest.fixture(scope="module")
def run(host: Host, failed: list[Ended]) -> Host:
    """The host, with a run that succeeded in the folder in which others had failed, and files of earlier commands."""
    done = host.run(_RUN)
    assert done.code == 0, done
    done = host.run(["schema", "tiny.yaml", "--run", "run", "--output", "curated.pbtxt"])
    assert done.code == 0, done
    for name in _WRITTEN_BEFORE:
        (host.work / name).write_text("of an earlier command")
    return host


@pytest.mark.promise("A run whose disk is full says so in a sentence, and goes on from there when there is space")
def test_a_full_disk_ends_a_run_by_a_sentence_and_loses_no_row(
    failed: list[Ended], run: Host, record_property: Callable[[str, object], None]
) -> None:
    wrong = [f"{ended.fault}: {problem}\n  {ended.error}" for ended in failed for problem in judge_failure(ended)]
    summary = json.loads((run.work / "run" / "summary.json").read_text())
    lost = ROWS - sum(summary["examples"].values()) - sum(summary["rejects"].values())
    tracebacks = sum("Traceback" in ended.error for ended in failed)
    record_property("figure", f"run: {len(failed)} faults injected, {tracebacks} tracebacks, {lost} rows lost")
    assert not wrong, "\n".join(wrong)
    assert lost == 0
    assert [name for name in files_in(run.root) if ".part" in name or name.startswith("temporary/d")] == []
    assert run.run(["verify", "run"]).code == 0


def names_damage(ended: Ended) -> bool:
    """Damaged files are what ``verify`` looks for; without its manifest, an artifact or its copy cannot be checked."""
    path = ended.fault.partition(" ")[2]
    told = "cannot be checked: it has no whole manifest" if path.endswith(".manifest.json") else f"'{path}'"
    return ended.code == FAILED and told in ended.out


@pytest.mark.parametrize(
    ("faults", "command"),
    [
        (_FAULTS, Command(["digest", "run"], most=8)),
        ([BROKEN_DISK], Command(["verify", "run"], is_told=names_damage, most=30)),
        (_FAULTS, Command(["schema", "tiny.yaml", "--run", "run"], ignored=_OF_RUN, most=4)),
        (_FAULTS, Command(["schema", "curated.yaml", "--run", "run", "--update"], ignored=_OF_RUN, most=4)),
        (_FAULTS, Command(["export-encoders", "run"], most=10)),
        (_FAULTS, Command(["export", "run", "--to", "parquet", "--output", "exported"], most=3)),
        ([DISK_FULL], Command(["export", "run", "--to", "tfrecord", "--output", "exported"], most=1)),
        (_FAULTS, Command(["export", "run", "--to", "tfds", "--output", "exported"], most=3)),
        (_FAULTS, Command(["export", "run", "--to", "webdataset", "--output", "exported"], most=3)),
        (_FAULTS, Command(["compile", "tiny.yaml", "--output", "spec.yaml"], most=3)),
        (_FAULTS, Command(["submit", "tiny.yaml", "--param", _CATALOGUE], most=3)),
        (_FAULTS, Command(["submit", "tiny.yaml", *_VERTEX, "--param", _CATALOGUE], most=3)),
    ],
    ids=lambda value: " ".join(value.arguments) if isinstance(value, Command) else "",
)
@pytest.mark.promise("Whichever operation of a command fails, it says so in a sentence and leaves no half of a file")
def test_a_fault_is_a_sentence_and_leaves_no_half(
    run: Host, faults: Sequence[Fault], command: Command, record_property: Callable[[str, object], None]
) -> None:
    swept = sweep(run, command, faults)
    record_property("figure", swept.figure(command))
    assert not swept.wrong, "\n".join(swept.wrong)
    assert swept.faults


# TFLite's converter, Beam, and to load a model take seconds each time: one fault each, and no run without any.
@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("work/.report.html", ["report", "run", "--output", "report.html"]),
        ("work/.model.tflite", ["export-model", "run", "--to", "tflite", "--output", "model.tflite"]),
        ("work/.all.parquet", ["predict", "run", "--catalogue", "catalogue.csv", "--output", "all.parquet"]),
        ("work/run/pushed", ["predict", "run", "0.png", "--text", "a"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.promise("If a slow command cannot read or write a file, it says so in a sentence and changes none")
def test_a_fault_of_a_slow_command_is_a_sentence_and_changes_no_file(
    run: Host, place: str, arguments: Sequence[str], record_property: Callable[[str, object], None]
) -> None:
    before = files_in(run.root)
    ended = run.run(arguments, BROKEN_DISK, 1, below=place, start=place)
    record_property("figure", f"{arguments[0]}: a fault at one operation")
    assert list(judge_failure(ended)) == [], ended
    changed = {name for name, content in files_in(run.root).items() if content != before.get(name)}
    assert {name for name in changed if not name.startswith("temporary/")} == set()


@pytest.mark.promise(
    "If the last steps of a run fail, it says so in a sentence; a push is whole or not at all, and the next run goes on"
)
def test_a_fault_of_the_last_steps_is_a_sentence_and_leaves_no_part_of_a_model(
    run: Host, record_property: Callable[[str, object], None]
) -> None:
    """Each run goes on from what the one before has left."""
    folder, wrong = run.work / "run", []
    (model,) = folder.glob("artifacts/Trainer/model/*/Format-Serving")
    for deleted, fault, number, start in _LAST_STEPS:
        for path in folder.glob(deleted):
            shutil.rmtree(path)
        ended = run.run(_RUN, fault, number, below="work/run/", start=f"work/run/{start}")
        problems = [*judge_failure(ended), *(["no fault"] if not ended.fault else [])]
        for version in (folder / "pushed").glob("[0-9]*"):
            problems += [f"{version} is no whole model"] if files_in(version) != files_in(model) else []
        wrong += [f"{fault} at {number} of {start}, {ended.fault}: {problem}\n  {ended.error}" for problem in problems]
    record_property(
        "figure", f"run: {len(_LAST_STEPS)} faults injected in Evaluator, Pusher and Report, {len(wrong)} wrong"
    )
    assert not wrong, "\n".join(wrong)
    assert run.run(_RUN).code == 0
    assert len(list((folder / "pushed").glob("[0-9]*"))) == 1
    assert run.run(["verify", "run"]).code == 0
