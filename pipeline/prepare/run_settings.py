"""Settings of a run that was given a catalogue and no settings file: written by ``init``, and kept with the run."""

from __future__ import annotations

import os
from collections.abc import Iterator

from diptych.pipeline.prepare.describe import describe_preview
from diptych.pipeline.prepare.init import pipeline_name, write_settings
from diptych.pipeline.prepare.preview import preview_catalogue
from diptych.pipeline.runs.run_folder import RunFolder
from diptych.pipeline.settings import SettingsError, load_settings

#: Name of the settings file in the folder of the run.
SETTINGS_FILE = "diptych.yaml"


def is_settings_file(path: str) -> bool:
    """Whether a path that a command was given names settings; else it names a catalogue."""
    return path.lower().endswith((".yaml", ".yml"))


def run_folder_of(catalogue: str) -> str:
    """The folder of the run of a catalogue."""
    return os.path.join("runs", pipeline_name(catalogue))


def keep_settings(catalogue: str, folder: str) -> Iterator[str]:
    """Writes the settings of a catalogue into the folder of its run; yields lines about them, for a person.

    Settings that are there are kept as they are: they may have been edited.

    Raises:
        SettingsError: those that are there are of another catalogue.
        RunLockedError: another run works in the folder.
        PreviewError, CatalogueError, SpanError: there is no catalogue, or it cannot be read.
        OSError: the file cannot be written.
    """
    path = os.path.join(folder, SETTINGS_FILE)
    if os.path.exists(path):
        _check_catalogue(catalogue, path)
        yield f"Settings: {path}, as an earlier run left them; delete the file to have them decided anew"
        return
    preview = preview_catalogue(catalogue)
    with RunFolder(folder).locked():
        # Another run may have begun since.
        if os.path.exists(path):
            _check_catalogue(catalogue, path)
        else:
            write_settings(preview, catalogue, path)
    yield from describe_preview(preview)
    yield f"Settings: {path}"


def _check_catalogue(catalogue: str, path: str) -> None:
    earlier = load_settings(path).data.catalogue
    if earlier not in (catalogue, os.path.abspath(catalogue)):
        raise SettingsError(
            f"{path} is of the catalogue '{earlier}'; name another folder for the run of '{catalogue}' with --output"
        )
