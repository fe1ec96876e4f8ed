"""The last data that a gate accepted: what the next is compared with.

It lies beside the pushed models, where every machine and every orchestrator finds it: open-source Kubeflow runs no
Resolver, which would ask the metadata store.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from pydantic import TypeAdapter
from tfx.dsl.io import fileio

from diptych.components.artifacts import ACCEPTED_FOLDER, PROFILES_FILE, STATISTICS_FILE
from diptych.components.data_gate.profile import Profile
from diptych.models.version_directories import latest_version

_PROFILES = TypeAdapter(dict[str, Profile])


def read_accepted(push_directory: str) -> dict[str, Profile]:
    """Split to its profile; empty if nothing was accepted yet."""
    last = latest_version(os.path.join(push_directory, ACCEPTED_FOLDER))
    path = os.path.join(last, PROFILES_FILE) if last else ""
    return _PROFILES.validate_json(_read(path)) if last and fileio.exists(path) else {}


def copy_statistics(push_directory: str, folder: str) -> None:
    """Copies the last accepted statistics, if there are any, for whoever draws what drifted."""
    last = latest_version(os.path.join(push_directory, ACCEPTED_FOLDER))
    if last:
        fileio.makedirs(folder)
        fileio.copy(os.path.join(last, STATISTICS_FILE), os.path.join(folder, STATISTICS_FILE), overwrite=True)


def accept(statistics_file: str, profiles: Mapping[str, Profile], push_directory: str) -> None:
    """Keeps statistics and profiles as the last accepted ones, unless they are already."""
    files = {STATISTICS_FILE: _read(statistics_file), PROFILES_FILE: _PROFILES.dump_json(dict(profiles))}
    root = os.path.join(push_directory, ACCEPTED_FOLDER)
    last = latest_version(root)
    if last and all(_holds(os.path.join(last, name), content) for name, content in files.items()):
        return
    number = max(int(time.time()), 1 + int(os.path.basename(last)) if last else 0)
    folder = os.path.join(root, str(number))
    fileio.makedirs(folder)
    for name, content in files.items():
        with fileio.open(os.path.join(folder, name), "wb") as file:
            file.write(content)


def _holds(path: str, content: bytes) -> bool:
    return bool(fileio.exists(path)) and _read(path) == content


def _read(path: str) -> bytes:
    with fileio.open(path, "rb") as file:
        return bytes(file.read())
