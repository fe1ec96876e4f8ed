"""Processes that turn rows to stored records: side by side, and such that no image can crash, stall or starve the rest.

They import neither TensorFlow nor Beam and so start in a moment.
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

from diptych.components.catalogue.readers.rows import Row
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import Recipe, RejectError, Source, read_image, reject
from diptych.components.catalogue.storage import is_remote
from diptych.components.example_gen.row_tables import Stored

# Enough rows to hide what handing them over costs, few enough that no process waits for long at a chunk's end.
_BATCH = 32
# Batches in work or ready for each process; they bound what lies in memory.
_AHEAD = 3
# Beside the image itself: the libraries, and what Pillow and OpenCV keep of their work.
_BASE_BYTES = 2 << 30
# The most that decoding holds of one pixel: a progressive JPEG's coefficients, RGBA and its 16-bit blend.
_BYTES_PER_PIXEL = 32

_LIMIT = Path("/sys/fs/cgroup/cpu.max")

Built = Stored | Reject


def warm_up() -> None:
    """Starts what decoding processes are forked from: importing their libraries then goes on beside other work."""
    _context()
    forkserver.ensure_running()


def _context() -> BaseContext:
    # Not forked: Beam's and TensorFlow's threads would be cut off in the middle of what they do.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["diptych.components.example_gen.row_tables"])
    return context


@dataclass(frozen=True)
class Batch:
    """Rows that one process works on together, and how the URI of the file begins that it writes."""

    rows: list[Row]
    source: Source
    file: str


def count_processes(recipe: Recipe) -> int:
    """How many processes decode: what the options say, else one for each core that this process may use."""
    return recipe.data.processes or min(len(os.sched_getaffinity(0)), _cores_granted())


def _cores_granted() -> int:
    """What the container's limit comes to, rounded up (Linux, cgroup v2: "quota period" in microseconds, or "max")."""
    try:
        quota, period = _LIMIT.read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return sys.maxsize


Work = Callable[[Sequence[Row], Source, Recipe, str], list[Built]]


class Workers:
    """A pool of decoding processes; use it in a ``with`` block, or ``close`` it."""

    def __init__(self, recipe: Recipe, work: Work) -> None:
        """Starts no process before there is something to do.

        Args:
            work: what a process does with some rows: ``store_rows`` or ``judge_rows``.
        """
        self._recipe, self._work = recipe, work
        self._processes = count_processes(recipe)
        self._pool = ProcessPool(
            max_workers=self._processes,
            initializer=_prepare,
            initargs=(_BASE_BYTES + _BYTES_PER_PIXEL * recipe.data.limits.pixels,),
            context=_context(),
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes, whatever they do."""
        self._pool.stop()
        self._pool.join()

    def build(self, rows: Iterable[Row], source: Source, file: str) -> Iterator[Built]:
        """What becomes of the rows, in their order; no more are read ahead than keep the processes busy.

        Args:
            file: how the URIs of the files begin that the work writes; for each row is told which one it is in.
        """
        pending: deque[tuple[Batch, Future[list[Built]]]] = deque()
        for number, some in enumerate(_batches(self._fetch(rows, source))):
            batch = Batch(some, source, f"{file}-{number:05d}")
            pending.append((batch, self._schedule(batch)))
            if len(pending) >= self._processes * _AHEAD:
                yield from self._collect(*pending.popleft())
        while pending:
            yield from self._collect(*pending.popleft())

    def _schedule(self, batch: Batch) -> Future[list[Built]]:
        arguments = (batch.rows, batch.source, self._recipe, f"{batch.file}.tfrecord")
        seconds = self._recipe.data.limits.seconds
        future: Future[list[Built]] = self._pool.schedule(self._work, args=arguments, timeout=seconds)
        return future

    def _collect(self, batch: Batch, future: Future[list[Built]]) -> list[Built]:
        try:
            return future.result()
        except (FutureTimeoutError, ProcessExpired, MemoryError):
            # One row may be to blame, or all of them together took too long: each is given its own time.
            return [self._build_alone(row, batch) for row in batch.rows]

    def _build_alone(self, row: Row, batch: Batch) -> Built:
        try:
            return self._schedule(Batch([row], batch.source, f"{batch.file}-{row.number}")).result()[0]
        except FutureTimeoutError:
            seconds = self._recipe.data.limits.seconds
            return reject(row, batch.source, "too_slow", f"not decoded within {seconds:g} s")
        except ProcessExpired as error:
            return reject(row, batch.source, "decoder_failed", f"the decoder crashed (exit code {error.exitcode})")
        except MemoryError:
            return reject(row, batch.source, "decoder_failed", "the decoder ran out of memory")

    def _fetch(self, rows: Iterable[Row], source: Source) -> Iterator[Row]:
        """Rows whose remote images have been fetched, many at a time: waiting needs no process."""
        if not is_remote(source.root):
            yield from rows
            return
        data = self._recipe.data

        def fetch(row: Row) -> Row:
            if row.problem or row.content is not None or not row.image.strip():
                return row
            try:
                return replace(row, content=read_image(row, source, data))
            except RejectError as error:
                return replace(row, problem=(error.reason, error.detail))

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
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _prepare(most_bytes: int) -> None:
    """Makes a fresh process a decoder: one thread, bounded memory, and an end when its parent ends."""
    import cv2

    cv2.setNumThreads(1)
    # An interrupt is for the parent, which ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    # A core dump of a crashed decoder would fill the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
