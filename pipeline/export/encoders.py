"""``diptych export-encoders``: the encoders of a run's texts and labels, for other code."""

from __future__ import annotations

import os

from diptych.models.errors import DiptychError
from diptych.pipeline.runs.run_folder import TRANSFORM_GRAPH, RunFolder


class EncodersError(DiptychError):
    """There are no encoders to export; the message says where they were looked for."""


def export_encoders_of_run(run_folder: str, output_path: str) -> int:
    """Writes the encoders of a run's newest Transform, or of a Transform artifact, to a JSON file.

    ``diptych.models.text.sklearn_encoders.load_encoders`` builds scikit-learn's objects from it.

    Returns:
        The number of terms.

    Raises:
        EncodersError: there are none, or the file cannot be written.
    """
    from diptych.models.text.sklearn_encoders import export_encoders

    try:
        return len(export_encoders(find_transform_graph(run_folder), output_path).vocabulary)
    except (OSError, ValueError) as error:
        raise EncodersError(str(error)) from None


def find_transform_graph(path: str) -> str:
    """The folder of a Transform graph: the path itself, or what the summary of a run there names.

    Raises:
        EncodersError: there is none.
    """
    if os.path.isdir(os.path.join(path, "transform_fn")):
        return path
    if folder := RunFolder(path).recorded_artifacts().get(TRANSFORM_GRAPH):
        return folder
    raise EncodersError(
        f"'{path}' is neither the folder of a run that reached Transform nor a Transform graph, which holds "
        f"'transform_fn'"
    )
