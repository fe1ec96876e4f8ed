"""``diptych export-encoders``: the encoders of a run's texts and labels, for other code."""

from __future__ import annotations

import os

from diptych.pipeline.export.errors import ExportError
from diptych.pipeline.runs.run_folder import TRANSFORM_GRAPH, RunFolder


def export_run_encoders(run_folder: str, output_path: str) -> int:
    """Writes the encoders that a run's Transform fitted to a JSON file.

    ``diptych.models.text.sklearn_encoders.load_encoders`` builds scikit-learn's objects from it.

    Args:
        run_folder: the folder of a run, or of a Transform graph.

    Returns:
        The number of terms in the vocabulary of the texts.

    Raises:
        ExportError: there is no Transform graph of Diptych.
        OSError: the file cannot be written.
    """
    from diptych.models.text.sklearn_encoders import export_encoders

    try:
        return len(export_encoders(find_transform_graph(run_folder), output_path).vocabulary)
    except ValueError as error:
        raise ExportError(str(error)) from None


def find_transform_graph(path: str) -> str:
    """The folder of a Transform graph: the path itself, or the one that the summary of a run there names.

    Raises:
        ExportError: there is none.
    """
    if os.path.isdir(os.path.join(path, "transform_fn")):
        return path
    if folder := RunFolder(path).recorded_artifacts().get(TRANSFORM_GRAPH):
        return folder
    raise ExportError(
        f"'{path}' is neither the folder of a run that reached Transform nor a Transform graph, which holds "
        f"'transform_fn'"
    )
