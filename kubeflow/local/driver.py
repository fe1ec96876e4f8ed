"""What KFP's driver does before a task is run: its inputs, the places of its outputs, and its cache key.

The comments name the functions of github.com/kubeflow/pipelines whose rules are followed.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.local.launcher import LOGS
from diptych.kubeflow.local.metadata import normalise, to_text
from diptych.kubeflow.local.results import TaskResult
from diptych.kubeflow.local.step import Step
from diptych.kubeflow.spec import SpecError

Json = Mapping[str, Any]

_KINDS: dict[str, type | tuple[type, ...]] = {
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": bool,
    "LIST": list,
    "STRUCT": dict,
    "TASK_FINAL_STATUS": dict,
}


@dataclass(frozen=True)
class RunInfo:
    """What the driver knows of a run.

    Attributes:
        id: the run's id.
        name: the name of Argo's workflow.
        display_name: the name that KFP's pages show.
        artifact_root: URI below which the artifacts of the run are.
        created: when the run was made, in UTC.
    """

    id: str
    name: str
    display_name: str
    artifact_root: str
    created: str

    def fill_placeholder(self, value: Any, task: str) -> Any:
        """The value of a constant: resolveInputParameter in ``backend/src/v2/driver/resolve.go``."""
        placeholders = {
            "{{$.pipeline_job_uuid}}": self.id,
            "{{$.pipeline_job_name}}": self.display_name,
            "{{$.pipeline_job_resource_name}}": self.name,
            "{{$.pipeline_job_create_time_utc}}": self.created,
            "{{$.pipeline_task_name}}": task,
        }
        return placeholders.get(value, value) if isinstance(value, str) else value


class Driver:
    """Makes the ExecutorInputs of a run, as JSON.

    Args:
        run: what is known of the run.
        results: results of the tasks of the same DAG so far, by name; the caller adds to it.
    """

    def __init__(self, run: RunInfo, results: Mapping[str, TaskResult]) -> None:
        self._run = run
        self._results = results

    def resolve_inputs(
        self, name: str, task: Json, component: Json, parent: Json, states: Mapping[str, str]
    ) -> dict[str, Any]:
        """The field ``inputs`` of a task's ExecutorInput: resolveInputs in ``backend/src/v2/driver/resolve.go``.

        Args:
            parent: values of the parameters of the DAG that the task belongs to.
            states: what the metadata store says of the tasks of that DAG, as far as they have run.

        Raises:
            SpecError: KFP would find no value for an input or one of another type, or its kind is not simulated.
        """
        inputs = task.get("inputs", {})
        parameters = {
            key: normalise(self._resolve_parameter(name, task, spec, parent, states))
            for key, spec in inputs.get("parameters", {}).items()
        }
        # Only an iteration is given its item: resolve_iterations.
        item = task.get("parameterIterator", {}).get("itemInput")
        for key, definition in component.get("inputDefinitions", {}).get("parameters", {}).items():
            if key == item:
                continue
            if key in parameters:
                parameters[key] = _converted(name, key, parameters[key], definition["parameterType"])
            elif "defaultValue" not in definition and not definition.get("isOptional"):
                raise SpecError(f"task {name}: neither value nor default for parameter '{key}'")
        artifacts = {}
        for key, spec in inputs.get("artifacts", {}).items():
            if "taskOutputArtifact" not in spec:
                raise SpecError(f"task {name}: artifact '{key}' comes from no task, which is not simulated")
            source = spec["taskOutputArtifact"]
            produced = self._results[source["producerTask"]].artifacts[source["outputArtifactKey"]]
            artifacts[key] = {"artifacts": produced if isinstance(produced, list) else [produced]}
        return _without_empty({"parameterValues": parameters, "artifacts": artifacts})

    def _resolve_parameter(self, name: str, task: Json, spec: Json, parent: Json, states: Mapping[str, str]) -> Any:
        """The value of one parameter: resolveInputParameter in ``backend/src/v2/driver/resolve.go``."""
        if "componentInputParameter" in spec:
            return parent[spec["componentInputParameter"]]
        if "taskOutputParameter" in spec:
            source = spec["taskOutputParameter"]
            return self._results[source["producerTask"]].parameters[source["outputParameterKey"]]
        if "taskFinalStatus" in spec:
            producer = task["dependentTasks"][0]
            return {
                "state": states[producer],
                "pipelineTaskName": producer,
                "pipelineJobResourceName": self._run.name,
                "error": {},
            }
        try:
            return self._run.fill_placeholder(spec["runtimeValue"]["constant"], name)
        except KeyError:
            raise SpecError(f"task {name}: KFP resolves no parameter of the form {spec}") from None

    def provision_outputs(self, step: Step, container_root: str) -> dict[str, Any]:
        """The field ``outputs`` of a task's ExecutorInput: provisionOutputs in ``backend/src/v2/driver/driver.go``.

        Args:
            container_root: root of the container's file system.
        """
        definitions = step.component.get("outputDefinitions", {}).get("artifacts", {})
        task_root = f"{self._run.artifact_root}/{step.name}/{uuid.uuid4()}"
        types = {**definitions, LOGS: {"artifactType": {"schemaTitle": "system.Artifact"}}}
        artifacts = {
            key: {
                "artifacts": [
                    {"name": key, "uri": f"{task_root}/{key}", "type": definition["artifactType"]}
                    | _without_empty({"metadata": normalise(definition.get("metadata", {}))})
                ]
            }
            for key, definition in types.items()
        }
        parameters = {
            key: {"outputFile": os.path.join(container_root, "tmp/kfp/outputs", key)} for key in step.output_parameters
        }
        output_file = os.path.join(store.mirror_path(task_root, container_root), "output_metadata.json")
        return _without_empty({"artifacts": artifacts, "parameters": parameters, "outputFile": output_file})


def resolve_iterations(name: str, task: Json, parameters: Json) -> list[dict[str, Any]]:
    """The parameters of each iteration of a loop: resolveInputs in ``backend/src/v2/driver/resolve.go``.

    Args:
        parameters: those of the loop's own task.

    Raises:
        SpecError: the items are no list.
    """
    iterator = task["parameterIterator"]
    source = iterator["items"]
    # An iteration has its item in the place of all items.
    rest = {key: value for key, value in parameters.items() if key != source.get("inputParameter")}
    items = parameters[source["inputParameter"]] if "inputParameter" in source else json.loads(source["raw"])
    if not isinstance(items, list):
        raise SpecError(f"task {name}: KFP iterates over lists only, not over {items!r}")
    return [{**rest, iterator["itemInput"]: normalise(item)} for item in items]


def with_logs_name(executor_input: Json, logs_name: str) -> dict[str, Any]:
    """An ExecutorInput of one attempt: qualifyExecutorLogsForRetry in ``backend/src/v2/component/launcher_v2.go``.

    Args:
        logs_name: last part of the URI of the output ``executor-logs``.
    """
    outputs = executor_input["outputs"]
    (artifact,) = outputs["artifacts"][LOGS]["artifacts"]
    logs = {**artifact, "uri": f"{artifact['uri'].rpartition('/')[0]}/{logs_name}"}
    artifacts = {**outputs["artifacts"], LOGS: {"artifacts": [logs]}}
    return {**executor_input, "outputs": {**outputs, "artifacts": artifacts}}


def cache_key(step: Step, executor_input: Json) -> str:
    """A digest of what a task does and gets: GenerateCacheKey in ``backend/src/v2/cacheutils/cache.go``."""
    inputs, outputs = executor_input["inputs"], executor_input["outputs"]
    container = step.container
    key = {
        "inputArtifactNames": {
            name: [artifact["name"] for artifact in lists["artifacts"]]
            for name, lists in inputs.get("artifacts", {}).items()
        },
        "inputParameterValues": inputs.get("parameterValues", {}),
        "outputArtifactsSpec": {
            name: {key: value for key, value in lists["artifacts"][0].items() if key != "uri"}
            for name, lists in outputs["artifacts"].items()
        },
        "outputParametersSpec": step.output_parameters,
        "image": container["image"],
        "cmdArgs": [*container["command"], *container.get("args", [])],
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def _converted(task: str, name: str, value: Any, kind: str) -> Any:
    """A parameter as the type of its definition; every value has a text, and no other type takes another one."""
    if kind == "STRING":
        return to_text(value)
    if kind in _KINDS and (not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "BOOLEAN")):
        raise SpecError(f"task {task}: parameter '{name}' must be a {kind}, not {value!r}")
    return value


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a protobuf message as JSON, which leaves out empty ones."""
    return {name: value for name, value in fields.items() if value}
