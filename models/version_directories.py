"""Version directories as TensorFlow Serving defines them: named by numbers, the greatest of which is the latest.

Pusher keeps blessed models in them, DataGate the accepted data, and training its backups.
"""

from __future__ import annotations

import os

import tensorflow as tf


def latest_version(directory: str) -> str | None:
    """The path of the latest version directory in ``directory``; None if there is none."""
    if not tf.io.gfile.isdir(directory):
        return None
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(directory)]
    versions = [name for name in names if name.isdecimal()]
    return os.path.join(directory, max(versions, key=int)) if versions else None
