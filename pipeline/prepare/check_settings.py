"""The settings that ``diptych check`` takes: those of a file, or those that a run of a catalogue would decide."""

from __future__ import annotations

import os
from collections.abc import Sequence

from diptych.models.scratch_folders import scratch_folder
from diptych.pipeline.prepare.run_settings import SETTINGS_FILE, is_settings_file, keep_settings, run_folder_of
from diptych.pipeline.settings import Settings, load_settings


def find_settings(path: str, overrides: Sequence[str]) -> tuple[Settings, list[str]]:
    """The settings, and lines for a person about how they were decided. Nothing is written.

    Args:
        path: a settings file, or a catalogue: then the settings are those that ``diptych run`` takes.
        overrides: ``key=value``, as ``--set`` gives them.

    Raises:
        SettingsError: the settings are refused.
        PreviewError, CatalogueError, SpanError: there is no catalogue, or it cannot be read.
    """
    if is_settings_file(path):
        return load_settings(path, overrides), []
    kept = run_folder_of(path)
    if os.path.exists(os.path.join(kept, SETTINGS_FILE)):
        lines = list(keep_settings(path, kept))
        return load_settings(os.path.join(kept, SETTINGS_FILE), overrides), lines
    with scratch_folder() as folder:
        *lines, _ = keep_settings(path, folder)
        settings = load_settings(os.path.join(folder, SETTINGS_FILE), overrides)
    return settings, [*lines, f"diptych run {path} takes these settings; diptych init {path} writes them to a file"]
