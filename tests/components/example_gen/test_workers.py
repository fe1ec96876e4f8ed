"""Decoding processes: order kept, work bounded, and no row lost to one that crashes, stalls or starves."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Row
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import Recipe, Source
from diptych.components.example_gen import workers as module
from diptych.components.example_gen.row_tables import Stored, judge_rows, store_rows
from diptych.components.example_gen.workers import Built, Work, Workers
from tests.helpers import SMALL, as_file, noise

ROWS = 100
GRUDGE = "this one"


def rows(count: int = ROWS) -> list[Row]:
    content = as_file(noise(0))
    return [Row(n, f"row {n}", description="A text.", labels=("cat",), content=content) for n in range(1, count + 1)]


def recipe(**changes: object) -> Recipe:
    return Recipe(DataOptions(catalogue="rows.csv", processes=2, **changes), SMALL)


SOURCE = Source("rows.csv", "/nowhere")


def crash(batch: Sequence[Row], source: Source, recipe: Recipe, file: str) -> list[Built]:
    if any(row.description == GRUDGE for row in batch):
        os.kill(os.getpid(), signal.SIGSEGV)
    return judge_rows(batch, source, recipe, file)


def stall(batch: Sequence[Row], source: Source, recipe: Recipe, file: str) -> list[Built]:
    if any(row.description == GRUDGE for row in batch):
        time.sleep(3600)
    return judge_rows(batch, source, recipe, file)


def starve(batch: Sequence[Row], source: Source, recipe: Recipe, file: str) -> list[Built]:
    if any(row.description == GRUDGE for row in batch):
        bytearray(1 << 40)
    return judge_rows(batch, source, recipe, file)


def test_rows_come_back_in_order() -> None:
    with Workers(recipe(), judge_rows) as workers:
        built = list(workers.build(rows(), SOURCE, ""))
        again = list(workers.build(iter(rows(3)), SOURCE, ""))
    assert [one.row for one in built] == list(range(1, ROWS + 1))
    assert all(isinstance(one, Stored) for one in built)
    assert [one.row for one in again] == [1, 2, 3]


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [(crash, "decoder_failed", "crashed"), (stall, "too_slow", "within 1 s"), (starve, "decoder_failed", "memory")],
)
def test_one_bad_image_costs_one_row(fault: Work, reason: str, detail: str) -> None:
    bad = Row(41, "bad", description=GRUDGE, labels=("cat",), content=b"")
    with Workers(recipe(limits={"seconds": 1}), fault) as workers:
        built = list(workers.build([*rows(40), bad, *rows(9)], SOURCE, ""))
    assert len(built) == 50
    refused = [one for one in built if isinstance(one, Reject)]
    assert [(one.row, one.reason) for one in refused] == [(41, reason)]
    assert detail in refused[0].detail


def test_each_record_lies_in_the_file_that_is_told_of_it(tmp_path: Path) -> None:
    with Workers(recipe(), store_rows) as workers:
        told = list(workers.build([*rows(40), Row(41, "bad"), *rows(9)], SOURCE, str(tmp_path / "work")))
    stored = [one for one in told if isinstance(one, Stored)]
    assert len(stored) == 49
    sizes: dict[str, int] = {}
    for one in stored:
        sizes[one.file] = sizes.get(one.file, 0) + one.entry[1]
    assert {file: os.path.getsize(file) for file in sizes} == sizes
    assert len(list(tmp_path.iterdir())) == len(sizes) == 2


def test_rows_are_read_no_further_ahead_than_the_processes_need() -> None:
    taken = 0

    def source() -> Iterator[Row]:
        nonlocal taken
        for row in rows(2_000):
            taken += 1
            yield row

    with Workers(recipe(), judge_rows) as workers:
        next(workers.build(source(), SOURCE, ""))
    assert taken <= 2 * module._AHEAD * module._BATCH


@pytest.mark.parametrize(("limit", "cores"), [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), (None, 8)])
def test_there_is_a_process_for_each_core_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str | None, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(module, "_LIMIT", tmp_path / "cpu.max")
    if limit:
        (tmp_path / "cpu.max").write_text(limit + "\n")
    free = Recipe(DataOptions(catalogue="rows.csv"), SMALL)
    assert module.count_processes(free) == cores
    assert module.count_processes(recipe()) == 2


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    """A killed ingestion leaves nobody behind who still computes."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal, sys\n"
        "from tests.components.example_gen.test_workers import SOURCE, recipe, rows, worker_ids\n"
        "from diptych.components.example_gen.row_tables import judge_rows\n"
        "from diptych.components.example_gen.workers import Workers\n"
        "if __name__ == '__main__':\n"
        "    workers = Workers(recipe(), judge_rows)\n"
        "    list(workers.build(rows(), SOURCE, str()))\n"
        "    print(*worker_ids(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False)
    processes = [int(name) for name in done.stdout.split()]
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(processes) >= 2, done.stderr
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{process}").exists() for process in processes):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.1)


def worker_ids() -> list[int]:
    """Processes whose command line says that they were made by multiprocessing here: the fork server's children."""
    server = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return [server, *map(int, children)]
