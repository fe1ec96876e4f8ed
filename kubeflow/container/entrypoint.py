"""What each step's container runs: TFX's own executor, made at home under KFP's launcher.

TFX writes to an artifact's URI as it is, and its file systems know no ``minio://``. KFP's launcher mirrors each URI in
the container's file system, so the executor is given the mirror's paths, and what it reports is mapped back. Where no
launcher is (Vertex), or Beam's workers are elsewhere and would not see its mirrors, ``gs://`` is used as it is.

Each process that decodes images imports this module again: what takes long to import is imported where it is used.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import posixpath
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any

from diptych.kubeflow.container import store
from diptych.models.errors import FAILED, OK, DiptychError

#: Root of the file system in which the launcher mirrors artifacts; another one than ``/`` where none has containers.
ROOT_VARIABLE = "DIPTYCH_ROOT"
#: As the span that is asked for: the greatest there is.
LATEST_SPAN = -1
#: As the version that was found: the catalogue has no place for one.
NO_VERSION = -1


class StepError(DiptychError):
    """A step cannot run; the message says why and what to do."""

    exit_code = FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one step; returns 0, or 1 after a message on standard error."""
    parser = argparse.ArgumentParser(prog="python -m diptych.kubeflow.container.entrypoint", description=__doc__)
    parser.add_argument("mode", choices=["step", "sources", "publish"])
    parser.add_argument("--artifacts", choices=["mirrored", "native"], required=True)
    parser.add_argument("--step", required=True, help="name of the task")
    parser.add_argument("--json_serialized_invocation_args", required=True, help="KFP's ExecutorInput, as JSON")
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}", help="the inputs' types, as JSON")
    parser.add_argument("--executor_class_path")
    options, beam_arguments = parser.parse_known_args(arguments)
    try:
        task = Task(options.artifacts, options.step, options.json_serialized_invocation_args)
        {"step": _run_step, "sources": _run_sources, "publish": _run_publish}[options.mode](
            task, options, beam_arguments
        )
    except DiptychError as error:
        return _complain(options.step, str(error))
    except Exception as error:
        from diptych.pipeline.runs.summary import explain_error

        logging.getLogger(__name__).exception("%s failed", options.step)
        return _complain(options.step, explain_error(error))
    return OK


def _complain(step: str, message: str) -> int:
    sys.stderr.write(f"diptych: {step} failed: {message}\n")
    return FAILED


