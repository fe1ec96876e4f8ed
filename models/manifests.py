"""Manifests: which files an artifact consists of, with the size and the digest of each.

A manifest is written when the step that made the artifact has succeeded, and says later whether the artifact is whole.
It lies beside the artifact's folder and not in it, where it would be read as a part of the artifact.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from diptych.models.atomic_files import write_text
from diptych.models.cores import count_cores
from diptych.models.counts import pluralize
from diptych.models.errors import DatasetError

_BLOCK_BYTES = 1 << 20


class FileRecord(NamedTuple):
    """The size of a file in bytes, and the SHA-256 of its content in hexadecimal, as ``sha256sum`` prints it."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was written.

    Attributes:
        path: the path of the file.
        problem: what is wrong with it, to be read after the path.
    """

    path: str
    problem: str

    def __str__(self) -> str:
        return f"'{self.path}' {self.problem}"


@dataclass(frozen=True)
class Manifest:
    """The files of a folder, at any depth.

    Attributes:
        files: what is recorded of each file, by its path relative to the folder.
    """

    files: Mapping[str, FileRecord]

    @classmethod
    def of_folder(cls, folder: str) -> Manifest:
        """The manifest of the files that lie in a folder now.

        Raises:
            OSError: a file cannot be read.
        """
        names = _list_names(folder)
        paths = [os.path.join(folder, name) for name in names]
        records = map(FileRecord, map(os.path.getsize, paths), _in_threads(_digest, paths))
        return cls(dict(zip(names, records, strict=True)))

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """The manifest that ``to_json`` wrote.

        Raises:
            DatasetError: the text is none.
        """
        try:
            return cls({name: FileRecord(int(size), str(sha256)) for name, (size, sha256) in json.loads(text).items()})
        except (ValueError, TypeError, AttributeError):
            raise DatasetError("this is no manifest: it was truncated or changed") from None

    def to_json(self) -> str:
        """A JSON object of each file's path to its size and SHA-256. What is no UTF-8 in a path is escaped."""
        lines = (f" {json.dumps(name)}: {json.dumps(record)}" for name, record in self.files.items())
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @property
    def size(self) -> int:
        """The size of all files in bytes."""
        return sum(record.size for record in self.files.values())

    def find_damage(self, folder: str) -> list[Damage]:
        """Compares the names, the sizes and then the digests of the files in a folder with those in the manifest.

        Returns:
            The files that are missing, were added, differ or cannot be read, sorted by path; or the folder, if it is
            missing.
        """
        if not os.path.isdir(folder):
            return [Damage(folder, "is missing")]
        problems = dict.fromkeys(set(_list_names(folder)) - self.files.keys(), "was not written by its step")
        problems |= {name: _size_problem(os.path.join(folder, name), self.files[name].size) for name in self.files}
        rest = [name for name in self.files if not problems[name]]
        digested = _in_threads(lambda name: _content_problem(os.path.join(folder, name), self.files[name].sha256), rest)
        problems |= dict(zip(rest, digested, strict=True))
        return [Damage(os.path.join(folder, name), problem) for name, problem in sorted(problems.items()) if problem]


def manifest_path(folder: str) -> str:
    """The path, or the URI, of the manifest of a folder."""
    return folder.rstrip("/") + ".manifest.json"


def write_manifest(folder: str) -> None:
    """Writes the manifest of a folder beside it.

    Raises:
        OSError: a file cannot be read, or the manifest cannot be written.
    """
    write_text(manifest_path(folder), Manifest.of_folder(folder).to_json())


def read_manifest(folder: str) -> Manifest | None:
    """The manifest beside a folder; None if there is none, or it is damaged."""
    try:
        with open(manifest_path(folder), "rb") as file:
            return Manifest.from_json(file.read())
    except (OSError, DatasetError):
        return None


def find_damage(folder: str) -> list[Damage]:
    """As ``Manifest.find_damage``, by the manifest beside the folder; the folder itself if it has no whole one."""
    manifest = read_manifest(folder)
    return manifest.find_damage(folder) if manifest else [Damage(folder, "cannot be checked: it has no whole manifest")]


def describe_damage(damage: Sequence[Damage]) -> str:
    """The first damaged file, and how many there are, in one line."""
    return f"{damage[0]}" + (f" (damaged files in all: {len(damage):,})" if len(damage) > 1 else "")


def _list_names(folder: str) -> list[str]:
    """The paths of the files below a folder, relative to it, sorted."""
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder) for parent, _, names in os.walk(folder) for name in names
    )


def _size_problem(path: str, size: int) -> str:
    """What is wrong with the size of a file; empty if nothing is."""
    try:
        found = os.path.getsize(path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return _unreadable(error)
    if found == size:
        return ""
    return f"is empty: {pluralize(size, 'byte')} are lost" if not found else f"has {found:,} bytes, not {size:,}"


def _content_problem(path: str, sha256: str) -> str:
    """What is wrong with the content of a file of the right size; empty if nothing is."""
    try:
        return "" if _digest(path) == sha256 else "does not hold what its step wrote"
    except OSError as error:
        return _unreadable(error)


def _unreadable(error: OSError) -> str:
    return f"cannot be read ({(error.strerror or str(error)).lower()})"


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _in_threads(function: Callable[[str], str], values: Iterable[str]) -> list[str]:
    # While hashlib digests a block, other threads run.
    with ThreadPoolExecutor(count_cores()) as threads:
        return list(threads.map(function, values))
