"""Versions in the push directory, which are folders whose names are numbers: pushed models and accepted data.

Kubernetes may run a step more than once: a pod that is lost after its work is done is replaced. What each attempt
needs to know of those before it is kept in the run's folder of the publish directory.
"""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from pydantic import BaseModel

from diptych.components.artifacts import ACCEPTED_FOLDER, STATISTICS_FILE
from diptych.components.data_gate.accepted_data import find_accepted_damage
from diptych.kubeflow.container import store
from diptych.kubeflow.container.task import Task
from diptych.models.serving.whole_model import SAVED_MODEL_FILE, find_model_damage
from diptych.models.version_directories import find_whole_version, sort_versions
from diptych.pipeline.cli.terminal import warn

_ATTEMPTS_FOLDER = "attempts"


@dataclass(frozen=True)
class VersionKind:
    """What versions hold.

    Attributes:
        subfolder: of the push directory, in which they are.
        last_file: the file of a version that is stored last: without it the version is not whole.
        find_damage: says what a version in a folder of this machine lacks; None if it is whole.
    """

    subfolder: str
    last_file: str
    find_damage: Callable[[str], str | None]


MODELS = VersionKind("", SAVED_MODEL_FILE, find_model_damage)
ACCEPTED = VersionKind(ACCEPTED_FOLDER, STATISTICS_FILE, find_accepted_damage)


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
        bring_newest(uri, MODELS, scratch)
        yield


@contextmanager
def staged_addition(task: Task, kind: VersionKind, with_newest: bool) -> Iterator[Addition]:
    """Puts a scratch folder in the place of the push directory, and stores the version that the executor adds.

    The parameter ``push_directory`` becomes that folder. If the block ends well, the version that was added is stored:
    its last file last, under a number that no other run gets and that is greater than all before. A further attempt in
    the same run, with the same inputs, is given the version that was the newest for the first one, and stores its
    result under the same number; if that is whole, it stays as it is.

    Args:
        with_newest: whether the executor finds the newest version in the folder.

    Raises:
        StoreError: the push directory or the run's folder cannot be read or written.
    """
    uri = task.parameters["push_directory"].string_value
    source = posixpath.join(uri, kind.subfolder).rstrip("/")
    attempts = _read_attempts(task)
    addition = Addition()
    with TemporaryDirectory() as scratch:
        task.map_path(scratch, uri)
        task.parameters["push_directory"].string_value = scratch
        folder = os.path.join(scratch, kind.subfolder)
        os.makedirs(folder, exist_ok=True)
        if attempts is None:
            newest = bring_newest(source, kind, folder) if with_newest else None
            attempts = Attempts(inputs=_inputs(task), newest=newest)
            _write_attempts(task, attempts)
        elif attempts.newest:
            _bring(source, attempts.newest, folder)
        yield addition
        for version in set(os.listdir(folder)) - {attempts.newest}:
            addition.version = attempts.added or store.claim_number(source, int(version))
            _write_attempts(task, attempts.model_copy(update={"added": addition.version}))
            _store(os.path.join(folder, version), f"{source}/{addition.version}", kind)
            task.map_path(os.path.join(folder, version), f"{source}/{addition.version}")


def bring_newest(source: str, kind: VersionKind, folder: str) -> str | None:
    """Copies the newest version that is whole to a folder, and says which newer ones are not.

    Returns:
        Its name, by which it lies in the folder; None if there is none.

    Raises:
        StoreError: the store does not answer.
    """

    def find_damage(version: str) -> str | None:
        # What a killed step has left is told without copying it: it lacks its last file.
        if not store.is_file(f"{source}/{version}/{kind.last_file}"):
            return f"'{kind.last_file}' is missing"
        _bring(source, version, folder)
        if damage := kind.find_damage(os.path.join(folder, version)):
            shutil.rmtree(os.path.join(folder, version))
        return damage

    found = find_whole_version(sort_versions(store.list_names(source)), find_damage)
    for sentence in found.passed_over:
        warn(f"in {source}, {sentence}")
    return found.folder


def _bring(source: str, version: str, folder: str) -> None:
    store.download_folder(f"{source}/{version}", os.path.join(folder, version))


def _is_whole(uri: str, kind: VersionKind) -> bool:
    return store.is_file(f"{uri}/{kind.last_file}")


def _store(folder: str, uri: str, kind: VersionKind) -> None:
    if _is_whole(uri, kind):
        warn(f"{uri} was stored by an earlier attempt")
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
