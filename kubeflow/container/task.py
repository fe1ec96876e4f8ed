"""A step's task as its container is given it: the ExecutorInput, and the paths that stand for its URIs.

TFX writes to an artifact's URI as it is, and its file systems know no ``minio://``. KFP's launcher therefore copies
each artifact between its URI and a path of the container, its mirror. The executor is given these paths; what it
reports is mapped back to URIs. Where there is no launcher (Vertex), or where Beam's workers run elsewhere and would not
see the container's files, ``gs://`` is used as it is. Steps that run none of TFX's own code use any store as it is.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from typing import Any

from diptych.components.catalogue import transfer
from diptych.components.catalogue.storage import is_file
from diptych.kubeflow.container import store
from diptych.models.errors import FAILED, DiptychError

#: Environment variable: the root of the container's file system. It is set where a step runs in no container.
ROOT_VARIABLE = "DIPTYCH_ROOT"


# The output that KFP's driver adds to every step: since KFP 2.5 the launcher writes there what the step prints.
_LOGS = "executor-logs"


class StepError(DiptychError):
    """A step cannot run; the message says why and what to do."""

    exit_code = FAILED


def container_path(path: str = "") -> str:
    """A path of the container's file system; ``path`` is relative to its root."""
    return os.path.join(os.environ.get(ROOT_VARIABLE, "/"), path)


