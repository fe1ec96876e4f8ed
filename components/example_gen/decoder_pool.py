"""Processes that decode images and make records of rows. No image can crash, stall or starve the others.

The processes import neither TensorFlow nor Beam, so they start within a moment.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from multiprocessing import forkserver, parent_process
from multiprocessing.connection import wait
from types import TracebackType
from typing import Generic, TypeAlias, TypeVar

from pebble import ProcessExpired, ProcessPool

from diptych.components.catalogue.readers.row_files import read_image_file
from diptych.components.catalogue.readers.rows import Row, SourceFile
from diptych.components.catalogue.reasons import Reject, RowError
from diptych.components.catalogue.records import RecordOptions, make_reject
from diptych.components.catalogue.storage import is_remote
from diptych.components.example_gen.worker_context import WorkerContext
from diptych.models.cores import count_cores

_PRELOADED = ["diptych.components.example_gen.record_index"]
# Enough rows to make the cost of handing them over small, few enough that no process waits long at a chunk's end.
_BATCH_ROWS = 32
# Batches for each process that are in work or wait for it; they bound the memory of all rows that were read.
_BATCHES_PER_PROCESS = 3
# The same for rows that hold large images: so many bytes are in a batch, and in all that wait.
_BATCH_BYTES, _PENDING_BYTES = 16 << 20, 128 << 20
# Memory of a process beside the image: the libraries, and what Pillow and OpenCV keep allocated.
_BASE_BYTES = 2 << 30


def start_fork_server() -> None:
    """Starts the process that decoding processes are forked from, so that it imports its libraries in the meantime."""
    # Not forked from this process: a fork would stop Beam's and TensorFlow's threads at an arbitrary place.
    forkserver.set_forkserver_preload(_PRELOADED)
    forkserver.ensure_running()


@dataclass(frozen=True)
class _Batch:
    """Rows that one process works on together; ``file`` is the URI of the file that it may write, without ending."""

    rows: list[Row]
    source: SourceFile
    file: str

    @property
    def size(self) -> int:
        """The bytes of the rows."""
        return sum(map(_size, self.rows))


def count_processes(options: RecordOptions) -> int:
    """The number of decoding processes: ``data.processes``, else one for each core that this process may use."""
    return options.data.processes or count_cores()


Result = TypeVar("Result")

#: What a process does with some rows of a source, and the URI of a file that it may write.
BatchFunction = Callable[[Sequence[Row], SourceFile, RecordOptions, str], Sequence[Result | Reject]]
_BatchFuture: TypeAlias = "Future[Sequence[Result | Reject]]"


class DecoderPool(Generic[Result]):
    """A pool of decoding processes; use it in a ``with`` block, or ``close`` it."""

    def __init__(self, options: RecordOptions, process_batch: BatchFunction[Result]) -> None:
        """Creates the pool; processes start when there is something to do.

        Args:
            process_batch: what is made of each row, such as ``write_records`` or ``index_records`` of
                ``record_index``.
        """
        self._options, self._process_batch = options, process_batch
        self._processes = count_processes(options)
        self._context = WorkerContext()
        self._context.set_forkserver_preload(_PRELOADED)
        self._pool = ProcessPool(
            max_workers=self._processes,
            initializer=_prepare_process,
            initargs=(_BASE_BYTES + 2 * options.data.limits.memory_bytes,),
            context=self._context,
        )

    def __enter__(self) -> DecoderPool[Result]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes, whatever they are doing."""
        self._pool.stop()
        self._pool.join()

    def process(self, rows: Iterable[Row], source: SourceFile, file: str) -> Iterator[Result | Reject]:
        """Yields what each row becomes, in the order of the rows.

        Rows are read ahead only as far as is needed to keep the processes busy.

        Args:
            file: how the URIs of the files begin that the processes write; each result names the file of its record.
        """
        pending: deque[tuple[_Batch, _BatchFuture[Result]]] = deque()
        most = self._processes * _BATCHES_PER_PROCESS
        for number, some in enumerate(_batches(self._fetch(rows, source))):
            batch = _Batch(some, source, f"{file}-{number:05d}")
            pending.append((batch, self._schedule(batch)))
            while len(pending) >= most or sum(batch.size for batch, _ in pending) > _PENDING_BYTES:
                yield from self._collect(*pending.popleft())
        while pending:
            yield from self._collect(*pending.popleft())

    def _schedule(self, batch: _Batch) -> _BatchFuture[Result]:
        arguments = (batch.rows, batch.source, self._options, f"{batch.file}.tfrecord")
        seconds = self._options.data.limits.seconds
        future: _BatchFuture[Result] = self._pool.schedule(self._process_batch, args=arguments, timeout=seconds)
        return future

    def _collect(self, batch: _Batch, future: _BatchFuture[Result]) -> Sequence[Result | Reject]:
        try:
            return future.result()
        except (FutureTimeoutError, ProcessExpired, MemoryError):
            # One row may be to blame, or all of them together took too long: each is processed again by itself.
            return [self._process_alone(place, batch) for place in range(len(batch.rows))]

    def _process_alone(self, place: int, batch: _Batch) -> Result | Reject:
        row = batch.rows[place]
        try:
            return self._schedule(_Batch([row], batch.source, f"{batch.file}-{place:02d}")).result()[0]
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
                return replace(row, content=read_image_file(source.images_root, row.image, data))
            except RowError as error:
                return replace(row, problem=error.problem)

        pending: deque[Future[Row]] = deque()
        with ThreadPoolExecutor(data.fetch.concurrency) as threads:
            for row in rows:
                pending.append(threads.submit(fetch, row))
                while len(pending) >= 2 * data.fetch.concurrency or _fetched_bytes(pending) > _PENDING_BYTES:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()


def _fetched_bytes(pending: Iterable[Future[Row]]) -> int:
    """The size of all rows that wait in memory until those before them are there."""
    return sum(_size(each.result()) for each in pending if each.done())


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += _size(row)
        if len(batch) == _BATCH_ROWS or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _size(row: Row) -> int:
    return len(row.content or b"") + len(row.description)


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
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
