"""Who made what of what: fingerprints of artifacts, and the places of components in a drawing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

# Reading more would take longer than the rest of the report.
_MOST_BYTES = 64_000_000
_LIBRARIES = ("diptych", "tfx", "tensorflow", "keras", "apache-beam", "scikit-learn", "vl-convert-python")
_BOX_WIDTH, _BOX_HEIGHT, _GAP, _LEVEL = 148, 30, 14, 62


def fingerprint(uri: str) -> str:
    """SHA-256 over the names and bytes of a local artifact's files; empty if there are none, or too many bytes."""
    files = sorted(_files(uri))
    if not files or sum(os.path.getsize(path) for path in files) > _MOST_BYTES:
        return ""
    digest = hashlib.sha256()
    for path in files:
        digest.update(os.path.relpath(path, uri).encode() + b"\0")
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def _files(uri: str) -> Iterator[str]:
    for folder, _, names in os.walk(uri):
        yield from (os.path.join(folder, name) for name in names)


def moment(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def modified(uri: str) -> str:
    """When the newest of a local artifact's files was written; empty where there is none."""
    times = [os.path.getmtime(path) for path in _files(uri)]
    return moment(max(times)) if times else ""


def library_versions() -> dict[str, str]:
    """Of what the report and the run depend on, as far as it is installed."""
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Box:
    """A component in the drawing; ``x`` and ``y`` are of its upper left corner."""

    name: str
    x: int
    y: int
    width: int = _BOX_WIDTH
    height: int = _BOX_HEIGHT


@dataclass(frozen=True)
class Drawing:
    """Boxes, and the lines between them: each from a box to one that lies lower."""

    width: int
    height: int
    boxes: Sequence[Box]
    lines: Sequence[tuple[Box, Box]]


def draw(upstream: Mapping[str, Sequence[str]]) -> Drawing:
    """Components in layers: each below all that it reads.

    Args:
        upstream: component to those whose artifacts it read; a cycle is cut where it closes.
    """
    names = list(dict.fromkeys([*upstream, *(name for some in upstream.values() for name in some)]))
    levels = {name: _level(name, upstream, ()) for name in names}
    layers: dict[int, list[str]] = {}
    for name in names:
        layers.setdefault(levels[name], []).append(name)
    widest = max(map(len, layers.values()), default=0)
    width = widest * (_BOX_WIDTH + _GAP) + _GAP
    boxes = {
        name: Box(
            name,
            _GAP + (width - _GAP - len(some) * (_BOX_WIDTH + _GAP)) // 2 + place * (_BOX_WIDTH + _GAP),
            level * _LEVEL + 4,
        )
        for level, some in layers.items()
        for place, name in enumerate(some)
    }
    lines = [(boxes[above], boxes[name]) for name, some in upstream.items() for above in _direct(name, some, upstream)]
    return Drawing(width, (max(layers, default=0) + 1) * _LEVEL, list(boxes.values()), lines)


def _level(name: str, upstream: Mapping[str, Sequence[str]], seen: tuple[str, ...]) -> int:
    above = [one for one in upstream.get(name, ()) if one not in (*seen, name)]
    return 1 + max((_level(one, upstream, (*seen, name)) for one in above), default=-1)


def _direct(name: str, above: Sequence[str], upstream: Mapping[str, Sequence[str]]) -> list[str]:
    """Those above that are not above another one of them too: the drawing shows the way through that."""
    others = [one for one in dict.fromkeys(above) if one != name]
    reached = {far for one in others for far in _ancestors(one, upstream, {one})}
    return [one for one in others if one not in reached]


def _ancestors(name: str, upstream: Mapping[str, Sequence[str]], seen: set[str]) -> set[str]:
    found: set[str] = set()
    for one in upstream.get(name, ()):
        if one not in seen:
            seen.add(one)
            found |= {one} | _ancestors(one, upstream, seen)
    return found