class Task:
    """A step's ExecutorInput, and the mapping between URIs and paths.

    Args:
        artifacts: ``mirrored`` by KFP's launcher; ``native``, used by TensorFlow where they are, which is possible at
            ``gs://`` only; or ``remote``, used by Diptych's own code where they are, in any store.
        name: name of the task.
        run_id: id of the run.
        executor_input: KFP's ExecutorInput as JSON.
        outputs: names of the output artifacts that are the step's own.

    Attributes:
        executor_input: the ExecutorInput, a protobuf message. Methods of the task change it. Of the outputs it has the
            step's own; the launcher's stay in its hands.
        run_folder: URI of the run's folder in the publish directory; None without such a directory.
        label: what the step is called in the summary of the run: its name, or in a loop a name of its own.
        log: URI of the file to which the launcher writes what the step prints; None if it writes none.

    Raises:
        StepError: ``executor_input`` is no ExecutorInput.
    """

    def __init__(
        self, artifacts: str, name: str, run_id: str, executor_input: str, outputs: Collection[str] = ()
    ) -> None:
        from kfp.pipeline_spec import pipeline_spec_pb2

        self.is_mirrored, self.is_remote = artifacts == "mirrored", artifacts == "remote"
        self.name = self.label = name
        self.executor_input = pipeline_spec_pb2.ExecutorInput()
        _parse(executor_input, self.executor_input, "--json_serialized_invocation_args")
        self._uris: dict[str, str] = {}  # by path
        directory = self.pop_parameter("publish_directory")
        self.run_folder = f"{directory}/{run_id}" if directory else None
        self.log = self._pop_output(_LOGS)
        for output in set(self.executor_input.outputs.artifacts) - set(outputs):
            self._pop_output(output)

    def _pop_output(self, name: str) -> str | None:
        """Removes an output that is not the step's own, and returns its URI; None if there is none of this name."""
        lists = self.executor_input.outputs.artifacts
        if name not in lists:
            return None
        uri = next((str(artifact.uri) for artifact in lists[name].artifacts), None)
        del lists[name]
        return uri

    @property
    def parameters(self) -> Any:
        """The input parameters: a mutable mapping from name to ``google.protobuf.Value``."""
        return self.executor_input.inputs.parameter_values

    def pop_parameter(self, name: str) -> Any:
        """Removes a parameter that the executor does not know, and returns its value as JSON; None if it is not given.

        Numbers of objects and lists are floats.
        """
        from google.protobuf import json_format

        if name not in self.parameters:
            return None
        value = json_format.MessageToDict(self.parameters[name])
        del self.parameters[name]
        return value

    def fill_input_types(self, inputs_spec: str) -> None:
        """Gives the input artifacts their types: KFP's driver leaves those of TFX empty (TFX issue 7768).

        Args:
            inputs_spec: the step's ComponentInputsSpec as JSON.

        Raises:
            StepError: it is none.
        """
        from kfp.pipeline_spec import pipeline_spec_pb2

        spec = pipeline_spec_pb2.ComponentInputsSpec()
        _parse(inputs_spec, spec, "--json_serialized_inputs_spec_args")
        for name, artifact in _each_artifact(self.executor_input.inputs.artifacts):
            kind = artifact.type.WhichOneof("kind")
            if name in spec.artifacts and (kind is None or not getattr(artifact.type, kind)):
                artifact.type.CopyFrom(spec.artifacts[name].artifact_type)

    def set_json_parameter(self, place: list[str], value: Any) -> None:
        """Sets a value inside of a parameter that holds a JSON object, whose values may be texts of JSON in turn.

        Args:
            place: the name of the parameter, then a key at each depth.

        Raises:
            StepError: there is no such key.
        """
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

        self.parameters[name].string_value = changed(self.parameters[name].string_value, keys)

    def is_native(self, uri: str) -> bool:
        """Whether TensorFlow reads and writes a URI or path where it is.

        Raises:
            StoreError: the URI has an unknown scheme.
        """
        parts = store.split_uri(uri)
        return parts is None or (not (self.is_mirrored or self.is_remote) and parts[0] == "gs")

    def map_path(self, path: str, uri: str) -> None:
        """Records that a path stands for a URI; so does then every path below it."""
        self._uris[path] = uri

    def to_uri(self, text: str) -> str:
        """A text in which each recorded path is replaced by the URI that it stands for."""
        # The longest first: one path may begin with another.
        for path in sorted(self._uris, key=len, reverse=True):
            text = text.replace(path, self._uris[path])
        return text

    def map_artifacts(self) -> None:
        """Replaces the URIs of the artifacts by paths, and makes the outputs' folders, empty.

        Raises:
            StepError: an input is missing, or an output's folder cannot be written.
            StoreError: a URI has an unknown scheme.
        """
        for name, artifact in _each_artifact(self.executor_input.inputs.artifacts):
            path = self._map_artifact(artifact)
            if not self._exists(path):
                raise StepError(
                    f"input '{name}' ({self.to_uri(path)}) is not at {path}: the step before wrote nothing there, "
                    "or the store has lost it; run again without cache"
                )
        for name, artifact in _each_artifact(self.executor_input.outputs.artifacts):
            path = self._map_artifact(artifact)
            self._make_empty_folder(name, path)

    def _map_artifact(self, artifact: Any) -> str:
        uri = str(artifact.uri)
        if not uri:
            raise StepError(f"artifact '{artifact.name}' has no URI")
        if self.is_remote:
            artifact.uri = store.mounted_path(uri)
        elif self.is_mirrored:
            artifact.uri = store.mirror_path(uri, container_path())
        elif not self.is_native(uri) or store.split_uri(uri) is None:
            raise StepError(f"'{uri}' of artifact '{artifact.name}': without mirrors, artifacts are at gs:// only")
        self.map_path(artifact.uri, uri)
        return str(artifact.uri)

    def _exists(self, path: str) -> bool:
        if self.is_mirrored:
            return os.path.exists(path)
        if self.is_remote:
            return store.is_folder(self.to_uri(path))
        from tfx.dsl.io import fileio

        return bool(fileio.exists(path))

    def _make_empty_folder(self, name: str, path: str) -> None:
        """Makes the folder of an output; what an earlier attempt left there would be taken for part of the result."""
        if self.is_remote:
            store.remove(self.to_uri(path))
            return
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
                f"output '{name}' ({self.to_uri(path)}) cannot be written at {path}: {error.strerror}; the image's "
                "user must be allowed to write there"
            ) from None

    def write_output(self, output: dict[str, Any]) -> None:
        """Writes the ExecutorOutput, in which a step reports its output parameters and artifacts."""
        transfer.write_whole(self.executor_input.outputs.output_file, json.dumps(output).encode())

    def remove_output(self) -> None:
        """Removes the ExecutorOutput of an earlier attempt, if there is one."""
        path = self.executor_input.outputs.output_file
        if is_file(path):
            from tfx.dsl.io import fileio

            fileio.remove(path)

    def read_output(self) -> dict[str, Any]:
        """The ExecutorOutput that the executor wrote."""
        return dict(json.loads(transfer.read_whole(self.executor_input.outputs.output_file)))

    def restore_output_uris(self) -> dict[str, Any]:
        """Replaces the paths in the ExecutorOutput by URIs, and returns it."""
        output: dict[str, Any] = map_strings(self.read_output(), self.to_uri)
        self.write_output(output)
        return output


def _parse(text: str, message: Any, argument: str) -> None:
    """Fills a protobuf message from the JSON of an argument of the command line.

    Raises:
        StepError: it is none of such a message.
    """
    from google.protobuf import json_format

    try:
        json_format.Parse(text, message, ignore_unknown_fields=True)
    # The parser takes for granted that the whole is an object.
    except (json_format.ParseError, RecursionError, TypeError, AttributeError) as error:
        raise StepError(f"{argument} is no {message.DESCRIPTOR.name}: {error}") from None


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with every string but the keys changed by a function."""
    if isinstance(value, dict):
        return {key: map_strings(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [map_strings(item, change) for item in value]
    return change(value) if isinstance(value, str) else value


def _each_artifact(lists: Any) -> Iterator[tuple[str, Any]]:
    """Name and artifact of each, from a mapping of names to ArtifactList."""
    return ((name, artifact) for name in sorted(lists) for artifact in lists[name].artifacts)
