"""The folder of a run: the names of the files in it, and where the artifacts of its components lie."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from diptych.components.artifacts import REPORT_FILE
from diptych.models.os_errors import naming
from diptych.pipeline.runs.run_lock import RunLockedError, is_locked, lock_folder

SUMMARY_FILE = "summary.json"
LOG_FILE = "pipeline.log"

_EXAMPLE_GEN = "ImageTextExampleGen"

#: The name of a component, and that of one of its outputs.
ArtifactKey = tuple[str, str]

EXAMPLES: ArtifactKey = (_EXAMPLE_GEN, "examples")
REJECTS: ArtifactKey = (_EXAMPLE_GEN, "rejects")
STATISTICS: ArtifactKey = ("StatisticsGen", "statistics")
PUSHED_MODEL: ArtifactKey = ("Pusher", "pushed_model")
TRAINED_MODEL: ArtifactKey = ("Trainer", "model")
TRANSFORM_GRAPH: ArtifactKey = ("Transform", "transform_graph")


class RunFolder:
    """The folder of a run, whether it still runs, has ended, failed or been killed.

    Folders are listed and compared with names, never searched by a pattern: their own names may hold ``*`` or ``[``.

    Attributes:
        path: the absolute path of the folder.
        name: its last part.
        summary_file: the results of the run, as JSON.
        log_file: the lines that TFX, TensorFlow and Beam print.
        report_file: the report that ``diptych report`` writes.
        lock_file: locked while a run works in the folder.
        metadata_file: the SQLite database of ML Metadata.
        artifacts_folder: the pipeline root, with ``<component>/<output>/<number>`` for each artifact.
        features_folder: features of images, which later runs need not compute again.
        pushed_folder: the pushed models, unless ``push.directory`` names another folder.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.name = os.path.basename(self.path)
        self.summary_file = os.path.join(self.path, SUMMARY_FILE)
        self.log_file = os.path.join(self.path, LOG_FILE)
        self.report_file = os.path.join(self.path, REPORT_FILE)
        self.lock_file = os.path.join(self.path, ".lock")
        self.metadata_file = os.path.join(self.path, "metadata.sqlite")
        self.artifacts_folder = os.path.join(self.path, "artifacts")
        self.features_folder = os.path.join(self.path, "features")
        self.pushed_folder = os.path.join(self.path, "pushed")

    def locked(self) -> AbstractContextManager[None]:
        """Makes the folder, and keeps other runs out of it while the block runs.

        Raises:
            RunLockedError: another run works in it.
            OSError: the folder cannot be made, or the lock's file cannot be opened.
        """
        return lock_folder(self.path, self.lock_file)

    def is_going_on(self) -> bool:
        """Whether a run works in the folder."""
        return is_locked(self.lock_file)

    def read_summary(self) -> dict[str, Any] | None:
        """The content of ``summary.json``; None if the run was killed before it wrote one, or the file is damaged.

        Raises:
            OSError: it cannot be read.
        """
        try:
            with naming(self.summary_file), open(self.summary_file, encoding="utf-8") as file:
                summary = json.load(file)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return summary if isinstance(summary, dict) and isinstance(summary.get("artifacts"), dict) else None

    def recorded_artifacts(self) -> dict[ArtifactKey, str]:
        """URIs of the artifacts that the summary names: those of components that ended well. Without a summary, none.

        Commands that read a dataset or a graph use only these, because an artifact of a killed run may be half of one.

        Raises:
            RunLockedError: no run has ended in the folder, and one is going on.
        """
        summary = self.read_summary()
        if summary is None and self.is_going_on():
            raise RunLockedError(f"a run is going on in '{self.path}', and none has ended there: wait for it")
        return _recorded(summary or {})

    def remaining_artifacts(self, summary: Mapping[str, Any] | None) -> dict[ArtifactKey, str]:
        """Folders of all artifacts that are left: those that the summary names, or without a summary the newest ones.

        What lies beside the artifacts that a summary names is of earlier runs, and is left out.

        Args:
            summary: what ``read_summary`` returned; a run that is going on may have written another one since.
        """
        if summary is None:
            return self.newest_artifacts()
        return {key: uri for key, uri in _recorded(summary).items() if os.path.isdir(uri)}

    def results(self) -> dict[ArtifactKey, str]:
        """As ``recorded_artifacts``, but folders in this run's folder, which may be a copy of that of the run."""
        recorded = self.recorded_artifacts().items()
        return {key: os.path.join(self.artifacts_folder, *key, os.path.basename(uri)) for key, uri in recorded}

    def artifact_folder(self, key: ArtifactKey, number: int) -> str:
        """The folder of one artifact, whether it exists or not.

        Args:
            number: the number that TFX gave to it.
        """
        return os.path.join(self.artifacts_folder, *key, str(number))

    def greatest_number(self) -> int:
        """The greatest number of an artifact that is left; 0 if none is."""
        return max((int(os.path.basename(path)) for path in self.newest_artifacts().values()), default=0)

    def newest_artifacts(self) -> dict[ArtifactKey, str]:
        """The folder with the greatest number of each output of each component, whether it is whole or not."""
        found: dict[ArtifactKey, str] = {}
        for component in _folders(self.artifacts_folder):
            for output in _folders(os.path.join(self.artifacts_folder, component)):
                if newest := newest_version(os.path.join(self.artifacts_folder, component, output)):
                    found[component, output] = newest
        return found


def _recorded(summary: Mapping[str, Any]) -> dict[ArtifactKey, str]:
    return {
        (component, output): str(uri)
        for component, outputs in summary.get("artifacts", {}).items()
        if isinstance(outputs, dict)
        for output, uri in outputs.items()
    }


def newest_version(folder: str) -> str | None:
    """The folder with the highest number for a name, as TFX numbers artifacts."""
    numbers = [name for name in _folders(folder) if name.isdecimal()]
    return os.path.join(folder, max(numbers, key=int)) if numbers else None


def _folders(path: str) -> list[str]:
    """The names of the folders in a folder, without hidden ones; none if there is no such folder."""
    if not os.path.isdir(path):
        return []
    return sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))
