"""Versions in the push directory, which are folders whose names are numbers: pushed models and accepted statistics.

Kubernetes may run a step more than once: a pod that is lost after its work is done is replaced. What each attempt
needs to know of those before it is kept in the run's folder of the publish directory.
"""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from diptych.components.artifacts import ACCEPTED_FOLDER, STATISTICS_FILE
from diptych.kubeflow.container import store
from diptych.kubeflow.container.task import Task

_ATTEMPTS_FOLDER = "attempts"


@dataclass(frozen=True)
class VersionKind:
    """What versions hold.

    Attributes:
        subfolder: of the push directory, in which they are.
        last_file: the file of a version that is stored last: without it the version is not whole.
    """

    subfolder: str
    last_file: str


#: Without this file, TensorFlow Serving takes no folder for a model.
MODELS = VersionKind("", "saved_model.pb")
ACCEPTED = VersionKind(ACCEPTED_FOLDER, STATISTICS_FILE)


class Attempts(BaseModel):
    """What the attempts of a step in a run have in common.

    Attributes:
        inputs: URI of each input artifact.
        newest: the version that was brought as the newest when the first attempt began; None if none was.
        added: the version under which an attempt stored its result, or was about to; None if none came so far.
    """

    inputs: dict[str, str]
    newest: str | None
    added: str | None = None


@dataclass
class Addition:
    """The version that the executor added to the push directory; None if it added none."""

    version: str | None = None


@contextmanager
def staged_newest_model(task: Task) -> Iterator[None]:
    """Puts a folder with the newest model in the place of the push directory while the executor runs.

    The parameter ``push_directory`` becomes that folder. A directory that TensorFlow reaches itself stays.

    Raises:
        StoreError: the push directory cannot be read.
    """
    uri = task.parameters["push_directory"].string_value
    if task.is_native(uri):
        yield
        return
    with TemporaryDirectory() as scratch:
        task.map_path(scratch, uri)
        task.parameters["push_directory"].string_value = scratch
        _bring(uri, newest_version(uri, MODELS), scratch)
        yield


@contextmanager
def staged_addition(task: Task, kind: VersionKind, with_newest: bool) -> Iterator[Addition]:
    """Puts a scratch folder in the place of the push directory, and stores the version that the executor adds.

    The parameter ``push_directory`` becomes that folder. If the block ends well, the version that was added is stored:
    its last file last, under a number greater than all others. A further attempt in the same run, with the same
    inputs, is given the version that was the newest for the first one, and stores its result under the same number;
    if that is whole, it stays as it is.

    Args:
        with_newest: whether the executor finds the newest version in the folder.

    Raises:
        StoreError: the push directory or the run's folder cannot be read or written.
    """
    uri = task.parameters["push_directory"].string_value
    source = posixpath.join(uri, kind.subfolder).rstrip("/")
    attempts = _read_attempts(task)
    if attempts is None:
        attempts = Attempts(inputs=_inputs(task), newest=newest_version(source, kind) if with_newest else None)
        _write_attempts(task, attempts)
    addition = Addition()
    with TemporaryDirectory() as scratch:
        task.map_path(scratch, uri)
        task.parameters["push_directory"].string_value = scratch
        folder = os.path.join(scratch, kind.subfolder)
        os.makedirs(folder, exist_ok=True)
        _bring(source, attempts.newest, folder)
        yield addition
        for version in set(os.listdir(folder)) - {attempts.newest}:
            addition.version = attempts.added or _next_version(source, version)
            _write_attempts(task, attempts.model_copy(update={"added": addition.version}))
            _store(os.path.join(folder, version), f"{source}/{addition.version}", kind)
            task.map_path(os.path.join(folder, version), f"{source}/{addition.version}")


def newest_version(source: str, kind: VersionKind) -> str | None:
    """The name of the newest version in a folder that is whole; None if there is none.

    Raises:
        StoreError: the store does not answer.
    """
    versions = sorted(_versions(source), key=int, reverse=True)
    return next((version for version in versions if _is_whole(f"{source}/{version}", kind)), None)


def _versions(source: str) -> list[str]:
    return [name for name in store.list_names(source) if name.isdecimal()]


def _next_version(source: str, wanted: str) -> str:
    """The number that is wanted, which is the time, or a greater one than all that there are."""
    return str(max([int(wanted), *(int(version) + 1 for version in _versions(source))]))


def _is_whole(uri: str, kind: VersionKind) -> bool:
    return store.is_file(f"{uri}/{kind.last_file}")


def _bring(source: str, version: str | None, folder: str) -> None:
    if version is not None:
        store.download_folder(f"{source}/{version}", os.path.join(folder, version))


def _store(folder: str, uri: str, kind: VersionKind) -> None:
    if _is_whole(uri, kind):
        sys.stderr.write(f"diptych: {uri} was stored by an earlier attempt\n")
        return
    store.upload_folder(folder, uri, last=kind.last_file)


def _inputs(task: Task) -> dict[str, str]:
    artifacts = task.executor_input.inputs.artifacts
    return {name: task.to_uri(artifact.uri) for name in artifacts for artifact in artifacts[name].artifacts}


def _attempts_file(task: Task) -> str | None:
    return task.run_folder and f"{task.run_folder}/{_ATTEMPTS_FOLDER}/{task.name}.json"


def _read_attempts(task: Task) -> Attempts | None:
    """What earlier attempts with the same inputs left; None if this is the first one."""
    file = _attempts_file(task)
    if file is None or not store.is_file(file):
        return None
    attempts = Attempts.model_validate_json(store.read_file(file))
    return attempts if attempts.inputs == _inputs(task) else None


def _write_attempts(task: Task, attempts: Attempts) -> None:
    if file := _attempts_file(task):
        store.write_file(file, attempts.model_dump_json().encode())
