"""The corpora that are kept: a zip archive for each target, as OSS-Fuzz has them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
#: Bytes of all archives together.
MAX_BYTES = 300_000
# Archives without times, so that equal inputs make equal files.
_TIME = (1980, 1, 1, 0, 0, 0)


def read_corpus(target: str) -> list[bytes]:
    """The inputs that are kept for a target."""
    path = _path(target)
    if not path.exists():
        return []
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in sorted(archive.namelist())]


def write_corpus(target: str, inputs: Iterable[bytes], max_bytes: int) -> None:
    """Keeps inputs for a target; of too many, the shortest."""
    FOLDER.mkdir(exist_ok=True)
    path, kept = _path(target), sorted(set(inputs), key=lambda each: (len(each), each))
    _write(path, kept)
    while path.stat().st_size > max_bytes:
        kept = kept[: len(kept) - max(1, len(kept) // 20)]
        _write(path, kept)


def unpack(inputs: Iterable[bytes], folder: Path) -> None:
    """Writes inputs to files, which are named by their digests."""
    folder.mkdir(parents=True, exist_ok=True)
    for content in inputs:
        (folder / _name(content)).write_bytes(content)


def _write(path: Path, inputs: Iterable[bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for content in inputs:
            archive.writestr(zipfile.ZipInfo(_name(content), _TIME), content, zipfile.ZIP_DEFLATED)


def _name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def _path(target: str) -> Path:
    return FOLDER / f"{target}.zip"
