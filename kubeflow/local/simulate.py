"""Runs a compiled pipeline spec on this machine the way open-source KFP 2.x runs it, one process for each container.

It reads nothing but the spec. What KFP's backend does is done here by the same rules, each of which names its source in
github.com/kubeflow/pipelines; what Kubernetes does (scheduling, resources, secrets) is left out.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.container.entrypoint import ROOT_VARIABLE
from diptych.kubeflow.spec import SpecError, in_order, needs_of

# What KFP mounts for the launcher (backend/src/v2/compiler/argocompiler/container.go), and where output parameters go.
_SCRATCH = (*store.MIRRORS.values(), "tmp/kfp")
# Of kubeflow/Dockerfile: a root file system alone does not tell.
_IMAGE_USER = (1000, 0)
_IMAGE_PYTHON = "opt/diptych/bin/python"
_IMAGE_ENVIRONMENT = {
    "PATH": "/opt/diptych/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/home/diptych",
    "USER": "diptych",
}
_EXIT_STRATEGY = "ALL_UPSTREAM_TASKS_COMPLETED"


@dataclass(frozen=True)
class Usage:
    """What a step's process took.

    Attributes:
        seconds: of wall time.
        cpu: seconds of processor time, user and system.
        memory: most resident bytes at once.
    """

    seconds: float
    cpu: float
    memory: int


@dataclass
class TaskResult:
    """What became of a task.

    Attributes:
        state: ``COMPLETE``, ``CACHED``, ``FAILED`` or ``NOT_RUN``.
        artifacts: output to RuntimeArtifact, as JSON.
        parameters: output to value.
    """

    state: str
    artifacts: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    usage: Usage | None = None


@dataclass(frozen=True)
class Run:
    """A finished simulation.

    Attributes:
        state: ``SUCCEEDED`` or ``FAILED``.
        tasks: by name, those of the sub-DAG too, without the DAGs themselves.
    """

    id: str
    state: str
    tasks: Mapping[str, TaskResult]


class Simulation:
    """One run of a spec.

    Args:
        spec: as ``load_spec`` gives it.
        root: folder of everything: ``stores/<scheme>/<bucket>`` are the object stores, ``cache.json`` the cache,
            ``runs/<id>`` the logs.
        pipeline_root: URI of the artifacts; without it the spec's.
        image_root: root file system of the steps' image to run them in, by ``chroot``, which needs root's rights.
        watch: is told the state of each task as it changes.

    Raises:
        SpecError: there is no such image.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        root: str,
        pipeline_root: str | None = None,
        image_root: str | None = None,
        watch: Callable[[str, str], None] = lambda task, state: None,
    ) -> None:
        self._spec = spec
        self._root = Path(root).absolute()
        self._image_root = image_root and os.path.abspath(image_root)
        if self._image_root and not os.path.exists(os.path.join(self._image_root, _IMAGE_PYTHON)):
            raise SpecError(f"--image-root {image_root}: this is no image of the steps, it lacks {_IMAGE_PYTHON}")
        self._watch = watch
        self.id = str(uuid.uuid4())
        name = spec["pipelineInfo"]["name"]
        base = pipeline_root or spec.get("defaultPipelineRoot") or "minio://mlpipeline/v2/artifacts"
        # backend/src/v2/metadata/client.go, GetPipeline and GenerateOutputURI.
        self._pipeline_root = f"{base.rstrip('/')}/{name}/{self.id}"
        self._tasks: dict[str, TaskResult] = {}
        self._cache_file = self._root / "cache.json"
        self._cache: dict[str, Any] = json.loads(self._cache_file.read_text()) if self._cache_file.exists() else {}

    def run(self, parameters: Mapping[str, Any]) -> Run:
        """Runs every task that KFP would run.

        Args:
            parameters: of the root, complete.
        """
        state = self._run_dag(self._spec["root"]["dag"], parameters)
        return Run(self.id, "SUCCEEDED" if state == "COMPLETE" else "FAILED", self._tasks)

    # ---- DAGs ---------------------------------------------------------------------------------------

    def _run_dag(self, dag: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
        """Runs a DAG's tasks in the order of their needs, exit tasks last; returns its state.

        ``backend/src/v2/compiler/argocompiler/dag.go``: a task depends on the success of its dependentTasks and of the
        producers of its inputs (addImplicitDependencies); one whose trigger policy is ALL_UPSTREAM_TASKS_COMPLETED is
        an exit hook of the task it depends on.
        """
        tasks = dag["tasks"]
        states: dict[str, str] = {}
        exits = {
            name for name, task in tasks.items() if task.get("triggerPolicy", {}).get("strategy") == _EXIT_STRATEGY
        }
        for name in in_order({name: task for name, task in tasks.items() if name not in exits}):
            if all(states[need] in ("COMPLETE", "CACHED") for need in needs_of(tasks[name])):
                states[name] = self._run_task(name, tasks[name], parameters, states)
            else:
                states[name] = "NOT_RUN"
                self._tasks[name] = TaskResult("NOT_RUN")
                self._watch(name, "NOT_RUN")
            for exit_task in sorted(exits):
                if name in tasks[exit_task].get("dependentTasks", []):
                    states[exit_task] = self._run_task(exit_task, tasks[exit_task], parameters, states)
        return "COMPLETE" if set(states.values()) <= {"COMPLETE", "CACHED"} else "FAILED"

    def _run_task(
        self, name: str, task: Mapping[str, Any], parent: Mapping[str, Any], states: Mapping[str, str]
    ) -> str:
        if "condition" in task.get("triggerPolicy", {}):
            raise SpecError(f"task {name}: KFP would evaluate a condition, which is not simulated")
        component = self._spec["components"][task["componentRef"]["name"]]
        inputs = self._resolve_inputs(name, task, component, parent, states)
        if "dag" in component:
            return self._run_dag(component["dag"], inputs["parameterValues"])
        result = self._run_container(name, task, component, inputs)
        self._tasks[name] = result
        self._watch(name, result.state)
        return result.state

    # ---- the driver ---------------------------------------------------------------------------------

    def _resolve_inputs(
        self,
        name: str,
        task: Mapping[str, Any],
        component: Mapping[str, Any],
        parent: Mapping[str, Any],
        states: Mapping[str, str],
    ) -> dict[str, Any]:
        """``backend/src/v2/driver/resolve.go``, resolveInputs."""
        given = task.get("inputs", {})
        values = {
            key: self._resolve_parameter(name, task, spec, parent, states)
            for key, spec in given.get("parameters", {}).items()
        }
        for key, definition in component.get("inputDefinitions", {}).get("parameters", {}).items():
            if key not in values:
                if "defaultValue" not in definition and not definition.get("isOptional"):
                    raise SpecError(f"task {name}: neither value nor default for parameter '{key}'")
            elif definition["parameterType"] == "STRING" and not isinstance(values[key], str):
                values[key] = json.dumps(values[key])
        artifacts = {}
        for key, spec in given.get("artifacts", {}).items():
            if "taskOutputArtifact" not in spec:
                raise SpecError(f"task {name}: artifact '{key}' comes from no task, which is not simulated")
            source = spec["taskOutputArtifact"]
            produced = self._tasks[source["producerTask"]].artifacts
            artifacts[key] = {"artifacts": [produced[source["outputArtifactKey"]]]}
        return {"parameterValues": values, "artifacts": artifacts}

    def _resolve_parameter(
        self,
        name: str,
        task: Mapping[str, Any],
        spec: Mapping[str, Any],
        parent: Mapping[str, Any],
        states: Mapping[str, str],
    ) -> Any:
        """``backend/src/v2/driver/resolve.go``, resolveInputParameter."""
        if "componentInputParameter" in spec:
            return parent[spec["componentInputParameter"]]
        if "taskOutputParameter" in spec:
            source = spec["taskOutputParameter"]
            return self._tasks[source["producerTask"]].parameters[source["outputParameterKey"]]
        if "taskFinalStatus" in spec:
            producer = task["dependentTasks"][0]
            return {"state": states[producer], "pipelineTaskName": producer, "pipelineJobResourceName": self.id}
        constants = {
            "{{$.pipeline_job_uuid}}": self.id,
            "{{$.pipeline_job_name}}": self.id,
            "{{$.pipeline_job_resource_name}}": self.id,
            "{{$.pipeline_task_name}}": name,
        }
        try:
            value = spec["runtimeValue"]["constant"]
        except KeyError:
            raise SpecError(f"task {name}: KFP resolves no parameter of the form {spec}") from None
        return constants.get(value, value) if isinstance(value, str) else value

    def _provision_outputs(self, name: str, component: Mapping[str, Any]) -> dict[str, Any]:
        """``backend/src/v2/driver/driver.go``, provisionOutputs."""
        definitions = component.get("outputDefinitions", {})
        task_root = f"{self._pipeline_root}/{name}/{uuid.uuid4()}"
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
        root = self._container_root(name)
        parameters = {
            key: {"outputFile": os.path.join(root, "tmp/kfp/outputs", key)} for key in definitions.get("parameters", {})
        }
        output_file = os.path.join(store.mirror(task_root, root), "output_metadata.json")
        return {"artifacts": artifacts, "parameters": parameters, "outputFile": output_file}

    def _fingerprint(self, container: Mapping[str, Any], executor_input: Mapping[str, Any]) -> str:
        """``backend/src/v2/cacheutils/cache.go``, GenerateCacheKey and GenerateFingerPrint."""
        inputs, outputs = executor_input["inputs"], executor_input["outputs"]
        key = {
            "inputArtifactNames": {
                name: [artifact["name"] for artifact in lists["artifacts"]]
                for name, lists in inputs["artifacts"].items()
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

    # ---- the launcher -------------------------------------------------------------------------------

    def _run_container(
        self, name: str, task: Mapping[str, Any], component: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> TaskResult:
        """``backend/src/v2/driver/container.go`` and ``backend/src/v2/component/launcher_v2.go``, Execute."""
        container = self._spec["deploymentSpec"]["executors"][component["executorLabel"]].get("container")
        if container is None:
            raise SpecError(f"task {name}: its executor is no container; KFP runs containers and importers only")
        executor_input = {"inputs": inputs, "outputs": self._provision_outputs(name, component)}
        cached = task.get("cachingOptions", {}).get("enableCache", False)
        fingerprint = self._fingerprint(container, executor_input)
        if cached and fingerprint in self._cache:
            return TaskResult("CACHED", **self._cache[fingerprint])
        self._watch(name, "RUNNING")
        attempts = 1 + int(task.get("retryPolicy", {}).get("maxRetryCount", 0))
        for attempt in range(1, attempts + 1):
            usage, code = self._attempt(name, container, executor_input, attempt)
            if code == 0:
                break
            self._watch(name, f"attempt {attempt} of {attempts} failed")
        else:
            return TaskResult("FAILED", usage=usage)
        artifacts, parameters = self._collect(name, executor_input)
        self._empty(name)
        if cached:
            self._cache[fingerprint] = {"artifacts": artifacts, "parameters": parameters}
            self._cache_file.write_text(json.dumps(self._cache))
        return TaskResult("COMPLETE", artifacts, parameters, usage)

    def _attempt(
        self, name: str, container: Mapping[str, Any], executor_input: Mapping[str, Any], attempt: int
    ) -> tuple[Usage, int]:
        """Downloads inputs, makes output folders, runs the command; ``launcher_v2.go``, execute."""
        self._empty(name)
        for folder in _SCRATCH:
            self._inside(name, folder).mkdir(parents=True)
        for lists in executor_input["inputs"]["artifacts"].values():
            for artifact in lists["artifacts"]:
                self._download(name, artifact["uri"])
        outputs = executor_input["outputs"]
        for lists in outputs["artifacts"].values():
            self._inside(name, store.mirror(lists["artifacts"][0]["uri"], "/")).parent.mkdir(
                parents=True, exist_ok=True
            )
        for parameter in outputs["parameters"].values():
            os.makedirs(os.path.dirname(self._outside(parameter["outputFile"])), exist_ok=True)
        # launcher_v2.go, compileCmdAndArgs.
        given = json.dumps(executor_input)
        command = [part.replace("{{$}}", given) for part in [*container["command"], *container.get("args", [])]]
        environment = {variable["name"]: variable["value"] for variable in container.get("env", [])}
        log = self._root / "runs" / self.id / f"{name}-{attempt}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return self._start(name, command, environment, log)

    def _start(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> tuple[Usage, int]:
        stores = self._root / "stores"
        stores.mkdir(parents=True, exist_ok=True)
        if self._image_root:
            command = _in_image(command, self._image_root, stores)
            environment = {**_IMAGE_ENVIRONMENT, **environment, store.STORES_VARIABLE: "/stores", ROOT_VARIABLE: "/"}
            # The launcher is the step's user; this process is root.
            for folder in (stores, *(self._inside(name, mirror) for mirror in _SCRATCH)):
                _give_to_user(folder)
        else:
            # The image's python is the one that runs this.
            command = [sys.executable if command[0] == "python" else command[0], *command[1:]]
            environment = {
                **os.environ,
                **environment,
                store.STORES_VARIABLE: str(stores),
                ROOT_VARIABLE: self._container_root(name),
            }
        started = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
            _, status, resources = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        usage = Usage(
            round(time.monotonic() - started, 2),
            round(resources.ru_utime + resources.ru_stime, 2),
            resources.ru_maxrss * 1024,
        )
        return usage, process.returncode

    def _collect(self, name: str, executor_input: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Uploads artifacts and reads what the step reported; ``launcher_v2.go``, uploadOutputArtifacts."""
        outputs = executor_input["outputs"]
        reported: dict[str, Any] = {}
        output_file = self._outside(outputs["outputFile"])
        if os.path.exists(output_file):
            with open(output_file, encoding="utf-8") as file:
                reported = json.load(file)
        artifacts = {}
        for key, lists in outputs["artifacts"].items():
            artifact = dict(lists["artifacts"][0])
            told = reported.get("artifacts", {}).get(key, {}).get("artifacts", [{}])[0]
            # mergeRuntimeArtifacts takes URI and metadata.
            artifact["uri"] = told.get("uri") or artifact["uri"]
            artifact["metadata"] = {**artifact["metadata"], **told.get("metadata", {})}
            self._upload(name, artifact["uri"])
            # Recorded in MLMD, an artifact is named by its number: metadata/converter.go, toRuntimeArtifact.
            artifact["name"] = str(uuid.uuid4().int >> 80)
            artifacts[key] = artifact
        parameters = dict(reported.get("parameterValues", {}))
        for key, parameter in outputs["parameters"].items():
            if key not in parameters:
                with open(self._outside(parameter["outputFile"]), encoding="utf-8") as file:
                    parameters[key] = file.read()
        return artifacts, parameters

    # ---- files --------------------------------------------------------------------------------------

    def _work(self, name: str) -> Path:
        """The root of the container's file system, as seen from here."""
        return Path(self._image_root) if self._image_root else self._root / "runs" / self.id / "containers" / name

    def _container_root(self, name: str) -> str:
        """The same, as the container sees it."""
        return "/" if self._image_root else str(self._work(name))

    def _inside(self, name: str, path: str) -> Path:
        return self._work(name) / path.lstrip("/")

    def _outside(self, path: str) -> str:
        """A path that the container sees, as seen from here."""
        return os.path.join(self._image_root, path.lstrip("/")) if self._image_root else path

    def _empty(self, name: str) -> None:
        """Removes what a step left in its container; nothing else, for that may be an image's root file system."""
        for folder in _SCRATCH:
            shutil.rmtree(self._inside(name, folder), ignore_errors=True)

    def _stored(self, uri: str) -> Path:
        scheme, path = store.parse(uri) or ("", "")
        return self._root / "stores" / scheme / path

    def _download(self, name: str, uri: str) -> None:
        """What is not there is not an error here: ``backend/src/v2/objectstore/object_store.go``, DownloadBlob."""
        source, target = self._stored(uri), self._inside(name, store.mirror(uri, "/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy2(source, target)

    def _upload(self, name: str, uri: str) -> None:
        """A step may leave an output unwritten: ``launcher_v2.go``, uploadOutputArtifacts."""
        source, target = self._inside(name, store.mirror(uri, "/")), self._stored(uri)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _give_to_user(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *_IMAGE_USER, follow_symlinks=False)


def _in_image(command: list[str], image_root: str, stores: Path) -> list[str]:
    """The command inside the image's root file system, as a user without rights, with the stores mounted.

    The mounts live in a namespace of their own and end with the process.
    """
    script = (
        'mkdir -p "$0/stores" "$0/proc" "$0/dev" && mount --bind "$1" "$0/stores" && mount -t proc proc "$0/proc" && '
        'mount --rbind /dev "$0/dev" && root=$0 && shift && '
        f'exec chroot --userspec={_IMAGE_USER[0]}:{_IMAGE_USER[1]} "$root" "$@"'
    )
    return ["unshare", "--mount", "--", "sh", "-c", script, image_root, str(stores), *command]
