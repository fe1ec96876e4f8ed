"""Folders named by numbers, the greatest the newest: how Pusher keeps models, and the gate accepted statistics."""

from __future__ import annotations

import os

import tensorflow as tf


def newest(directory: str) -> str | None:
    """The newest folder's path; None if there is none."""
    if not tf.io.gfile.isdir(directory):
        return None
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(directory)]
    versions = [name for name in names if name.isdecimal()]
    return os.path.join(directory, max(versions, key=int)) if versions else None
