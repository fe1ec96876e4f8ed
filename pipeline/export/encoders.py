"""``diptych export-encoders``: the encoders of a run's texts and labels, for other code."""

from __future__ import annotations

import json
import os

from diptych.models.errors import DiptychError
from diptych.pipeline.runs.summary import SUMMARY_FILE


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
    try:
        with open(os.path.join(path, SUMMARY_FILE), encoding="utf-8") as file:
            return str(json.load(file)["artifacts"]["Transform"]["transform_graph"])
    except (OSError, ValueError, KeyError, TypeError):
        raise EncodersError(
            f"'{path}' is neither the folder of a run that reached Transform nor a Transform graph, which holds "
            f"'transform_fn'"
        ) from None
