"""What the lineage of a run says of an artifact: a fingerprint of its content, and when it was written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime, timezone

# Reading more would take longer than the rest of the report.
_MAX_BYTES = 64_000_000


def fingerprint(uri: str) -> str:
    """SHA-256 of the names and contents of a local artifact's files, hexadecimal.

    It is empty if there are no files, or more than 64 MB of them.
    """
    files = sorted(_list_files(uri))
    if not files or sum(os.path.getsize(path) for path in files) > _MAX_BYTES:
        return ""
    digest = hashlib.sha256()
    for path in files:
        digest.update(os.path.relpath(path, uri).encode() + b"\0")
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def _list_files(uri: str) -> Iterator[str]:
    for folder, _, names in os.walk(uri):
        yield from (os.path.join(folder, name) for name in names)


def format_timestamp(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, in whole seconds."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def modification_time(uri: str) -> str:
    """When the newest of a local artifact's files was written, ISO 8601 in UTC; empty if there are no files."""
    times = [os.path.getmtime(path) for path in _list_files(uri)]
    return format_timestamp(max(times)) if times else ""
