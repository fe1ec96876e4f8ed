"""Reads files in processes of limited memory and time, because what others wrote may crash who reads it.

A process is kept for the next file: starting one takes as long as reading thousands of rows. It gets a file as an open
descriptor; bytes of a file in a store are handed over as it asks for them. So it needs no credentials.
"""

from __future__ import annotations

import atexit
import errno
import io
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import reading_process
from diptych.components.catalogue.readers.reading_process import (
    BLOCK,
    BROKEN,
    CONTENT,
    END,
    NEED,
    PLACE,
    RANGE,
    REQUEST,
    receive,
    send,
)
from diptych.components.catalogue.readers.rows import CatalogueError, too_large
from diptych.models.isolated_python import isolated_command, isolated_environment

# Far longer than reading a file takes that fits in memory.
_BASE_SECONDS = 30
_BYTES_PER_SECOND = 50_000
_MAX_IDLE = 2
_MAX_SAID = 10_000
# Memory that is given back counts no longer.
_MEMORY_POOL = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
# What C++ and Rust say before they abort.
_NO_MEMORY = ("std::bad_alloc", "memory allocation of", "MemoryError")


@dataclass(frozen=True)
class Form:
    """What is said of a kind of file.

    Attributes:
        name: of the kind.
        large: what takes too much memory, and what to do.
        remedy: what to do with a file that is damaged.
    """

    name: str
    large: str
    remedy: str


@dataclass(frozen=True)
class IsolatedFile:
    """An open file of a source, which another process reads."""

    file: BinaryIO
    source: str
    data: DataOptions
    form: Form

    def read(self, function: Callable[..., Iterator[bytes | str]], *arguments: Any) -> Iterator[bytearray]:
        """What a function yields that is called in another process, with the file and further arguments.

        Args:
            function: of a module's top level. It yields bytes, and a text before those that come from another part of
                the file, which names this part. It may raise ``BrokenFileError`` and ``LargeFileError``.
            arguments: what JSON can hold.

        Raises:
            CatalogueError: the file is broken, crashes the process, or takes too much memory or time.
            OSError: it cannot be read, or no process can be started.
        """
        place = ""
        with _borrow() as process:
            try:
                process.ask(self, function, arguments)
                while True:
                    kind, content = receive(process.connection)
                    if kind == BLOCK:
                        yield content
                    elif kind == PLACE:
                        place = content.decode()
                    elif kind == NEED:
                        self._hand_over(process.connection, *RANGE.unpack(content))
                    else:
                        break
            except (EOFError, ConnectionError):
                raise self._explain(process, place) from None
            process.is_idle = kind in (END, BROKEN)
            if kind == END:
                return
        reason = content.decode(errors="replace")
        raise self.broken(reason, place) if kind == BROKEN else self._large(place, reason)

    @property
    def is_in_store(self) -> bool:
        """Whether its bytes are handed over."""
        return _descriptor(self.file) is None

    @property
    def seconds(self) -> int:
        """How long reading a part may take, in seconds of processor time."""
        return _BASE_SECONDS + self.file.seek(0, io.SEEK_END) // _BYTES_PER_SECOND

    def _hand_over(self, connection: socket.socket, start: int, count: int) -> None:
        self.file.seek(start)
        content = self.file.read(count)
        if len(content) < count:
            raise OSError(errno.EIO, f"The file has become shorter than {start + count} bytes", self.source)
        # A process that has ended may have said why.
        with suppress(ConnectionError):
            send(connection, CONTENT, content)

    def broken(self, reason: str, place: str = "") -> CatalogueError:
        """The refusal of the file.

        Args:
            place: the part that is broken.
        """
        where = f"{place}: " if place else ""
        return CatalogueError(
            f"data.catalogue: '{self.source}' cannot be read as {self.form.name}: {where}{reason}; {self.form.remedy}"
        )

    def _large(self, place: str, reason: str = "") -> CatalogueError:
        where = f"{place}: " if place else ""
        return too_large(self.source, reason or f"{where}{self.form.large}", self.data)

    def _explain(self, process: _Process, place: str) -> Exception:
        """Why the process has ended."""
        code, said = process.end()
        if any(words in said for words in _NO_MEMORY):
            return self._large(place)
        if code == -signal.SIGXCPU:
            return self.broken("reading has no end, because it is damaged", place)
        if code == -signal.SIGKILL:
            what = "was killed, as the system does where memory is short; run again"
            return CatalogueError(f"data.catalogue: the process that reads '{self.source}' {what}")
        if code < 0:
            name = signal.Signals(-code).name
            return self.broken(f"it ends the process that reads it ({name}), as a damaged file does", place)
        return RuntimeError(f"the process that reads '{self.source}' has failed: {said}")


class _Process:
    """A process that answers requests.

    Attributes:
        connection: to it.
        is_idle: whether it waits for a request.
    """

    def __init__(self) -> None:
        self.is_idle = False
        self._errors = os.fdopen(os.memfd_create("errors"), "r+b")
        self.connection, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                isolated_command(reading_process.__name__),
                stdin=other.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env={**isolated_environment(), **_MEMORY_POOL},
            )

    @property
    def is_alive(self) -> bool:
        """Whether it can answer."""
        return self._process.poll() is None

    def ask(self, isolated: IsolatedFile, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        """Sends a request."""
        self.is_idle = False
        file = isolated.file
        descriptor = _descriptor(file)
        request = {
            "function": f"{function.__module__}.{function.__name__}",
            "arguments": arguments,
            "size": file.seek(0, io.SEEK_END) if descriptor is None else None,
            "memory": isolated.data.limits.memory_bytes,
            "seconds": isolated.seconds,
        }
        file.seek(0)
        send(self.connection, REQUEST, json.dumps(request).encode())
        if descriptor is not None:
            socket.send_fds(self.connection, [b"F"], [descriptor])

    def end(self) -> tuple[int, str]:
        """Waits until it has ended; returns its exit code and what it wrote to its standard error."""
        code = self._process.wait()
        self._errors.seek(0)
        return code, self._errors.read(_MAX_SAID).decode(errors="replace")

    def kill(self) -> None:
        """Ends it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self.connection.close()
        self._errors.close()


def _descriptor(file: BinaryIO) -> int | None:
    """The descriptor of a file of this machine; None of a file in a store."""
    try:
        return file.fileno()
    except io.UnsupportedOperation:
        return None


@contextmanager
def _borrow() -> Iterator[_Process]:
    idle = _idle_processes(os.getpid())
    process = _take(idle)
    try:
        yield process
    finally:
        if process.is_idle and len(idle) < _MAX_IDLE:
            idle.append(process)
        else:
            process.kill()


def _take(idle: list[_Process]) -> _Process:
    with suppress(IndexError):
        while not (process := idle.pop()).is_alive:
            process.kill()
        return process
    return _Process()


@lru_cache
def _idle_processes(owner: int) -> list[_Process]:
    """The processes that wait for requests of a process: after a fork, one has its own."""
    idle: list[_Process] = []

    def end_all() -> None:
        while idle and os.getpid() == owner:
            idle.pop().kill()

    atexit.register(end_all)
    return idle
