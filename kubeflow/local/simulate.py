"""Runs a compiled pipeline spec on this machine as open-source KFP 2.x does, one process for each container.

It reads nothing but the spec. What KFP's backend does is done by the same rules, and each names its source in
github.com/kubeflow/pipelines. What Kubernetes does (scheduling, resources, secrets) is left out.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diptych.kubeflow.local.driver import Driver, cache_key
from diptych.kubeflow.local.launcher import Launcher, check_image
from diptych.kubeflow.local.results import SimulatedRun, TaskResult
from diptych.kubeflow.spec import SpecError, topological_order, upstream_tasks

_EXIT_STRATEGY = "ALL_UPSTREAM_TASKS_COMPLETED"
_SUCCESSES = ("COMPLETE", "CACHED")
# KFP's own default.
_DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"


class Simulation:
    """One run of a spec.

    Args:
        spec: the pipeline spec, as ``load_spec`` gives it.
        root: folder of everything: ``stores/<scheme>/<bucket>`` are the object stores, ``cache.json`` is the cache, and
            ``runs/<id>`` has the logs.
        pipeline_root: URI below which the artifacts go; without it the spec's.
        image_root: root file system of the steps' image to run them in, by ``chroot``, which needs root's rights.
        on_state: is called with a task's name and state each time that it changes.

    Raises:
        SpecError: there is no such image.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        root: str,
        pipeline_root: str | None = None,
        image_root: str | None = None,
        on_state: Callable[[str, str], None] = lambda task, state: None,
    ) -> None:
        if image_root:
            check_image(image_root)
        self._spec = spec
        self._root = Path(root).absolute()
        self._image_root = image_root and os.path.abspath(image_root)
        self._on_state = on_state
        self.id = str(uuid.uuid4())
        base = pipeline_root or spec.get("defaultPipelineRoot") or _DEFAULT_ROOT
        # GetPipeline and GenerateOutputURI in backend/src/v2/metadata/client.go.
        artifact_root = f"{base.rstrip('/')}/{spec['pipelineInfo']['name']}/{self.id}"
        self._results: dict[str, TaskResult] = {}
        self._driver = Driver(self.id, artifact_root, self._results)
        self._cache_file = self._root / "cache.json"
        self._cache: dict[str, Any] = json.loads(self._cache_file.read_text()) if self._cache_file.exists() else {}

    def run(self, parameters: Mapping[str, Any]) -> SimulatedRun:
        """Runs every task that KFP would run.

        Args:
            parameters: the value of every parameter of the pipeline.
        """
        state = self._run_dag(self._spec["root"]["dag"], parameters)
        return SimulatedRun(self.id, "SUCCEEDED" if state == "COMPLETE" else "FAILED", self._results)

    def _run_dag(self, dag: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
        """Runs the tasks of a DAG in topological order, exit tasks after the tasks that they wait for.

        By ``backend/src/v2/compiler/argocompiler/dag.go``, a task depends on the success of its dependentTasks and of
        the producers of its inputs (addImplicitDependencies). One whose trigger policy is ALL_UPSTREAM_TASKS_COMPLETED
        is an exit hook of the task that it depends on.

        Returns:
            The state of the DAG.
        """
        tasks = dag["tasks"]
        states: dict[str, str] = {}
        exit_tasks = sorted(
            name for name, task in tasks.items() if task.get("triggerPolicy", {}).get("strategy") == _EXIT_STRATEGY
        )
        for name in topological_order({name: task for name, task in tasks.items() if name not in exit_tasks}):
            if all(states[upstream] in _SUCCESSES for upstream in upstream_tasks(tasks[name])):
                states[name] = self._run_task(name, tasks[name], parameters, states)
            else:
                states[name] = self._record(name, TaskResult("NOT_RUN"))
            for exit_task in exit_tasks:
                if name in tasks[exit_task].get("dependentTasks", []):
                    states[exit_task] = self._run_task(exit_task, tasks[exit_task], parameters, states)
        return "COMPLETE" if set(states.values()) <= set(_SUCCESSES) else "FAILED"

    def _record(self, name: str, result: TaskResult) -> str:
        self._results[name] = result
        self._on_state(name, result.state)
        return result.state

    def _run_task(
        self, name: str, task: Mapping[str, Any], parent: Mapping[str, Any], states: Mapping[str, str]
    ) -> str:
        """Runs a container or a sub-DAG; returns its state. The arguments are those of ``Driver.resolve_inputs``."""
        if "condition" in task.get("triggerPolicy", {}):
            raise SpecError(f"task {name}: KFP would evaluate a condition, which is not simulated")
        component = self._spec["components"][task["componentRef"]["name"]]
        inputs = self._driver.resolve_inputs(name, task, component, parent, states)
        if "dag" in component:
            return self._run_dag(component["dag"], inputs["parameterValues"])
        return self._record(name, self._run_container(name, task, component, inputs))

    def _run_container(
        self, name: str, task: Mapping[str, Any], component: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> TaskResult:
        """``backend/src/v2/driver/container.go``, and Execute in ``backend/src/v2/component/launcher_v2.go``."""
        container = self._spec["deploymentSpec"]["executors"][component["executorLabel"]].get("container")
        if container is None:
            raise SpecError(f"task {name}: its executor is no container; KFP runs containers and importers only")
        folder = self._root / "runs" / self.id
        launcher = Launcher(self._root / "stores", folder / "containers" / name, self._image_root)
        outputs = self._driver.provision_outputs(name, component, launcher.container_root)
        executor_input = {"inputs": inputs, "outputs": outputs}
        cached = task.get("cachingOptions", {}).get("enableCache", False)
        key = cache_key(container, executor_input)
        if cached and key in self._cache:
            return TaskResult("CACHED", **self._cache[key])
        self._on_state(name, "RUNNING")
        attempts = 1 + int(task.get("retryPolicy", {}).get("maxRetryCount", 0))
        for attempt in range(1, attempts + 1):
            usage, code = launcher.run(container, executor_input, folder / f"{name}-{attempt}.log")
            if code == 0:
                break
            self._on_state(name, f"attempt {attempt} of {attempts} failed")
        else:
            return TaskResult("FAILED", usage=usage)
        artifacts, parameters = launcher.collect(executor_input)
        launcher.remove_volumes()
        if cached:
            self._cache[key] = {"artifacts": artifacts, "parameters": parameters}
            self._cache_file.write_text(json.dumps(self._cache))
        return TaskResult("COMPLETE", artifacts, parameters, usage)
