"""The program of a process that reads files which may crash it, or exhaust memory and time: see ``isolated_reading``.

It answers one request after the other. What passes through the socket that is its standard input, either way, are
frames: a kind, a length and a content.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO, cast

from diptych.components.catalogue.positioned_file import PositionedFile

#: Kinds of frames. To this process: a request, and bytes of a file in a store. From it: bytes of the answer; where in
#: the file they come from; the place and number of bytes that it needs of a file in a store; the end of an answer, or
#: why there is none.
REQUEST, CONTENT = b"R", b"C"
BLOCK, PLACE, NEED, END, BROKEN, TOO_LARGE = b"B", b"P", b"N", b"E", b"D", b"L"
#: The place and number of bytes of a file.
RANGE = struct.Struct("<QQ")

_HEAD = struct.Struct("<cQ")
# Beside what is limited: buffers, and copies of what is handed over.
_BASE_BYTES = 256 << 20
_BUFFER_BYTES = 1 << 16
_PIECE_BYTES = 1 << 20


class BrokenFileError(Exception):
    """A file cannot be read; the message says why."""


class LargeFileError(Exception):
    """A part of a file takes too much memory; the message says which."""


def send(connection: socket.socket, kind: bytes, content: bytes = b"") -> None:
    """Sends a frame.

    Raises:
        OSError: there is nobody to read it.
    """
    connection.sendall(_HEAD.pack(kind, len(content)))
    connection.sendall(content)


def receive(connection: socket.socket) -> tuple[bytes, bytearray]:
    """The kind and content of the next frame.

    Raises:
        EOFError: there is none, because the other process has ended.
    """
    kind, length = _HEAD.unpack(_receive(connection, _HEAD.size))
    return kind, _receive(connection, length)


def _receive(connection: socket.socket, length: int) -> bytearray:
    content = bytearray(length)
    view = memoryview(content)
    while view:
        try:
            count = connection.recv_into(view)
        except ConnectionError:
            count = 0
        if not count:
            raise EOFError
        view = view[count:]
    return content


def main() -> None:
    """Answers requests until nobody can ask for more."""
    # Signals to a group of processes reach who asks, too. With it, this process ends.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection = socket.socket(fileno=os.dup(0))
    try:
        while True:
            _answer(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        code = 0
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    # Threads of a library that still read would end an orderly exit by an abort.
    os._exit(code)


def _answer(connection: socket.socket) -> None:
    request = json.loads(receive(connection)[1])
    module, _, name = request["function"].rpartition(".")
    function = getattr(import_module(module), name)
    with _open(connection, request["size"]) as file:
        _limit(resource.RLIMIT_AS, _taken_bytes() + request["memory"] + _BASE_BYTES)
        try:
            answer = function(file, *request["arguments"])
            for part in _in_time(answer, request["seconds"]):
                if isinstance(part, str):
                    send(connection, PLACE, part.encode())
                else:
                    send(connection, BLOCK, part)
            last = END, ""
        except LargeFileError as error:
            last = TOO_LARGE, str(error)
        except MemoryError:
            last = TOO_LARGE, ""
        except BrokenFileError as error:
            last = BROKEN, str(error)
    _limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)
    send(connection, last[0], last[1].encode(errors="replace"))
    if last[0] == TOO_LARGE:
        # What was asked for may still come, and be taken for the next request.
        raise EOFError


def _in_time(parts: Iterator[Any], seconds: int) -> Iterator[Any]:
    """The parts, each of which may take so many seconds of processor time: else SIGXCPU ends this process."""
    while True:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds + 1)
        try:
            yield next(parts)
        except StopIteration:
            return


def _limit(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    is_lower = hard != resource.RLIM_INFINITY and (limit == resource.RLIM_INFINITY or hard < limit)
    resource.setrlimit(kind, (hard if is_lower else limit, hard))


def _taken_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _open(connection: socket.socket, size: int | None) -> BinaryIO:
    """The file of a request: its descriptor comes after it, or its bytes are asked for."""
    if size is None:
        _, (descriptor,), _, _ = socket.recv_fds(connection, 1, 1)
        return open(descriptor, "rb")
    return cast(BinaryIO, io.BufferedReader(_FileInStore(connection, size), _BUFFER_BYTES))


class _FileInStore(PositionedFile):
    """A file that the other process has opened."""

    def __init__(self, connection: socket.socket, size: int) -> None:
        super().__init__(size)
        self._connection = connection

    def readinto(self, buffer: Any) -> int:
        count = max(0, min(len(buffer), self._size - self._position, _PIECE_BYTES))
        if count:
            send(self._connection, NEED, RANGE.pack(self._position, count))
            buffer[:count] = receive(self._connection)[1]
            self._position += count
        return count
