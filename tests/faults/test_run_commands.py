"""Runs whose disk fills up, and commands about runs with a fault at their operations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.injection import BROKEN_DISK, DISK_FULL, NO_PERMISSION, Ended, Fault, Host, files_in, open_host
from tests.faults.run_project import IMPORTED, ROWS, write_project
from tests.faults.sweep import Command, judge_failure, sweep

pytestmark = pytest.mark.e2e

_RUN = ("run", "tiny.yaml", "--output", "run")
# Operations after which the disk is full: in ingestion, and in a later step.
_FULL_AFTER = (700, 2200)
# So many operations come before TFX is loaded: the run's folder, its lock and its log.
_FIRST = 4
# AutoGraph leaves a file behind that it could not close.
_OF_AUTOGRAPH = ("temporary/",)
_WRITTEN_BEFORE = ("encoders.json", "report.html", "model.tflite", "all.parquet", "spec.yaml")
_FAULTS = (DISK_FULL, BROKEN_DISK, NO_PERMISSION)


@pytest.fixture(scope="module")
def host(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host for TensorFlow and TFX, with the catalogue and the settings of a run."""
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


# TFLite's converter and Beam take seconds each time.
@pytest.mark.parametrize(
    ("faults", "command"),
    [
        (_FAULTS, Command(["digest", "run"], most=10)),
        (_FAULTS, Command(["export-encoders", "run"], most=10)),
        (_FAULTS, Command(["export", "run", "--to", "parquet", "--output", "exported"], most=4)),
        ([DISK_FULL], Command(["export", "run", "--to", "tfrecord", "--output", "exported"], most=3)),
        (_FAULTS, Command(["export", "run", "--to", "tfds", "--output", "exported"], most=4)),
        (_FAULTS, Command(["export", "run", "--to", "webdataset", "--output", "exported"], most=4)),
        (_FAULTS, Command(["compile", "tiny.yaml", "--output", "spec.yaml"], most=2)),
        ([DISK_FULL], Command(["report", "run", "--output", "report.html"], ignored=_OF_AUTOGRAPH, most=1)),
        ([DISK_FULL], Command(["export-model", "run", "--to", "tflite", "--output", "model.tflite"], most=1)),
        ([DISK_FULL], Command(["predict", "run", "--catalogue", "catalogue.csv", "--output", "all.parquet"], most=1)),
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
