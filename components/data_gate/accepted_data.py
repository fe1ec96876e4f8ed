"""The data that the gate accepted last, with which the next data are compared.

They are kept in the push directory, where every machine and every orchestrator finds them: open-source Kubeflow runs
no Resolver that would ask the metadata store.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from pydantic import TypeAdapter
from tfx.dsl.io import fileio

from diptych.components.artifacts import ACCEPTED_FOLDER, PROFILES_FILE, STATISTICS_FILE
from diptych.components.data_gate.profile import SplitProfile
from diptych.models.version_directories import latest_version

_PROFILES = TypeAdapter(dict[str, SplitProfile])


def read_accepted_profiles(push_directory: str) -> dict[str, SplitProfile]:
    """The profile of each split of the last accepted data; empty if no data were accepted yet."""
    last = latest_version(os.path.join(push_directory, ACCEPTED_FOLDER))
    path = os.path.join(last, PROFILES_FILE) if last else ""
    return _PROFILES.validate_json(_read(path)) if last and fileio.exists(path) else {}


def copy_accepted_statistics(push_directory: str, folder: str) -> None:
    """Copies the last accepted statistics into a folder; does nothing if no data were accepted yet."""
    last = latest_version(os.path.join(push_directory, ACCEPTED_FOLDER))
    if last:
        fileio.makedirs(folder)
        fileio.copy(os.path.join(last, STATISTICS_FILE), os.path.join(folder, STATISTICS_FILE), overwrite=True)


def save_accepted(statistics_file: str, profiles: Mapping[str, SplitProfile], push_directory: str) -> None:
    """Saves data as the last accepted ones, under the next version; does nothing if the latest version is equal.

    Args:
        statistics_file: the statistics of train, as StatisticsGen wrote them.
        profiles: the profile of each split.
    """
    files = {STATISTICS_FILE: _read(statistics_file), PROFILES_FILE: _PROFILES.dump_json(dict(profiles), by_alias=True)}
    root = os.path.join(push_directory, ACCEPTED_FOLDER)
    last = latest_version(root)
    if last and all(_has_content(os.path.join(last, name), content) for name, content in files.items()):
        return
    version = max(int(time.time()), 1 + int(os.path.basename(last)) if last else 0)
    folder = os.path.join(root, str(version))
    fileio.makedirs(folder)
    for name, content in files.items():
        with fileio.open(os.path.join(folder, name), "wb") as file:
            file.write(content)


def _has_content(path: str, content: bytes) -> bool:
    return bool(fileio.exists(path)) and _read(path) == content


def _read(path: str) -> bytes:
    with fileio.open(path, "rb") as file:
        return bytes(file.read())
