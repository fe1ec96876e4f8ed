"""Manifests of artifacts in the store: each step writes those of its outputs, and checks its inputs by them.

A manifest lies beside the artifact, which TFX and the launcher of KFP take as a whole. Where a step uses a store as it
is, no file comes to its container, and there are no manifests: the store itself compares checksums.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.container.task import StepError, Task
from diptych.models.errors import DatasetError
from diptych.models.manifests import Manifest, describe_damage, manifest_path

_LOG = logging.getLogger(__name__)


def check_inputs(task: Task) -> None:
    """Compares the inputs of a step with their manifests; those that have none are logged.

    Args:
        task: its artifacts are mapped to paths.

    Raises:
        StepError: an input is damaged; the message names the file and the step that made it.
    """
    for name, path in _mirrored(task, task.executor_input.inputs.artifacts):
        uri = task.to_uri(path)
        try:
            manifest = Manifest.from_json(store.read_file(manifest_path(uri)))
        except (store.StoreError, DatasetError) as error:
            _LOG.warning("input '%s' is not checked: %s", name, error)
            continue
        if damage := manifest.find_damage(path):
            raise StepError(
                f"input '{name}' of {task.name} is damaged: {task.to_uri(describe_damage(damage))}; run again without "
                f"cache, and {_maker(uri)} makes it anew"
            )


def store_manifests(task: Task) -> None:
    """Writes the manifests of what a step has put out. That the store takes none is logged: the step's work is done."""
    for name, path in _mirrored(task, task.executor_input.outputs.artifacts):
        try:
            store.write_file(manifest_path(task.to_uri(path)), Manifest.of_folder(path).to_json().encode())
        except store.StoreError as error:
            _LOG.warning("no later step can check output '%s': %s", name, error)


def _mirrored(task: Task, artifacts: Any) -> Iterator[tuple[str, str]]:
    """Name and path of each artifact that is a folder of the container."""
    for name in sorted(artifacts) if task.is_mirrored else []:
        for artifact in artifacts[name].artifacts:
            if os.path.isdir(artifact.uri):
                yield name, artifact.uri


def _maker(uri: str) -> str:
    """The step that made an artifact: KFP's driver ends its URI with step, execution and output."""
    parts = uri.split("/")
    return parts[-3] if len(parts) > 5 else "the step before"
