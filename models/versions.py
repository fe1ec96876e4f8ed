"""Folders named by numbers, the greatest the newest: how Pusher keeps models, and the gate accepted statistics."""

from __future__ import annotations

import os

from tfx.dsl.io import fileio


def newest(directory: str) -> str | None:
    """The newest folder's path; None if there is none."""
    if not fileio.isdir(directory):
        return None
    names = [name.rstrip("/") for name in fileio.listdir(directory)]
    versions = [name for name in names if name.isdecimal()]
    return os.path.join(directory, max(versions, key=int)) if versions else None
