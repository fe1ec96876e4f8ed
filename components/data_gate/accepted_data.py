"""The data that the gate accepted last, with which the next data are compared.

They are kept in the push directory, where every machine and every orchestrator finds them: open-source Kubeflow runs
no Resolver that would ask the metadata store. They are read without TFX and TensorFlow.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.components.artifacts import ACCEPTED_FOLDER, PROFILES_FILE, STATISTICS_FILE
from diptych.components.catalogue import storage, transfer
from diptych.components.data_gate.profile import SplitProfile, dump_profiles, parse_profiles
from diptych.components.version_store import add_version, list_versions
from diptych.models.progress import report_progress
from diptych.models.version_directories import find_whole_version


@dataclass(frozen=True)
class AcceptedData:
    """Data that the gate accepted.

    Attributes:
        statistics: those of train, the content of a file that StatisticsGen wrote; None if no data were accepted yet.
        profiles: the profile of each split; empty if no data were accepted yet.
    """

    statistics: bytes | None = None
    profiles: Mapping[str, SplitProfile] = field(default_factory=dict)


def read_accepted(push_directory: str) -> AcceptedData:
    """Reads the data that were accepted last. Those of which only a part is there are passed over, which is reported.

    Raises:
        OSError: they cannot be read.
    """
    found = find_whole_version(list_versions(_root(push_directory)), find_accepted_damage)
    for sentence in found.passed_over:
        report_progress("note", text=sentence)
    return _read_version(found.folder) if found.folder else AcceptedData()


def find_accepted_damage(folder: str) -> str | None:
    """Says which file of accepted data is missing, or is only a part of one; None if they are whole.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        _read_version(folder)
    except (FileNotFoundError, NotADirectoryError):
        return f"'{PROFILES_FILE}' or '{STATISTICS_FILE}' is missing"
    except ValueError as error:
        return str(error)
    return None


def save_accepted(accepted: AcceptedData, last: AcceptedData, push_directory: str) -> None:
    """Saves data as the last accepted ones, under the next version; does nothing if the last ones are equal.

    Args:
        last: those that were accepted last.

    Raises:
        OSError: they cannot be written.
    """
    if accepted == last:
        return
    files = {PROFILES_FILE: dump_profiles(accepted.profiles), STATISTICS_FILE: accepted.statistics or b""}

    def fill(folder: str) -> None:
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)

    add_version(_root(push_directory), fill, last=STATISTICS_FILE)


def _root(push_directory: str) -> str:
    return storage.join(push_directory, ACCEPTED_FOLDER)


def _read_version(folder: str) -> AcceptedData:
    """Reads a version.

    Raises:
        FileNotFoundError, NotADirectoryError: it has no such files.
        ValueError: a file is damaged; the message names it.
    """
    statistics = transfer.read_whole(storage.join(folder, STATISTICS_FILE))
    profiles = transfer.read_whole(storage.join(folder, PROFILES_FILE))
    _check_statistics(statistics)
    try:
        return AcceptedData(statistics, parse_profiles(profiles))
    except ValueError:
        raise ValueError(f"'{PROFILES_FILE}' is damaged") from None


def _check_statistics(content: bytes) -> None:
    from google.protobuf.message import DecodeError
    from tensorflow_metadata.proto.v0 import statistics_pb2

    try:
        datasets = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets
    except DecodeError:
        datasets = []
    if not datasets:
        raise ValueError(f"'{STATISTICS_FILE}' is damaged")
