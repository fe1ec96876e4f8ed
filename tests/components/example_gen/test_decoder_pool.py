"""Decoding processes keep the order and read ahead within bounds; a row that crashes one costs no other row."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Row, SourceFile
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import RecordOptions
from diptych.components.example_gen import decoder_pool as module
from diptych.components.example_gen.decoder_pool import BatchFunction, DecoderPool
from diptych.components.example_gen.record_index import IndexedRecord, RowResult, index_records, write_records
from tests.helpers import SMALL, as_file, noise

ROWS = 100
FAULTY = "the faulty row"


def rows(count: int = ROWS) -> list[Row]:
    content = as_file(noise(0))
    return [Row(n, f"row {n}", description="A text.", labels=("cat",), content=content) for n in range(1, count + 1)]


def options(**changes: object) -> RecordOptions:
    return RecordOptions(DataOptions(**{"catalogue": "rows.csv", "processes": 2, **changes}), SMALL)


SOURCE = SourceFile("rows.csv", "/nowhere")


def crash(batch: Sequence[Row], source: SourceFile, options: RecordOptions, file: str) -> list[RowResult]:
    if any(row.description == FAULTY for row in batch):
        os.kill(os.getpid(), signal.SIGSEGV)
    return index_records(batch, source, options, file)


def stall(batch: Sequence[Row], source: SourceFile, options: RecordOptions, file: str) -> list[RowResult]:
    if any(row.description == FAULTY for row in batch):
        time.sleep(3600)
    return index_records(batch, source, options, file)


def starve(batch: Sequence[Row], source: SourceFile, options: RecordOptions, file: str) -> list[RowResult]:
    if any(row.description == FAULTY for row in batch):
        bytearray(1 << 40)
    return index_records(batch, source, options, file)


def test_rows_come_back_in_order() -> None:
    with DecoderPool(options(), index_records) as pool:
        results = list(pool.process(rows(), SOURCE, ""))
        again = list(pool.process(iter(rows(3)), SOURCE, ""))
    assert [one.row for one in results] == list(range(1, ROWS + 1))
    assert all(isinstance(one, IndexedRecord) for one in results)
    assert [one.row for one in again] == [1, 2, 3]


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [(crash, "decoder_failed", "crashed"), (stall, "too_slow", "within 1 s"), (starve, "decoder_failed", "memory")],
)
def test_one_bad_image_costs_one_row(fault: BatchFunction, reason: str, detail: str) -> None:
    bad = Row(41, "bad", description=FAULTY, labels=("cat",), content=b"")
    with DecoderPool(options(limits={"seconds": 1}), fault) as pool:
        results = list(pool.process([*rows(40), bad, *rows(9)], SOURCE, ""))
    assert len(results) == 50
    rejects = [one for one in results if isinstance(one, Reject)]
    assert [(one.row, one.reason) for one in rejects] == [(41, reason)]
    assert detail in rejects[0].detail


def test_each_record_lies_in_the_file_that_is_told_of_it(tmp_path: Path) -> None:
    with DecoderPool(options(), write_records) as pool:
        results = list(pool.process([*rows(40), Row(41, "bad"), *rows(9)], SOURCE, str(tmp_path / "work")))
    records = [one for one in results if isinstance(one, IndexedRecord)]
    assert len(records) == 49
    sizes: dict[str, int] = {}
    for one in records:
        sizes[one.file] = sizes.get(one.file, 0) + one.entry[1]
    assert {file: os.path.getsize(file) for file in sizes} == sizes
    assert len(list(tmp_path.iterdir())) == len(sizes) == 2


def crash_and_write(batch: Sequence[Row], source: SourceFile, options: RecordOptions, file: str) -> list[RowResult]:
    if any(row.description == FAULTY for row in batch):
        os.kill(os.getpid(), signal.SIGSEGV)
    return write_records(batch, source, options, file)


def test_images_of_one_row_are_written_apart_when_one_of_them_crashes(tmp_path: Path) -> None:
    images = [
        Row(1, f"image {number}", description="t", labels=("cat",), content=as_file(noise(number)))
        for number in range(3)
    ]
    bad = Row(1, "bad", description=FAULTY, labels=("cat",), content=b"")
    with DecoderPool(options(), crash_and_write) as pool:
        results = list(pool.process([*images, bad], SOURCE, str(tmp_path / "work")))
    assert len({one.file for one in results if isinstance(one, IndexedRecord)}) == 3


def test_rows_are_read_no_further_ahead_than_the_processes_need() -> None:
    taken = 0

    def source() -> Iterator[Row]:
        nonlocal taken
        for row in rows(2_000):
            taken += 1
            yield row

    with DecoderPool(options(), index_records) as pool:
        next(pool.process(source(), SOURCE, ""))
    assert taken <= 2 * module._BATCHES_PER_PROCESS * module._BATCH_ROWS


def test_there_is_a_process_for_each_core_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "count_cores", lambda: 5)
    assert module.count_processes(RecordOptions(DataOptions(catalogue="rows.csv"), SMALL)) == 5
    assert module.count_processes(options()) == 2


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    """A killed ingestion leaves no process behind."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal, sys\n"
        "from tests.components.example_gen.test_decoder_pool import SOURCE, options, rows, worker_ids\n"
        "from diptych.components.example_gen.record_index import index_records\n"
        "from diptych.components.example_gen.decoder_pool import DecoderPool\n"
        "if __name__ == '__main__':\n"
        "    pool = DecoderPool(options(), index_records)\n"
        "    list(pool.process(rows(), SOURCE, str()))\n"
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
    """Process ids of the fork server and its children."""
    server = multiprocessing.forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return [server, *map(int, children)]


def test_what_is_fetched_ahead_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    remote = SourceFile("rows.csv", "https://shop/images")
    monkeypatch.setattr(module, "_PENDING_BYTES", 25_000)
    fetched_one, asked = threading.Semaphore(0), 0

    def read(*_: object) -> bytes:
        fetched_one.release()
        return bytes(10_000)

    monkeypatch.setattr(module, "read_image_file", read)

    def slowly() -> Iterator[Row]:
        nonlocal asked
        for number in range(20):
            asked = number + 1
            yield Row(number, f"row {number}", image="a.png")
            assert fetched_one.acquire(timeout=60)

    with DecoderPool(options(), index_records) as pool:
        fetched = pool._fetch(slowly(), remote)
        next(fetched)
        assert 3 <= asked < 10
        assert [row.number for row in fetched] == list(range(1, 20))
