"""Runs commands in which the n-th file-system operation fails; see ``faults.cc``."""

from __future__ import annotations

import errno
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

import pytest

from tests.paths import ROOT

_SOURCE = Path(__file__).with_name("faults.cc")
# State in faults.cc.
_STATE = struct.Struct("qqiiiiii1024s1024s1152s")


class Kind(IntFlag):
    """Kinds of operations, as in ``faults.cc``."""

    NAME, WRITE, SYNC, LOOK = 1, 2, 4, 8


@dataclass(frozen=True)
class Fault:
    """What goes wrong with an operation.

    Attributes:
        error: the errno.
        kinds: the operations that it may happen to.
        lasts: whether all operations after it fail too, as on a disk that is full.
    """

    error: int
    kinds: Kind
    lasts: bool = False

    def __str__(self) -> str:
        return errno.errorcode[self.error] + (" from then on" if self.lasts else "")


_CHANGES = Kind.NAME | Kind.WRITE | Kind.SYNC
DISK_FULL = Fault(errno.ENOSPC, _CHANGES, lasts=True)
#: Something else took the last of the space, and gave it back.
DISK_FULL_ONCE = Fault(errno.ENOSPC, _CHANGES)
BROKEN_DISK = Fault(errno.EIO, _CHANGES | Kind.LOOK)
NO_PERMISSION = Fault(errno.EACCES, Kind.NAME)
READ_ONLY = Fault(errno.EROFS, Kind.NAME, lasts=True)
FAULTS = (DISK_FULL, DISK_FULL_ONCE, BROKEN_DISK, NO_PERMISSION, READ_ONLY)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; that of a signal is negative.
        fault: the operation that failed, and its path; empty if none did.
        operations: the operations of the fault's kinds with their paths, if nothing was to fail.
    """

    code: int
    out: str
    error: str
    fault: str
    operations: Sequence[str] = ()


class Host:
    """Runs commands in forks of one process, in the folder ``work``, with ``temporary`` for temporary files.

    Faults happen to files below ``root``, in which both lie.
    """

    def __init__(self, process: subprocess.Popen[str], state: Path, root: Path) -> None:
        self.root, self.work, self.temporary = root, root / "work", root / "temporary"
        self._process, self._state = process, state

    def run(
        self, arguments: Sequence[str], fault: Fault | None = None, number: int = 0, below: str = "", start: str = ""
    ) -> Ended:
        """Runs a command, in which the operation of this number fails; with 0 none does.

        Args:
            below: operations count on paths that begin with this one, which is relative to the host's root.
            start: they count from the first one on whose path begins with this one.
        """
        fault = fault or DISK_FULL
        names = (os.fsencode(f"{self.root}/{name}") for name in (below, start))
        armed = _STATE.pack(
            0, number or sys.maxsize, fault.error, fault.kinds, fault.lasts, 0, 0, not number, *names, b""
        )
        streams = [os.devnull, *(str(self._state.with_suffix(ending)) for ending in (".out", ".err"))]
        request = {
            "arguments": list(arguments),
            "folder": str(self.work),
            "temporary": str(self.temporary),
            "streams": streams,
            "state": armed.hex(),
        }
        trace = self._state.with_suffix(".trace")
        trace.write_bytes(b"")
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        *_, what = _STATE.unpack(self._state.read_bytes())
        out, error = (Path(path).read_text(errors="replace") for path in streams[1:])
        # Threads may write in another order than they count.
        lines = [line.split(" ", 1) for line in trace.read_text(errors="replace").splitlines()]
        operations = [operation for _, operation in sorted((int(place), operation) for place, operation in lines)]
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, out, error, os.fsdecode(what.rstrip(b"\0")), operations)


def build_shim(folder: Path) -> Path:
    """Compiles ``faults.cc``; skips the test where that is not possible."""
    if not sys.platform.startswith("linux") or not shutil.which("g++"):
        pytest.skip("injecting faults needs Linux and g++")
    library = folder / "faults.so"
    subprocess.run(["g++", "-shared", "-fPIC", "-O1", "-std=c++17", _SOURCE, "-o", library, "-ldl"], check=True)
    return library


@contextmanager
def open_host(library: Path, folder: Path, modules: Sequence[str]) -> Iterator[Host]:
    """A host that has imported some modules.

    Args:
        folder: an empty one, for its files.
    """
    state = folder / "state"
    state.write_bytes(bytes(_STATE.size))
    root = folder / "root"
    for part in ("work", "temporary"):
        (root / part).mkdir(parents=True)
    environment = {**os.environ, "LD_PRELOAD": str(library), "FAULTS_STATE": str(state), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.host", *modules],
        cwd=ROOT,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    try:
        yield Host(process, state, root)
    finally:
        process.stdin.close()
        process.wait()


def files_in(folder: Path) -> Mapping[str, bytes]:
    """Path to content of each file below a folder; an empty folder counts as a file whose name ends with a slash."""
    found = {}
    for parent, folders, files in os.walk(folder):
        below = os.path.relpath(parent, folder)
        for name in files:
            path = Path(parent, name)
            found[os.path.join(below, name)] = path.read_bytes() if path.is_file() else b"no file"
        if not folders and not files:
            found[os.path.join(below, "")] = b""
    return found


def restore(folder: Path, wanted: Mapping[str, bytes], found: Mapping[str, bytes]) -> None:
    """Gives a folder the files back that ``files_in`` found at first, where they differ from those found later."""
    for name in found.keys() - wanted.keys():
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        parent = path.parent
        while not any(parent.iterdir()) and parent != folder:
            parent.rmdir()
            parent = parent.parent
    for name, content in wanted.items():
        if name.endswith("/"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        elif found.get(name) != content:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
