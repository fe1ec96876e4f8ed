"""What reads a file in a process of its own may crash, fill the memory or have no end: it is told, and nothing else."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from diptych.components.catalogue.options import DataOptions, Limits
from diptych.components.catalogue.readers import isolated_reading
from diptych.components.catalogue.readers.isolated_reading import Form, IsolatedFile
from diptych.components.catalogue.readers.reading_process import BrokenFileError, LargeFileError
from diptych.components.catalogue.readers.rows import CatalogueError
from tests.paths import ROOT

_FORM = Form("a form", "its parts take more; write smaller ones", "write it anew")


# What the process calls.


def echo(file: BinaryIO, *arguments: str) -> Iterator[bytes]:
    yield file.read(3)
    file.seek(-2, io.SEEK_END)
    yield file.read()
    yield from (argument.encode() for argument in arguments)
    yield str(os.getpid()).encode()


def crash(file: BinaryIO, name: str) -> Iterator[str | bytes]:
    yield "part 7"
    os.kill(os.getpid(), getattr(signal, name))
    yield b""


def fill(file: BinaryIO) -> Iterator[str | bytes]:
    yield "part 8"
    yield bytes(1 << 40)


def loop(file: BinaryIO) -> Iterator[bytes]:
    yield b"first"
    while True:
        pass


def break_off(file: BinaryIO) -> Iterator[str]:
    yield "part 9"
    raise BrokenFileError("it is no file")


def find_large(file: BinaryIO) -> Iterator[str]:
    yield "part 10"
    raise LargeFileError("part 10 has 9 MB")


def fail(file: BinaryIO) -> Iterator[bytes]:
    yield b"first"
    raise KeyError("a bug")


def variables(file: BinaryIO) -> Iterator[bytes]:
    yield from (name.encode() for name in os.environ)


def count_endlessly(file: BinaryIO) -> Iterator[bytes]:
    while True:
        yield b"again"


@pytest.fixture
def isolated(tmp_path: Path) -> Iterator[IsolatedFile]:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        yield IsolatedFile(file, "the source", DataOptions(catalogue="x", limits=Limits(memory_mb=100)), _FORM)


def test_a_process_answers_one_file_after_the_other(isolated: IsolatedFile) -> None:
    *content, first = isolated.read(echo, "an argument", "\u00fc")
    assert [bytes(part) for part in content] == [b"con", b"nt", b"an argument", "\u00fc".encode()]
    *_, second = isolated.read(echo)
    assert first == second != str(os.getpid()).encode()


class _InStore(io.BytesIO):
    def fileno(self) -> int:
        raise io.UnsupportedOperation


def test_bytes_of_a_file_in_a_store_are_handed_over(isolated: IsolatedFile) -> None:
    remote = IsolatedFile(_InStore(b"more " * 100_000), "s3://bucket/file", isolated.data, _FORM)
    assert remote.is_in_store
    assert [bytes(part) for part in remote.read(echo)][:2] == [b"mor", b"e "]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "SIGSEGV",
            r"read as a form: part 7: it ends the process that reads it \(SIGSEGV\).*; write it anew",
        ),
        ("SIGABRT", r"part 7: it ends the process that reads it \(SIGABRT\)"),
        ("SIGKILL", "the process that reads 'the source' was killed, as the system does where memory is short"),
    ],
)
def test_a_crash_is_told(isolated: IsolatedFile, name: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        list(isolated.read(crash, name))
    assert len(list(isolated.read(echo))) == 3


def test_too_much_memory_is_told_by_the_limit(isolated: IsolatedFile) -> None:
    with pytest.raises(CatalogueError, match=r"data\.limits\.memory_mb: .*100 MB.*: part 8: its parts take more"):
        list(isolated.read(fill))
    with pytest.raises(CatalogueError, match=r"data\.limits\.memory_mb: 'the source' .*: part 10 has 9 MB"):
        list(isolated.read(find_large))


def test_reading_without_an_end_is_told(isolated: IsolatedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated_reading, "_BASE_SECONDS", 0)
    with pytest.raises(CatalogueError, match="cannot be read as a form: reading has no end, because it is damaged"):
        list(isolated.read(loop))


def test_why_a_file_is_broken_is_told(isolated: IsolatedFile) -> None:
    with pytest.raises(CatalogueError, match="cannot be read as a form: part 9: it is no file; write it anew"):
        list(isolated.read(break_off))


def test_a_bug_is_no_broken_file(isolated: IsolatedFile) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'a bug'"):
        list(isolated.read(fail))


def test_it_gets_no_secrets(isolated: IsolatedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    isolated_reading._idle_processes.cache_clear()
    names = {part.decode() for part in isolated.read(variables)}
    assert "OMP_NUM_THREADS" in names
    assert "AWS_SECRET_ACCESS_KEY" not in names


def test_an_answer_can_be_left_and_the_next_begins_anew(isolated: IsolatedFile) -> None:
    answer = isolated.read(count_endlessly)
    assert next(answer) == b"again"
    answer.close()  # type: ignore[attr-defined]
    assert bytes(next(isolated.read(echo))) == b"con"


def test_a_process_that_has_ended_meanwhile_is_replaced(isolated: IsolatedFile) -> None:
    *_, process = isolated.read(echo)
    os.kill(int(process), signal.SIGKILL)
    while isolated_reading._idle_processes(os.getpid())[-1].is_alive:
        time.sleep(0.01)
    *_, other = isolated.read(echo)
    assert other != process


def test_after_a_fork_each_has_its_own(isolated: IsolatedFile) -> None:
    *_, process = isolated.read(echo)
    if (child := os.fork()) == 0:
        code = 1
        try:
            *_, own = isolated.read(echo)
            code = int(own == process)
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert list(isolated.read(echo))[-1] == process


_ENDED = """
import os, signal, sys
from tests.components.catalogue.readers.test_isolated_reading import DataOptions, IsolatedFile, _FORM, echo
with open(sys.argv[1], "rb") as file:
    *_, process = IsolatedFile(file, "s", DataOptions(catalogue="x"), _FORM).read(echo)
print(process.decode(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_none_is_left_when_who_asks_is_killed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    done = subprocess.run(
        [sys.executable, "-c", _ENDED, tmp_path / "file"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == -signal.SIGKILL
    process = Path("/proc", done.stdout.strip())
    for _ in range(3000):
        if not process.exists() or "\nState:\tZ" in (process / "status").read_text():
            return
        time.sleep(0.01)
    raise AssertionError("it is still there")