class Task:
    """A step's ExecutorInput, and the way between URIs and paths.

    Args:
        artifacts: ``mirrored`` by KFP's launcher, or ``native``, which only ``gs://`` is.
        name: of the task.
        executor_input: as JSON.

    Raises:
        StepError: it is no ExecutorInput.
    """

    def __init__(self, artifacts: str, name: str, executor_input: str) -> None:
        from google.protobuf import json_format
        from kfp.pipeline_spec import pipeline_spec_pb2

        self.is_mirrored = artifacts == "mirrored"
        self.name = name
        self.input = pipeline_spec_pb2.ExecutorInput()
        try:
            json_format.Parse(executor_input, self.input, ignore_unknown_fields=True)
        except json_format.ParseError as error:
            raise StepError(f"--json_serialized_invocation_args is no ExecutorInput: {error}") from None
        self.run = _run_of(self.input, name)
        # From paths to the URIs they stand for, the longest first.
        self._originals: dict[str, str] = {}

    @property
    def parameters(self) -> Any:
        """Name to ``google.protobuf.Value``."""
        return self.input.inputs.parameter_values

    def take(self, name: str) -> Any:
        """A parameter that is not the executor's; None if it is not given."""
        if name not in self.parameters:
            return None
        value = self.parameters[name]
        taken = getattr(value, value.WhichOneof("kind"))
        del self.parameters[name]
        return taken

    def is_native(self, uri: str) -> bool:
        """Whether TensorFlow reads and writes the URI where it is."""
        parsed = store.parse(uri)
        return parsed is None or (not self.is_mirrored and parsed[0] == "gs")

    def stand_for(self, path: str, uri: str) -> None:
        """Remembers that a path, and what lies below it, stands for a URI."""
        self._originals[path] = uri

    def original(self, text: str) -> str:
        """The text with URIs in the places of the paths that stand for them."""
        for path in sorted(self._originals, key=len, reverse=True):
            text = text.replace(path, self._originals[path])
        return text

    def map_artifacts(self) -> None:
        """Gives inputs and outputs their paths.

        Raises:
            StepError: an input is missing, or an output's place cannot be written.
            StoreError: a URI has an unknown scheme.
        """
        for name, artifact in _artifacts(self.input.inputs.artifacts):
            path = self._map(artifact)
            if not self._exists(path):
                raise StepError(
                    f"input '{name}' ({self.original(path)}) is not at {path}: the step before wrote nothing there, "
                    "or the store has lost it; run again without cache"
                )
        for name, artifact in _artifacts(self.input.outputs.artifacts):
            path = self._map(artifact)
            self._prepare(name, path)

    def _map(self, artifact: Any) -> str:
        uri = str(artifact.uri)
        if not uri:
            raise StepError(f"artifact '{artifact.name}' has no URI")
        if not self.is_mirrored:
            if not self.is_native(uri) or store.parse(uri) is None:
                raise StepError(f"'{uri}' of artifact '{artifact.name}': without mirrors, artifacts are at gs:// only")
            return uri
        artifact.uri = store.mirror(uri, os.environ.get(ROOT_VARIABLE, "/"))
        self.stand_for(artifact.uri, uri)
        return str(artifact.uri)

    def _exists(self, path: str) -> bool:
        if self.is_mirrored:
            return os.path.exists(path)
        from tfx.dsl.io import fileio

        return bool(fileio.exists(path))

    def _prepare(self, name: str, path: str) -> None:
        """Makes an empty folder: what an attempt before this one left would be taken for part of the result."""
        if not self.is_mirrored:
            from tfx.dsl.io import fileio

            if fileio.exists(path):
                fileio.rmtree(path)
            fileio.makedirs(path)
            return
        try:
            shutil.rmtree(path, ignore_errors=True)
            os.makedirs(path)
        except OSError as error:
            raise StepError(
                f"output '{name}' ({self.original(path)}) cannot be written at {path}: {error.strerror}; the image's "
                "user must be allowed to write there"
            ) from None

    def write_output(self, output: dict[str, Any]) -> None:
        """Writes an ExecutorOutput."""
        from tfx.dsl.io import fileio

        uri = self.input.outputs.output_file
        fileio.makedirs(os.path.dirname(uri))
        with fileio.open(uri, "w") as file:
            file.write(json.dumps(output))

    def restore_output(self) -> dict[str, Any]:
        """Puts URIs in the places of paths in the ExecutorOutput, and returns it."""
        from tfx.dsl.io import fileio

        with fileio.open(self.input.outputs.output_file) as file:
            output: dict[str, Any] = json.loads(file.read())
        output = _map_strings(output, self.original)
        self.write_output(output)
        return output


