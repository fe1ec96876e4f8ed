"""What KFP's launcher does in a step's container: it downloads inputs, runs the command and uploads outputs.

The comments name the functions of github.com/kubeflow/pipelines whose rules are followed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.container.task import ROOT_VARIABLE
from diptych.kubeflow.local.results import ResourceUsage
from diptych.kubeflow.spec import SpecError

# Volumes of a step's pod: those for the mirrors (backend/src/v2/compiler/argocompiler/container.go), and the folder of
# output parameters.
_VOLUMES = (*store.MIRROR_FOLDERS.values(), "tmp/kfp")
# What kubeflow/Dockerfile sets: the root file system of an image does not tell.
_IMAGE_USER = (1000, 0)
_IMAGE_PYTHON = "opt/diptych/bin/python"
_IMAGE_ENVIRONMENT = {
    "PATH": "/opt/diptych/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/home/diptych",
    "USER": "diptych",
}


def check_image(image_root: str) -> None:
    """Checks that a folder is the root file system of the steps' image.

    Raises:
        SpecError: it is not.
    """
    if not os.path.exists(os.path.join(image_root, _IMAGE_PYTHON)):
        raise SpecError(f"--image-root {image_root}: this is no image of the steps, it lacks {_IMAGE_PYTHON}")


class Launcher:
    """Runs the command of one container, whose files and environment are made here.

    Args:
        stores: folder of the object stores, each bucket at ``<scheme>/<bucket>``.
        folder: root of the container's file system where there is no image.
        image_root: root file system of an image to run the command in, by ``chroot``, which needs root's rights.

    Attributes:
        container_root: root of the container's file system as the command sees it.
    """

    def __init__(self, stores: Path, folder: Path, image_root: str | None) -> None:
        self._stores = stores
        self._image_root = image_root
        self.container_root = "/" if image_root else str(folder)

    def run(
        self, container: Mapping[str, Any], executor_input: Mapping[str, Any], log: Path
    ) -> tuple[ResourceUsage, int]:
        """Downloads the inputs, makes the outputs' folders, and runs the command: execute in ``launcher_v2.go``.

        Args:
            container: the container of the pipeline spec.
            log: file to write the command's output to.

        Returns:
            What the command took, and its exit code.
        """
        self.remove_volumes()
        for volume in _VOLUMES:
            self._volume(volume).mkdir(parents=True)
        for lists in executor_input["inputs"]["artifacts"].values():
            for artifact in lists["artifacts"]:
                self._download(artifact["uri"])
        outputs = executor_input["outputs"]
        for lists in outputs["artifacts"].values():
            self._mirror(lists["artifacts"][0]["uri"]).parent.mkdir(parents=True, exist_ok=True)
        for parameter in outputs["parameters"].values():
            self._host_path(parameter["outputFile"]).parent.mkdir(parents=True, exist_ok=True)
        # compileCmdAndArgs in launcher_v2.go.
        given = json.dumps(executor_input)
        command = [part.replace("{{$}}", given) for part in [*container["command"], *container.get("args", [])]]
        environment = {variable["name"]: variable["value"] for variable in container.get("env", [])}
        log.parent.mkdir(parents=True, exist_ok=True)
        return self._start(command, environment, log)

    def collect(self, executor_input: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Uploads the artifacts and reads what the command reported: uploadOutputArtifacts in ``launcher_v2.go``.

        Returns:
            Output artifacts as JSON of RuntimeArtifacts, and values of output parameters, by name.
        """
        outputs = executor_input["outputs"]
        reported: dict[str, Any] = {}
        output_file = self._host_path(outputs["outputFile"])
        if output_file.exists():
            reported = json.loads(output_file.read_text(encoding="utf-8"))
        artifacts = {}
        for key, lists in outputs["artifacts"].items():
            artifact = dict(lists["artifacts"][0])
            changes = reported.get("artifacts", {}).get(key, {}).get("artifacts", [{}])[0]
            # mergeRuntimeArtifacts takes URI and metadata.
            artifact["uri"] = changes.get("uri") or artifact["uri"]
            artifact["metadata"] = {**artifact["metadata"], **changes.get("metadata", {})}
            self._upload(artifact["uri"])
            # The metadata store knows an artifact by its number: toRuntimeArtifact in metadata/converter.go.
            artifact["name"] = str(uuid.uuid4().int >> 80)
            artifacts[key] = artifact
        parameters = dict(reported.get("parameterValues", {}))
        for key, parameter in outputs["parameters"].items():
            if key not in parameters:
                parameters[key] = self._host_path(parameter["outputFile"]).read_text(encoding="utf-8")
        return artifacts, parameters

    def remove_volumes(self) -> None:
        """Removes what a step left in its volumes, and nothing else: the rest may be an image's root file system."""
        for volume in _VOLUMES:
            shutil.rmtree(self._volume(volume), ignore_errors=True)

    def _start(self, command: list[str], environment: Mapping[str, str], log: Path) -> tuple[ResourceUsage, int]:
        self._stores.mkdir(parents=True, exist_ok=True)
        if self._image_root:
            command = _in_image(command, self._image_root, self._stores)
            environment = {**_IMAGE_ENVIRONMENT, **environment, store.STORES_VARIABLE: "/stores", ROOT_VARIABLE: "/"}
            # The launcher has the step's user; this process is root.
            for folder in (self._stores, *(self._volume(volume) for volume in _VOLUMES)):
                _give_to_image_user(folder)
        else:
            # The Python that runs this stands for the image's.
            command = [sys.executable if command[0] == "python" else command[0], *command[1:]]
            environment = {
                **os.environ,
                **environment,
                store.STORES_VARIABLE: str(self._stores),
                ROOT_VARIABLE: self.container_root,
            }
        started = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
            _, status, resources = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        usage = ResourceUsage(
            round(time.monotonic() - started, 2),
            round(resources.ru_utime + resources.ru_stime, 2),
            resources.ru_maxrss * 1024,
        )
        return usage, process.returncode

    def _host_path(self, path: str) -> Path:
        """A path that the container sees, as this process sees it."""
        return Path(self._image_root, path.lstrip("/")) if self._image_root else Path(path)

    def _volume(self, name: str) -> Path:
        return self._host_path(os.path.join(self.container_root, name))

    def _mirror(self, uri: str) -> Path:
        """Where the launcher mirrors the URI of an artifact."""
        return self._host_path(store.mirror_path(uri, self.container_root))

    def _stored(self, uri: str) -> Path:
        """Where an artifact lies in the object stores."""
        return self._stores.joinpath(*(store.split_uri(uri) or ("", "")))

    def _download(self, uri: str) -> None:
        """What is not there is no error here: DownloadBlob in ``backend/src/v2/objectstore/object_store.go``."""
        self._mirror(uri).parent.mkdir(parents=True, exist_ok=True)
        _copy(self._stored(uri), self._mirror(uri))

    def _upload(self, uri: str) -> None:
        """A step may leave an output unwritten: uploadOutputArtifacts in ``launcher_v2.go``."""
        _copy(self._mirror(uri), self._stored(uri))


def _copy(source: Path, target: Path) -> None:
    """Copies a file or a folder, if there is one."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _give_to_image_user(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *_IMAGE_USER, follow_symlinks=False)


def _in_image(command: list[str], image_root: str, stores: Path) -> list[str]:
    """A command that runs another one in an image's root file system, as the image's user, with the stores mounted.

    The mounts are in a namespace of their own and end with the process.
    """
    script = (
        'mkdir -p "$0/stores" "$0/proc" "$0/dev" && mount --bind "$1" "$0/stores" && mount -t proc proc "$0/proc" && '
        'mount --rbind /dev "$0/dev" && root=$0 && shift && '
        f'exec chroot --userspec={_IMAGE_USER[0]}:{_IMAGE_USER[1]} "$root" "$@"'
    )
    return ["unshare", "--mount", "--", "sh", "-c", script, image_root, str(stores), *command]
