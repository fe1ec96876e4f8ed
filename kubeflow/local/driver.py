"""What KFP's driver does before a task is run: its inputs, the places of its outputs, and its cache key.

The comments name the functions of github.com/kubeflow/pipelines whose rules are followed.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.local.results import TaskResult
from diptych.kubeflow.spec import SpecError

Json = Mapping[str, Any]


class Driver:
    """Makes the ExecutorInputs of a run, as JSON.

    Args:
        run_id: id of the run.
        artifact_root: URI below which the artifacts of the run are.
        results: results of the tasks so far, by name; the caller adds to it.
    """

    def __init__(self, run_id: str, artifact_root: str, results: Mapping[str, TaskResult]) -> None:
        self._run_id = run_id
        self._artifact_root = artifact_root
        self._results = results

    def resolve_inputs(
        self, name: str, task: Json, component: Json, parent: Json, states: Mapping[str, str]
    ) -> dict[str, Any]:
        """The field ``inputs`` of a task's ExecutorInput: resolveInputs in ``backend/src/v2/driver/resolve.go``.

        Args:
            parent: values of the parameters of the DAG that the task belongs to.
            states: final states of the tasks of that DAG, as far as they have run.

        Raises:
            SpecError: KFP would find no value for an input, or its kind is not simulated.
        """
        inputs = task.get("inputs", {})
        parameters = {
            key: self._resolve_parameter(name, task, spec, parent, states)
            for key, spec in inputs.get("parameters", {}).items()
        }
        for key, definition in component.get("inputDefinitions", {}).get("parameters", {}).items():
            if key not in parameters:
                if "defaultValue" not in definition and not definition.get("isOptional"):
                    raise SpecError(f"task {name}: neither value nor default for parameter '{key}'")
            elif definition["parameterType"] == "STRING" and not isinstance(parameters[key], str):
                parameters[key] = json.dumps(parameters[key])
        artifacts = {}
        for key, spec in inputs.get("artifacts", {}).items():
            if "taskOutputArtifact" not in spec:
                raise SpecError(f"task {name}: artifact '{key}' comes from no task, which is not simulated")
            source = spec["taskOutputArtifact"]
            produced = self._results[source["producerTask"]].artifacts
            artifacts[key] = {"artifacts": [produced[source["outputArtifactKey"]]]}
        return {"parameterValues": parameters, "artifacts": artifacts}

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
                "pipelineJobResourceName": self._run_id,
            }
        placeholders = {
            "{{$.pipeline_job_uuid}}": self._run_id,
            "{{$.pipeline_job_name}}": self._run_id,
            "{{$.pipeline_job_resource_name}}": self._run_id,
            "{{$.pipeline_task_name}}": name,
        }
        try:
            value = spec["runtimeValue"]["constant"]
        except KeyError:
            raise SpecError(f"task {name}: KFP resolves no parameter of the form {spec}") from None
        return placeholders.get(value, value) if isinstance(value, str) else value

    def provision_outputs(self, name: str, component: Json, container_root: str) -> dict[str, Any]:
        """The field ``outputs`` of a task's ExecutorInput: provisionOutputs in ``backend/src/v2/driver/driver.go``.

        Args:
            container_root: root of the container's file system.
        """
        definitions = component.get("outputDefinitions", {})
        task_root = f"{self._artifact_root}/{name}/{uuid.uuid4()}"
        artifacts = {
            key: {
                "artifacts": [
                    {
                        "name": key,
                        "uri": f"{task_root}/{key}",
                        "type": definition["artifactType"],
                        "metadata": definition.get("metadata", {}),
                    }
                ]
            }
            for key, definition in definitions.get("artifacts", {}).items()
        }
        parameters = {
            key: {"outputFile": os.path.join(container_root, "tmp/kfp/outputs", key)}
            for key in definitions.get("parameters", {})
        }
        output_file = os.path.join(store.mirror_path(task_root, container_root), "output_metadata.json")
        return {"artifacts": artifacts, "parameters": parameters, "outputFile": output_file}


def cache_key(container: Json, executor_input: Json) -> str:
    """A digest of what a task does and gets: GenerateCacheKey in ``backend/src/v2/cacheutils/cache.go``."""
    inputs, outputs = executor_input["inputs"], executor_input["outputs"]
    key = {
        "inputArtifactNames": {
            name: [artifact["name"] for artifact in lists["artifacts"]] for name, lists in inputs["artifacts"].items()
        },
        "inputParameterValues": inputs["parameterValues"],
        "outputArtifactsSpec": {
            name: {key: value for key, value in lists["artifacts"][0].items() if key != "uri"}
            for name, lists in outputs["artifacts"].items()
        },
        "outputParametersSpec": sorted(outputs["parameters"]),
        "image": container["image"],
        "cmdArgs": [*container["command"], *container.get("args", [])],
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