def _artifacts(lists: Any) -> Iterator[tuple[str, Any]]:
    return ((name, artifact) for name in sorted(lists) for artifact in lists[name].artifacts)


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _map_strings(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_map_strings(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def _run_of(executor_input: Any, step: str) -> str:
    """The run's id: the folder above the task's in its output file's path.

    KFP: ``<root>/<pipeline>/<run>/<task>/...`` (backend/src/v2/driver/driver.go, provisionOutputs). Vertex:
    ``<root>/<project>/<run>/<task>_<number>/...``.
    """
    places = [executor_input.outputs.output_file, *(a.uri for _, a in _artifacts(executor_input.outputs.artifacts))]
    for place in places:
        # The last is the task's: folders of this machine above the mirror may bear its name too.
        for above, folder in reversed(list(itertools.pairwise(place.split("/")))):
            if folder == step or folder.startswith(f"{step}_"):
                return str(above)
    return "unknown-run"


# ---- a step of the DAG --------------------------------------------------------------------------


def _run_step(task: Task, options: argparse.Namespace, beam_arguments: list[str]) -> None:
    """Runs the executor, and tells the summary what became of it."""
    from diptych.kubeflow.container import publish

    directory = task.take("publish_directory")
    started = time.monotonic()
    try:
        output = _execute(task, options, beam_arguments)
    except Exception as error:
        from diptych.pipeline.runs.summary import explain_error

        publish.record(directory, task.run, task.name, publish.Note.of_failure(task, explain_error(error)))
        raise
    note = publish.Note.of_success(task, time.monotonic() - started, output)
    publish.record(directory, task.run, task.name, note)


def _execute(task: Task, options: argparse.Namespace, beam_arguments: list[str]) -> dict[str, Any]:
    from google.protobuf import json_format
    from tfx.dsl.io import fileio
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    task.map_artifacts()
    with ExitStack() as stack:
        after = _adapt(task, stack)
        # What an earlier attempt reported is not this one's.
        if fileio.exists(task.input.outputs.output_file):
            fileio.remove(task.input.outputs.output_file)
        options.json_serialized_invocation_args = json_format.MessageToJson(task.input)
        kubeflow_v2_run_executor.main((options, beam_arguments))
        after()
        return task.restore_output()


def _adapt(task: Task, stack: ExitStack) -> Callable[[], None]:
    """Puts runtime parameters in their places and brings what no launcher brings; returns what to do afterwards."""
    if (epochs := task.take("epochs")) is not None:
        _set_json(task, ["custom_config", "train_options", "epochs"], int(epochs))
    if (text := task.take("schema_text")) is not None:
        _write_schema(task, stack, text)
    if (catalogue := task.take("catalogue")) is not None:
        _resolve_input(task, stack, catalogue)
    if task.name == "DataGate":
        return _bring_accepted(task, stack)
    if task.name == "Trainer" and "push_directory" in task.parameters:
        _bring_newest(task, stack, "")
        _set_json(task, ["custom_config", "push_directory"], task.take("push_directory"))
    if task.name == "Evaluator":
        return _bring_last_blessed(task, stack)
    if task.name == "Pusher":
        return _push_by_way_of_scratch(task, stack)
    return lambda: None


def _set_json(task: Task, place: list[str], value: Any) -> None:
    """Sets a value inside a parameter that is JSON, whose values may be JSON again."""
    name, *keys = place

    def changed(text: str, keys: list[str]) -> str:
        parsed = json.loads(text)
        key, *deeper = keys
        if key not in parsed:
            raise StepError(f"parameter '{name}' has no {'.'.join(place[1:])}: compile the pipeline again")
        if not deeper:
            parsed[key] = value
        elif isinstance(parsed[key], str):
            parsed[key] = changed(parsed[key], deeper)
        else:
            parsed[key] = json.loads(changed(json.dumps(parsed[key]), deeper))
        return json.dumps(parsed)

    task.parameters[name].string_value = changed(task.parameters[name].string_value, keys)


def _write_schema(task: Task, stack: ExitStack, text: str) -> None:
    folder = stack.enter_context(TemporaryDirectory())
    path = os.path.join(folder, os.path.basename(task.parameters["schema_file"].string_value))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    task.parameters["schema_file"].string_value = path


def _resolve_input(task: Task, stack: ExitStack, catalogue: str) -> None:
    """Does what ExampleGen's driver does before the executor: the input's place, its span, its fingerprint."""
    from tfx.components.example_gen import utils

    from diptych.components.example_gen.driver import standard_input

    for key, text in standard_input(_bring_catalogue(task, stack, catalogue)).items():
        task.parameters[key].string_value = text
    options = task.parameters["data_options"]
    options.string_value = json.dumps(_with_images(task, json.loads(options.string_value)))
    # Found by Sources, which knows the images too.
    resolved: dict[str, Any] = {
        utils.FINGERPRINT_PROPERTY_NAME: task.take("digest"),
        utils.SPAN_PROPERTY_NAME: int(task.take("span")),
    }
    if (version := int(task.take("version"))) != NO_VERSION:
        resolved[utils.VERSION_PROPERTY_NAME] = version
    metadata = task.input.outputs.artifacts["examples"].artifacts[0].metadata
    for key, value in resolved.items():
        kind = "string_value" if isinstance(value, str) else "number_value"
        setattr(task.parameters[key], kind, value)
        metadata[key] = value


def _bring_catalogue(task: Task, stack: ExitStack, catalogue: str) -> str:
    """The catalogue as this step reaches it: in place, or in a copy of its folder.

    Raises:
        StepError: it names a path, and there is nothing, or a store that only a launcher's steps reach.
        StoreError: it cannot be read.
    """
    from diptych.components.catalogue.remote import is_web
    from diptych.components.catalogue.spans import static_folder

    if is_web(catalogue):
        return catalogue
    if not task.is_native(catalogue):
        if not task.is_mirrored:
            raise StepError(f"'{catalogue}': here a catalogue is read at gs:// or https:// only")
        is_folder = store.is_folder(catalogue)
        folder = catalogue.rstrip("/") if is_folder else static_folder(catalogue)
        local = stack.enter_context(store.local_copy(folder))
        task.stand_for(local, folder)
        # A folder that ends with a slash is where the names of its files begin: they then do not tell the copy's place.
        return os.path.join(local, "" if is_folder else catalogue[len(folder) :].lstrip("/"))
    folder = static_folder(catalogue)
    if store.parse(catalogue) is None and not os.path.exists(folder):
        raise StepError(f"there is no '{folder}' in the step's container: name the catalogue by a URI, or mount it")
    return catalogue


def _with_images(task: Task, options: dict[str, Any]) -> dict[str, Any]:
    """The data options with the images' root as this step reaches it."""
    from diptych.components.catalogue.remote import is_web

    root = options.get("images_root")
    if not root or is_web(root):
        return options
    located = store.located(root)
    if located != root:
        task.stand_for(located, root)
    return {**options, "images_root": located}


def _bring_last_blessed(task: Task, stack: ExitStack) -> Callable[[], None]:
    """The newest pushed model, from the push destination: no Resolver is needed."""
    scratch = _bring_newest(task, stack, "")
    if scratch is None:
        return lambda: None

    def restore_decision() -> None:
        from diptych.components.artifacts import DECISION_FILE, read_json, write_json

        evaluation = task.input.outputs.artifacts["evaluation"].artifacts[0].uri
        write_json(evaluation, DECISION_FILE, _map_strings(read_json(evaluation, DECISION_FILE), task.original))

    return restore_decision


def _bring_accepted(task: Task, stack: ExitStack) -> Callable[[], None]:
    """The last accepted statistics, from the push destination, where the next ones go."""
    from diptych.components.artifacts import ACCEPTED_FOLDER

    uri = task.parameters["push_directory"].string_value
    scratch = _bring_newest(task, stack, ACCEPTED_FOLDER)
    if scratch is None:
        return lambda: None
    brought = set(os.listdir(scratch))

    def upload() -> None:
        for version in set(os.listdir(scratch)) - brought:
            store.upload(os.path.join(scratch, version), f"{uri}/{ACCEPTED_FOLDER}/{version}")

    return upload


def _bring_newest(task: Task, stack: ExitStack, part: str) -> str | None:
    """Copies the newest numbered folder of a part of the push destination to scratch, which takes its place.

    Returns:
        The part's folder in scratch; None if the destination is used as it is.
    """
    uri = task.parameters["push_directory"].string_value
    if task.is_native(uri):
        return None
    scratch = stack.enter_context(TemporaryDirectory())
    task.stand_for(scratch, uri)
    task.parameters["push_directory"].string_value = scratch
    source, folder = posixpath.join(uri, part).rstrip("/"), os.path.join(scratch, part)
    os.makedirs(folder, exist_ok=True)
    if versions := [name for name in store.names(source) if name.isdecimal()]:
        newest = max(versions, key=int)
        store.download(f"{source}/{newest}", os.path.join(folder, newest))
    return folder


def _push_by_way_of_scratch(task: Task, stack: ExitStack) -> Callable[[], None]:
    uri = task.take("push_directory")
    target = uri
    if not task.is_native(uri):
        target = stack.enter_context(TemporaryDirectory())
        task.stand_for(target, uri)
    _set_json(task, ["push_destination", "filesystem", "base_directory"], target)

    def upload() -> None:
        if target != uri:
            for version in os.listdir(target):
                store.upload(os.path.join(target, version), f"{uri}/{version}")

    return upload


# ---- the steps around it ------------------------------------------------------------------------


def _run_sources(task: Task, *_: Any) -> None:
    """Finds the catalogue's span and digests every byte of it: what ingestion's cache key is made of."""
    from diptych.components.catalogue.fingerprint import digest_inputs
    from diptych.components.catalogue.options import DataOptions

    span = task.take("span")
    asked = None if span is None or span == LATEST_SPAN else int(span)
    found = store.resolve_span(task.take("catalogue"), asked)
    options = _with_images(task, json.loads(task.take("data_options")))
    with ExitStack() as stack:
        local = _bring_catalogue(task, stack, found.catalogue)
        try:
            digest = digest_inputs(DataOptions(**options, catalogue=local))
        except DiptychError as error:
            raise StepError(task.original(str(error))) from None
    version = NO_VERSION if found.version is None else found.version
    named = "" if found.version is None else f", version {version}"
    sys.stdout.write(f"{found.catalogue}: span {found.span}{named}, digest {digest}\n")
    values = {"catalogue": found.catalogue, "span": found.span, "version": version, "digest": digest}
    task.write_output({"parameterValues": values})


def _run_publish(task: Task, *_: Any) -> None:
    """The exit handler: joins the steps' notes to the run's summary."""
    from google.protobuf import json_format

    from diptych.kubeflow.container import publish

    status = json_format.MessageToDict(task.parameters["status"])
    steps = task.parameters["steps"].string_value.split(",")
    publish.publish(
        task.parameters["publish_directory"].string_value, task.parameters["run"].string_value, steps, status
    )


if __name__ == "__main__":
    sys.exit(main())
