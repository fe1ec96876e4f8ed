"""What steps need around TFX's executor in a container: a table from the name of a step to its adapter.

An adapter is a context manager around the executor. Before, it puts runtime parameters in their places and brings what
no launcher brings; after, it takes away what no launcher takes. It skips the latter if the executor fails.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from diptych.kubeflow.container.kfp_artifacts import adapt_report
from diptych.kubeflow.container.sources import NO_VERSION
from diptych.kubeflow.container.staging import catalogue_in_place, staged_catalogue, with_local_images
from diptych.kubeflow.container.task import Task, map_strings

Adapter = Callable[[Task], AbstractContextManager[None]]


@contextmanager
def _adapt_example_gen(task: Task) -> Iterator[None]:
    """Does what ExampleGen's driver does elsewhere: the place of the input, its span and its fingerprint."""
    from tfx.components.example_gen import utils

    from diptych.components.example_gen.driver import standard_input

    with _reached_catalogue(task) as catalogue:
        for key, text in standard_input(catalogue).items():
            task.parameters[key].string_value = text
        options = task.parameters["data_options"]
        options.string_value = json.dumps(with_local_images(task, json.loads(options.string_value)))
        # The step Sources has found these.
        resolved: dict[str, Any] = {
            utils.FINGERPRINT_PROPERTY_NAME: task.pop_parameter("digest"),
            utils.SPAN_PROPERTY_NAME: int(task.pop_parameter("span")),
        }
        if (version := int(task.pop_parameter("version"))) != NO_VERSION:
            resolved[utils.VERSION_PROPERTY_NAME] = version
        metadata = task.executor_input.outputs.artifacts["examples"].artifacts[0].metadata
        for key, value in resolved.items():
            kind = "string_value" if isinstance(value, str) else "number_value"
            setattr(task.parameters[key], kind, value)
            metadata[key] = value
        yield


@contextmanager
def _reached_catalogue(task: Task) -> Iterator[str]:
    """The catalogue as ingestion reaches it. If the slices of it were decoded before, only its sources are looked at.

    Raises:
        IngestionError: not all slices that Sources planned were decoded.
    """
    from diptych.components.catalogue.slices import Slice
    from diptych.components.example_gen.decoded_slices import check_decoded_slices
    from diptych.components.example_gen.executor import SLICES_KEY

    planned, catalogue = task.pop_parameter("slices"), task.pop_parameter("catalogue")
    if planned is None:
        with staged_catalogue(task, catalogue) as place:
            yield place
        return
    folders = [str(artifact.uri) for artifact in task.executor_input.inputs.artifacts[SLICES_KEY].artifacts]
    check_decoded_slices(folders, [Slice.from_json(fields) for fields in planned])
    yield catalogue_in_place(task, catalogue)


@contextmanager
def _adapt_import_schema_gen(task: Task) -> Iterator[None]:
    """Writes the curated schema, whose text is in the pipeline spec, to the file that the executor copies."""
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, os.path.basename(task.parameters["schema_file"].string_value))
        with open(path, "w", encoding="utf-8") as file:
            file.write(task.pop_parameter("schema_text"))
        task.parameters["schema_file"].string_value = path
        yield


@contextmanager
def _adapt_data_gate(task: Task) -> Iterator[None]:
    """Brings the last accepted statistics, and stores those that the gate accepts."""
    from diptych.kubeflow.container.versions import ACCEPTED, staged_addition

    with staged_addition(task, ACCEPTED, with_newest=True):
        yield


def _set_epochs(task: Task) -> None:
    task.set_json_parameter(["custom_config", "train_options", "epochs"], int(task.pop_parameter("epochs")))


@contextmanager
def _adapt_tuner(task: Task) -> Iterator[None]:
    _set_epochs(task)
    yield


@contextmanager
def _adapt_trainer(task: Task) -> Iterator[None]:
    """Sets the epochs. Where training starts from the last blessed model, brings that."""
    from diptych.kubeflow.container.versions import staged_newest_model

    _set_epochs(task)
    if "push_directory" not in task.parameters:
        yield
        return
    with staged_newest_model(task):
        task.set_json_parameter(["custom_config", "push_directory"], task.pop_parameter("push_directory"))
        yield


@contextmanager
def _adapt_evaluator(task: Task) -> Iterator[None]:
    """Brings the last blessed model, which is the newest pushed one: no Resolver is needed."""
    from diptych.components.artifacts import DECISION_FILE, read_json, write_json
    from diptych.kubeflow.container.versions import staged_newest_model

    with staged_newest_model(task):
        yield
    # The decision names the model that it compared with by its path.
    evaluation = task.executor_input.outputs.artifacts["evaluation"].artifacts[0].uri
    write_json(evaluation, DECISION_FILE, map_strings(read_json(evaluation, DECISION_FILE), task.to_uri))


@contextmanager
def _adapt_pusher(task: Task) -> Iterator[None]:
    """Stores the model that the executor pushes."""
    from diptych.kubeflow.container.versions import MODELS, staged_addition

    with staged_addition(task, MODELS, with_newest=False) as pushed:
        place = ["push_destination", "filesystem", "base_directory"]
        task.set_json_parameter(place, task.pop_parameter("push_directory"))
        yield
    if pushed.version:
        output = task.read_output()
        # The executor names the version by its own time.
        output["artifacts"]["pushed_model"]["artifacts"][0]["metadata"]["pushed_version"] = pushed.version
        task.write_output(output)


@contextmanager
def _adapt_report(task: Task) -> Iterator[None]:
    """Tells the page what the steps before it took, and adds the outputs that KFP's own pages draw."""
    from diptych.kubeflow.container.publish import recall_ended_steps

    recall_ended_steps(task)
    with adapt_report(task):
        yield


#: The adapter of each step that needs one.
ADAPTERS: Mapping[str, Adapter] = {
    "ImageTextExampleGen": _adapt_example_gen,
    "ImportSchemaGen": _adapt_import_schema_gen,
    "DataGate": _adapt_data_gate,
    "Tuner": _adapt_tuner,
    "Trainer": _adapt_trainer,
    "Evaluator": _adapt_evaluator,
    "Pusher": _adapt_pusher,
    "Report": _adapt_report,
}
