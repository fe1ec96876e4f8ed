"""The step Decode: decodes one slice of the catalogue, which it reads in place."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

from diptych.kubeflow.container.manifests import store_manifests
from diptych.kubeflow.container.staging import catalogue_in_place, with_local_images
from diptych.kubeflow.container.task import StepError, Task
from diptych.kubeflow.step_names import slice_label
from diptych.models.errors import DiptychError
from diptych.models.shown_text import show_text
from diptych.pipeline.cli.terminal import print_line

_OUTPUT = "slice"


def run_decode(task: Task) -> dict[str, Any]:
    """Writes what ``diptych.components.example_gen.decoded_slices`` describes; returns the ExecutorOutput, with URIs.

    Raises:
        StepError: the slice could not be decoded; the message names it and its first row.
    """
    from diptych.components.catalogue.slices import Slice
    from diptych.pipeline.runs.summary import explain_error

    part = Slice.from_json(task.pop_parameter("slice"))
    task.label = slice_label(part.number)
    # Of a pod that is killed, the log begins with what it was about.
    print_line(f"{part}, digest {part.digest}")
    task.map_artifacts()
    task.remove_output()
    artifact = task.executor_input.outputs.artifacts[_OUTPUT].artifacts[0]
    try:
        _decode(task, part, artifact.uri)
    except Exception as error:
        if not isinstance(error, DiptychError):
            logging.getLogger(__name__).error("%s\n%s", part, show_text(traceback.format_exc()))
        raise StepError(task.to_uri(f"{part}: {explain_error(error)}")) from error
    store_manifests(task)
    metadata = {"slice": part.number, "rows": part.rows}
    reported = {"name": artifact.name, "uri": artifact.uri, "metadata": metadata}
    task.write_output({"artifacts": {_OUTPUT: {"artifacts": [reported]}}})
    return task.restore_output_uris()


def _decode(task: Task, part: Any, folder: str) -> None:
    """Decodes a slice.

    Args:
        part: the slice.
        folder: path of the output.
    """
    from diptych.components.catalogue.catalogue import Catalogue
    from diptych.components.catalogue.options import DataOptions
    from diptych.components.example_gen.decoded_slices import decode_slice
    from diptych.models.images.options import ImageOptions

    options = with_local_images(task, json.loads(task.pop_parameter("data_options")))
    catalogue = catalogue_in_place(task, task.pop_parameter("catalogue"))
    image = ImageOptions.model_validate_json(task.pop_parameter("image_options"))
    decode_slice(part, Catalogue.open(DataOptions(**options, catalogue=catalogue)), image, folder)
