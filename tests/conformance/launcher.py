"""What KFP's launcher does around a step, with an S3 server: it downloads inputs, logs to a file and uploads outputs.

The functions that are followed are those of backend/src/v2/component/launcher_v2.go: downloadArtifacts,
prepareOutputFolders, getLogWriter, getExecutorOutputFile, uploadOutputArtifacts. The step's command runs in this
process, whose environment is the container's meanwhile; the container's file system is a folder.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from diptych.kubeflow.container.entrypoint import main
from diptych.kubeflow.container.store import STORES_VARIABLE
from diptych.kubeflow.container.task import ROOT_VARIABLE
from diptych.kubeflow.environment import RUN_ID_VARIABLE
from tests.conformance.recordings import Json

LOGS = "executor-logs"
LOG_TEXT = "what the step prints"


@dataclass(frozen=True)
class Outcome:
    """How a step ended.

    Attributes:
        exit_code: of its command.
        given: the ExecutorInput with the paths of this machine.
        output: the ExecutorOutput; empty if the step wrote none.
        log: what the file of the launcher's log holds after the step.
    """

    exit_code: int
    given: Json
    output: Json
    log: str


class Launcher:
    """Runs steps; their container's file systems are folders of a folder.

    Args:
        endpoint: address of the S3 server.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder, self._endpoint = folder, endpoint
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        self._s3 = boto3.client("s3", endpoint_url=endpoint, **keys)

    def make_bucket(self, name: str) -> None:
        self._s3.create_bucket(Bucket=name)

    def upload(self, path: Path, uri: str) -> None:
        """Uploads a file, or the files of a folder; does nothing if there is neither."""
        bucket, key = _split(uri)
        if path.is_file():
            self._s3.upload_file(str(path), bucket, key)
        for file in sorted(each for each in path.rglob("*") if each.is_file()):
            self._s3.upload_file(str(file), bucket, f"{key}/{file.relative_to(path)}")

    def keys(self, uri: str) -> list[str]:
        """The keys of the objects below a URI, relative to it, sorted."""
        bucket, prefix = _split(f"{uri}/")
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [found["Key"].removeprefix(prefix) for page in pages for found in page.get("Contents", [])]

    def read(self, uri: str) -> bytes:
        bucket, key = _split(uri)
        return bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def write(self, uri: str, content: bytes) -> None:
        bucket, key = _split(uri)
        self._s3.put_object(Bucket=bucket, Key=key, Body=content)

    def run(self, container: Json, executor_input: Json, run_id: str) -> Outcome:
        """Runs a step once, in a container of its own.

        Args:
            container: of the pipeline spec; its command names the module of the entry point.
            executor_input: as KFP's driver made it.
            run_id: what the platform spec takes from the label of the pod.
        """
        root = self._folder / f"container-{len(list(self._folder.iterdir()))}"
        given = _below(executor_input, root)
        for artifact in _artifacts(given["inputs"]):
            self._download(artifact["uri"], _mirror(root, artifact["uri"]))
        for artifact in _artifacts(given["outputs"]):
            _mirror(root, artifact["uri"]).parent.mkdir(parents=True, exist_ok=True)
        log = _mirror(root, given["outputs"]["artifacts"][LOGS]["artifacts"][0]["uri"])
        log.write_text(LOG_TEXT)
        assert container["command"][:3] == ["python", "-m", main.__module__]
        text = json.dumps(given)
        arguments = [text if argument == "{{$}}" else argument for argument in container["args"]]
        with patch.dict(os.environ, self._environment(container, root, run_id)):
            os.environ.pop(STORES_VARIABLE, None)
            exit_code = main([*container["command"][3:], *arguments])
        file = Path(given["outputs"]["outputFile"])
        output = json.loads(file.read_text()) if file.exists() else {}
        if exit_code == 0:
            self._upload_outputs(root, given, output)
        return Outcome(exit_code, given, output, log.read_text())

    def _environment(self, container: Json, root: Path, run_id: str) -> dict[str, str]:
        # The keys are those that the platform spec takes from a secret.
        return {
            **{variable["name"]: variable["value"] for variable in container.get("env", [])},
            RUN_ID_VARIABLE: run_id,
            ROOT_VARIABLE: str(root),
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

    def _download(self, uri: str, path: Path) -> None:
        bucket, key = _split(uri)
        for name in self.keys(uri):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            self._s3.download_file(bucket, f"{key}/{name}", str(path / name))

    def _upload_outputs(self, root: Path, given: Json, output: Json) -> None:
        for name, lists in given["outputs"]["artifacts"].items():
            uri = lists["artifacts"][0]["uri"]
            if name != LOGS and name in output.get("artifacts", {}):
                uri = output["artifacts"][name]["artifacts"][0].get("uri") or uri
            self.upload(_mirror(root, uri), uri)


def _below(executor_input: Json, root: Path) -> Json:
    """The ExecutorInput with the paths of a container whose root is a folder."""
    given = copy.deepcopy(executor_input)
    outputs = given["outputs"]
    for place in (outputs, *outputs.get("parameters", {}).values()):
        place["outputFile"] = f"{root}{place['outputFile']}"
        Path(place["outputFile"]).parent.mkdir(parents=True, exist_ok=True)
    return given


def _artifacts(side: Mapping[str, Any]) -> Iterator[Json]:
    return (artifact for lists in side.get("artifacts", {}).values() for artifact in lists["artifacts"])


def _mirror(root: Path, uri: str) -> Path:
    """LocalPathForURI."""
    return root / uri.replace("://", "/")


def _split(uri: str) -> tuple[str, str]:
    """Bucket and key."""
    bucket, _, key = uri.partition("://")[2].partition("/")
    return bucket, key
