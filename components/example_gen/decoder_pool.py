"""Processes that decode images and make records of rows. No image can crash, stall or starve the others.

The processes import neither TensorFlow nor Beam, so they start within a moment.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import forkserver
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from pathlib import Path
from types import TracebackType

from pebble import ProcessExpired, ProcessPool

from diptych.components.catalogue.readers.row_files import read_row_file
from diptych.components.catalogue.readers.rows import Row, SourceFile
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.records import RecordOptions, make_reject
from diptych.components.catalogue.storage import is_remote
from diptych.components.example_gen.record_index import RowResult

# Enough rows to make the cost of handing them over small, few enough that no process waits long at a chunk's end.
_BATCH_ROWS = 32
# Batches for each process that are in work or wait for it; they bound the memory of all rows that were read.
_BATCHES_PER_PROCESS = 3
# Memory of a process beside the image: the libraries, and what Pillow and OpenCV keep allocated.
_BASE_BYTES = 2 << 30
# The most that decoding needs for one pixel: a progressive JPEG's coefficients, RGBA and its 16-bit blend.
_BYTES_PER_PIXEL = 32

# Linux, cgroup v2: "quota period" in microseconds, or "max period".
_CPU_LIMIT_FILE = Path("/sys/fs/cgroup/cpu.max")


def start_fork_server() -> None:
    """Starts the process that decoding processes are forked from, so that it imports its libraries in the meantime."""
    _context()
    forkserver.ensure_running()


def _context() -> BaseContext:
    # Not forked from this process: a fork would stop Beam's and TensorFlow's threads at an arbitrary place.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["diptych.components.example_gen.record_index"])
    return context


@dataclass(frozen=True)
class _Batch:
    """Rows that one process works on together; ``file`` is the URI of the file that it may write, without ending."""

    rows: list[Row]
    source: SourceFile
    file: str


def count_processes(options: RecordOptions) -> int:
    """The number of decoding processes: ``data.processes``, else one for each core that this process may use."""
    return options.data.processes or min(len(os.sched_getaffinity(0)), _cores_granted())


def _cores_granted() -> int:
    """The container's CPU limit in cores, rounded up; without a limit, a very large number."""
    try:
        quota, period = _CPU_LIMIT_FILE.read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return sys.maxsize


#: What a process does with some rows of a source, and the URI of a file that it may write.
BatchFunction = Callable[[Sequence[Row], SourceFile, RecordOptions, str], list[RowResult]]


class DecoderPool:
    """A pool of decoding processes; use it in a ``with`` block, or ``close`` it."""

    def __init__(self, options: RecordOptions, process_batch: BatchFunction) -> None:
        """Creates the pool; processes start when there is something to do.

        Args:
            process_batch: ``write_records`` or ``index_records`` of ``record_index``.
        """
        self._options, self._process_batch = options, process_batch
        self._processes = count_processes(options)
        self._pool = ProcessPool(
            max_workers=self._processes,
            initializer=_prepare_process,
            initargs=(_BASE_BYTES + _BYTES_PER_PIXEL * options.data.limits.pixels,),
            context=_context(),
        )

    def __enter__(self) -> DecoderPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes, whatever they are doing."""
        self._pool.stop()
        self._pool.join()

    def process(self, rows: Iterable[Row], source: SourceFile, file: str) -> Iterator[RowResult]:
        """Yields what each row becomes, in the order of the rows.

        Rows are read ahead only as far as is needed to keep the processes busy.

        Args:
            file: how the URIs of the files begin that the processes write; each result names the file of its record.
        """
        pending: deque[tuple[_Batch, Future[list[RowResult]]]] = deque()
        for number, some in enumerate(_batches(self._fetch(rows, source))):
            batch = _Batch(some, source, f"{file}-{number:05d}")
            pending.append((batch, self._schedule(batch)))
            if len(pending) >= self._processes * _BATCHES_PER_PROCESS:
                yield from self._collect(*pending.popleft())
        while pending:
            yield from self._collect(*pending.popleft())

    def _schedule(self, batch: _Batch) -> Future[list[RowResult]]:
        arguments = (batch.rows, batch.source, self._options, f"{batch.file}.tfrecord")
        seconds = self._options.data.limits.seconds
        future: Future[list[RowResult]] = self._pool.schedule(self._process_batch, args=arguments, timeout=seconds)
        return future

    def _collect(self, batch: _Batch, future: Future[list[RowResult]]) -> list[RowResult]:
        try:
            return future.result()
        except (FutureTimeoutError, ProcessExpired, MemoryError):
            # One row may be to blame, or all of them together took too long: each is processed again by itself.
            return [self._process_alone(row, batch) for row in batch.rows]

    def _process_alone(self, row: Row, batch: _Batch) -> RowResult:
        try:
            return self._schedule(_Batch([row], batch.source, f"{batch.file}-{row.number}")).result()[0]
        except FutureTimeoutError:
            seconds = self._options.data.limits.seconds
            return make_reject(row, batch.source, "too_slow", f"not decoded within {seconds:g} s")
        except ProcessExpired as error:
            detail = f"the decoder crashed (exit code {error.exitcode})"
            return make_reject(row, batch.source, "decoder_failed", detail)
        except MemoryError:
            return make_reject(row, batch.source, "decoder_failed", "the decoder ran out of memory")

    def _fetch(self, rows: Iterable[Row], source: SourceFile) -> Iterator[Row]:
        """Yields the rows with the content of remote images, which threads fetch: waiting needs no process."""
        if not is_remote(source.images_root):
            yield from rows
            return
        data = self._options.data

        def fetch(row: Row) -> Row:
            if row.problem or row.content is not None or not row.image.strip():
                return row
            try:
                return replace(row, content=read_row_file(source.images_root, row.image, data))
            except RowError as error:
                return replace(row, problem=error.problem)

        pending: deque[Future[Row]] = deque()
        with ThreadPoolExecutor(data.fetch.concurrency) as threads:
            for row in rows:
                pending.append(threads.submit(fetch, row))
                if len(pending) >= 2 * data.fetch.concurrency:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH_ROWS)):
        yield batch


def _prepare_process(max_bytes: int) -> None:
    """Prepares a decoding process: it uses one thread and bounded memory, and ends when its parent ends."""
    import cv2

    cv2.setNumThreads(1)
    # The parent handles an interrupt, and ends its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    # A core dump of a crashed decoder would fill the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
