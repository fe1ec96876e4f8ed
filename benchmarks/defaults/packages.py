"""Downloads packages at pinned versions with the clients of their registries, and unpacks them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tools import BenchmarkError


@dataclass(frozen=True)
class Package:
    """A package, and the digest that its archive must have.

    Attributes:
        registry: a key of ``_DOWNLOADS``.
        name: as the registry knows it.
        version: the pinned one.
        sha256: of the archive, hexadecimal.
    """

    registry: str
    name: str
    version: str
    sha256: str


def unpack(package: Package, folder: Path) -> Path:
    """Downloads a package into a new folder below ``folder`` and returns where its files lie.

    Raises:
        BenchmarkError: the registry's client is missing or failed, or the archive is not the pinned one.
    """
    target = folder / package.name.replace("/", "+")
    target.mkdir(parents=True)
    command = _DOWNLOADS[package.registry](package)
    if shutil.which(command[0]) is None:
        raise BenchmarkError(f"{package.name} is downloaded with {command[0]}, which is not installed")
    done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    (archive,) = target.iterdir()
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != package.sha256:
        raise BenchmarkError(f"{archive.name} has the SHA-256 {digest}, not the pinned {package.sha256}")
    unpacked = target / "unpacked"
    _EXTRACTIONS[archive.suffix](archive, unpacked)
    archive.unlink()
    return unpacked


def _npm(package: Package) -> Sequence[str]:
    return ("npm", "pack", "--silent", f"{package.name}@{package.version}")


def _pip(package: Package) -> Sequence[str]:
    options = ("--quiet", "--no-deps", "--only-binary=:all:")
    return (sys.executable, "-m", "pip", "download", *options, f"{package.name}=={package.version}")


def _apt(package: Package) -> Sequence[str]:
    return ("apt-get", "download", "--quiet", f"{package.name}={package.version}")


_DOWNLOADS: Mapping[str, Callable[[Package], Sequence[str]]] = {"npm": _npm, "PyPI": _pip, "Debian": _apt}


def _extract_tar(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")


def _extract_zip(archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(target)


def _extract_deb(archive: Path, target: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", str(archive), str(target)], check=True)


_EXTRACTIONS: Mapping[str, Callable[[Path, Path], None]] = {
    ".tgz": _extract_tar,
    ".whl": _extract_zip,
    ".deb": _extract_deb,
}
