from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from benchmarks.defaults.packages import Package, unpack
from benchmarks.tools import BenchmarkError


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A client that "downloads" an archive with the file ``package/a.txt``, whose bytes are returned."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("package/a.txt")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"hi"))
    (tmp_path / "archive").write_bytes(buffer.getvalue())
    _install(tmp_path, f"cp {tmp_path / 'archive'} made.tgz", monkeypatch)
    return buffer.getvalue()


def _install(folder: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = folder / "bin" / "npm"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\n{command}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


def test_package_is_unpacked(tmp_path: Path, npm: bytes) -> None:
    package = Package("npm", "@some/thing", "1.0.0", hashlib.sha256(npm).hexdigest())
    assert (unpack(package, tmp_path) / "package" / "a.txt").read_text() == "hi"


@pytest.mark.usefixtures("npm")
def test_another_archive_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="made.tgz has the SHA-256 .*, not the pinned 00ff"):
        unpack(Package("npm", "thing", "1.0.0", "00ff"), tmp_path)
    assert not list(tmp_path.rglob("a.txt"))


def test_what_the_client_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "echo no such version >&2; exit 1", monkeypatch)
    with pytest.raises(BenchmarkError, match=r"npm pack --silent thing@1.0.0 ended with 1:\nno such version"):
        unpack(Package("npm", "thing", "1.0.0", ""), tmp_path)


def test_missing_client_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchmarkError, match="thing is downloaded with npm, which is not installed"):
        unpack(Package("npm", "thing", "1.0.0", ""), tmp_path)
