"""What KFP's launcher does in a step's container: it downloads inputs, runs the command and uploads outputs.

The comments name the functions of ``backend/src/v2`` of github.com/kubeflow/pipelines whose rules are followed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.local.container import Container
from diptych.kubeflow.local.metadata import ValueRefusedError, parse_text, store_artifact, to_text
from diptych.kubeflow.local.process import run_process
from diptych.kubeflow.local.release import Release
from diptych.kubeflow.local.results import COMPLETE, FAILED, ResourceUsage
from diptych.kubeflow.local.step import Step
from diptych.models.os_errors import naming

#: The output that the driver adds to those of each component: a file with what the command prints.
LOGS = "executor-logs"

Json = Mapping[str, Any]


@dataclass
class Attempt:
    """What one attempt to run a step came to.

    Attributes:
        outcome: ``COMPLETE``, ``FAILED``, ``KILLED`` or ``DELETED``.
        artifacts: output artifacts as tasks after it are given them, by name.
        parameters: output parameters, by name.
    """

    usage: ResourceUsage
    outcome: str
    artifacts: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)


class Launcher:
    """Runs the command of a step.

    Args:
        stores: folder of the object stores, each bucket at ``<scheme>/<bucket>``.
        container: where the command runs.
        pipeline_root: URI below which the artifacts of the run are.
    """

    def __init__(self, step: Step, stores: Path, container: Container, pipeline_root: str, release: Release) -> None:
        self._step = step
        self._stores = stores
        self._container = container
        self._pipeline_root = pipeline_root
        self._release = release

    def run(self, executor_input: Json, environment: Mapping[str, str], log: Path, timeout: float | None) -> Attempt:
        """Runs the command once: executeV2 in ``component/launcher_v2.go``.

        Args:
            environment: of the pod, beside that of the image.
            log: file for the command's output.
            timeout: seconds after which the container is killed; None for never.

        Raises:
            OSError: a file of the stores, the container or the log cannot be read or written.
        """
        container = self._container
        container.make_volumes()
        for _, artifact in _each_artifact(executor_input["inputs"]):
            _copy_files(self._stored(artifact["uri"]), self._mirror(artifact["uri"]))
        outputs = executor_input["outputs"]
        paths = [self._mirror(artifact["uri"]) for _, artifact in _each_artifact(outputs)]
        paths += [container.host_path(parameter["outputFile"]) for parameter in outputs.get("parameters", {}).values()]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        self._stores.mkdir(parents=True, exist_ok=True)
        command = self._fill_placeholders(executor_input)
        variables = {variable["name"]: variable["value"] for variable in self._step.container.get("env", [])}
        logs = self._mirror(outputs["artifacts"][LOGS]["artifacts"][0]["uri"])
        logs.touch()
        usage, outcome = run_process(
            container.command(command, self._stores),
            {**container.environment(self._stores), **environment, **variables},
            container.working_folder,
            [log, logs],
            timeout,
        )
        attempt = Attempt(usage, outcome)
        try:
            self._collect(attempt, outputs)
        except (ValueRefusedError, FileNotFoundError, IsADirectoryError, ValueError) as error:
            with log.open("a") as file:
                file.write(f"the launcher cannot take what the command left: {error}\n")
            attempt = Attempt(usage, FAILED)
        container.remove_volumes()
        return attempt

    def _collect(self, attempt: Attempt, outputs: Json) -> None:
        """Uploads the artifacts and reads what the command reported: uploadOutputArtifacts in ``launcher_v2.go``.

        Raises:
            ValueRefusedError: KFP takes no such value of a parameter or property.
            FileNotFoundError: a file of an output is missing.
            IsADirectoryError: there is a link to a folder among them.
            OSError: they cannot be read, or the store cannot be written.
            ValueError: the ExecutorOutput is no JSON.
        """
        reported: dict[str, Any] = {}
        if attempt.outcome == COMPLETE:
            output_file = self._container.host_path(outputs["outputFile"])
            if output_file.exists():
                with naming(str(output_file)):
                    reported = json.loads(output_file.read_text(encoding="utf-8"))
            attempt.parameters = self._read_parameters(outputs, reported.get("parameterValues", {}))
        elif attempt.outcome != FAILED or not self._release.keeps_logs_of_failures:
            return
        for name, artifact in _each_artifact(outputs):
            if attempt.outcome == FAILED and name != LOGS:
                continue
            changes = reported.get("artifacts", {}).get(name, {}).get("artifacts", [{}])[0] if name != LOGS else {}
            # mergeRuntimeArtifacts takes URI and metadata.
            merged = {
                "uri": changes.get("uri") or artifact["uri"],
                "metadata": {**artifact.get("metadata", {}), **changes.get("metadata", {})},
            }
            # A step may leave an output unwritten, and what is in no store is recorded and not uploaded.
            with suppress(store.StoreError):
                _copy_files(self._mirror(merged["uri"]), self._stored(merged["uri"]))
            attempt.artifacts[name] = store_artifact(name, merged, self._pipeline_root, self._release)

    def _read_parameters(self, outputs: Json, reported: Json) -> dict[str, Any]:
        """The output parameters, those from files too: collectOutputParameters in ``launcher_v2.go``."""
        parameters = dict(reported)
        for name, kind in self._step.output_parameters.items():
            if name not in parameters:
                file = self._container.host_path(outputs["parameters"][name]["outputFile"])
                with naming(str(file)):
                    parameters[name] = parse_text(file.read_text(encoding="utf-8"), kind)
        return parameters

    def _fill_placeholders(self, executor_input: Json) -> list[str]:
        """The command and its arguments: compileCmdAndArgs in ``launcher_v2.go``, with what addDefaultParams adds."""
        definitions = self._step.component.get("inputDefinitions", {}).get("parameters", {})
        defaults = {name: spec["defaultValue"] for name, spec in definitions.items() if "defaultValue" in spec}
        inputs = executor_input["inputs"]
        values = {**defaults, **inputs.get("parameterValues", {})}
        given = json.dumps({**executor_input, "inputs": {**inputs, **({"parameterValues": values} if values else {})}})
        placeholders = {f"{{{{$.inputs.parameters['{name}']}}}}": to_text(value) for name, value in values.items()}
        for side in ("inputs", "outputs"):
            for name, artifact in _each_artifact(executor_input[side]):
                # Of a list, they stand for the first.
                placeholders.setdefault(f"{{{{$.{side}.artifacts['{name}'].uri}}}}", artifact["uri"])
                path = store.mirror_path(artifact["uri"], self._container.root)
                placeholders.setdefault(f"{{{{$.{side}.artifacts['{name}'].path}}}}", path)
        for name, parameter in executor_input["outputs"].get("parameters", {}).items():
            placeholders[f"{{{{$.outputs.parameters['{name}'].output_file}}}}"] = parameter["outputFile"]
        # In the first part, the program, the others are not filled.
        command = [*self._step.container["command"], *self._step.container.get("args", [])]
        program, *arguments = (part.replace("{{$}}", given) for part in command)
        for placeholder, value in placeholders.items():
            arguments = [argument.replace(placeholder, value) for argument in arguments]
        return [program, *arguments]

    def _mirror(self, uri: str) -> Path:
        """Where the launcher mirrors the URI of an artifact."""
        return self._container.host_path(store.mirror_path(uri, self._container.root))

    def _stored(self, uri: str) -> Path:
        """Where an artifact lies in the object stores."""
        return self._stores.joinpath(*(store.split_uri(uri) or ("", "")))


def _each_artifact(side: Json) -> Iterator[tuple[str, Any]]:
    """Name and JSON of each artifact of the inputs or outputs of an ExecutorInput."""
    for name, lists in side.get("artifacts", {}).items():
        for artifact in lists["artifacts"]:
            yield name, artifact


def _copy_files(source: Path, target: Path) -> None:
    """Copies a file, or the files of a folder: DownloadBlob and UploadBlob in ``objectstore/object_store.go``.

    Folders without files are lost, and that there is nothing is no error.

    Raises:
        IsADirectoryError: there is a link to a folder, which would be read as a file.
    """
    for folder, folders, names in os.walk(source) if source.is_dir() else [(str(source.parent), [], [source.name])]:
        if links := [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            raise IsADirectoryError(f"'{os.path.join(folder, links[0])}' is a link to a folder")
        for name in names:
            file = Path(folder, name)
            if file.exists():
                copy = target / file.relative_to(source) if source.is_dir() else target
                copy.parent.mkdir(parents=True, exist_ok=True)
                with naming(str(copy)):
                    shutil.copyfile(file, copy)
