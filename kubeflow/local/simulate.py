"""Runs a compiled pipeline spec on this machine as open-source KFP 2.x does, one process for each container.

It reads nothing but the spec. What KFP's backend does is done by the same rules, and each names its source in
github.com/kubeflow/pipelines. What Kubernetes does (scheduling, resources) is left out.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from diptych.kubeflow.local.attempts import StepRunner
from diptych.kubeflow.local.container import Container, check_image
from diptych.kubeflow.local.driver import Driver, RunInfo, cache_key
from diptych.kubeflow.local.launcher import Launcher
from diptych.kubeflow.local.results import CACHED, COMPLETE, FAILED, NOT_RUN, SUCCESSES, SimulatedRun, TaskResult
from diptych.kubeflow.local.step import Cluster, Step
from diptych.kubeflow.spec import SpecError, topological_order, upstream_tasks

_EXIT_STRATEGY = "ALL_UPSTREAM_TASKS_COMPLETED"
# KFP's own default.
_DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"

Json = Mapping[str, Any]


class Simulation:
    """One run of a spec.

    Args:
        spec: the pipeline spec, as ``load_spec`` gives it.
        root: folder of everything: ``stores/<scheme>/<bucket>`` are the object stores, ``cache.json`` is the cache, and
            ``runs/<id>`` has the logs.
        cluster: where it is run.
        on_state: is called with a task's name and state each time that it changes.

    Raises:
        SpecError: the cluster's image is none.
    """

    def __init__(
        self,
        spec: Json,
        root: str,
        cluster: Cluster | None = None,
        on_state: Callable[[str, str], None] = lambda task, state: None,
    ) -> None:
        self._cluster = cluster or Cluster()
        self._image_root = self._cluster.image_root and os.path.abspath(self._cluster.image_root)
        if self._image_root:
            check_image(self._image_root)
        self._spec = spec
        self._root = Path(root).absolute()
        self._on_state = on_state
        self.id = str(uuid.uuid4())
        name = spec["pipelineInfo"]["name"]
        # The server never reads defaultPipelineRoot; whoever submits a run hands it over, as diptych submit does.
        root_uri = (self._cluster.pipeline_root or spec.get("defaultPipelineRoot") or _DEFAULT_ROOT).rstrip("/")
        # GetPipeline and GenerateOutputURI in backend/src/v2/metadata/client.go.
        artifact_root = f"{root_uri}/{name}/{self.id}"
        created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._run_info = RunInfo(self.id, f"{name}-{self.id[:5]}", name, artifact_root, created)
        self._results: dict[str, TaskResult] = {}
        self._driver = Driver(self._run_info, self._results)
        self._cache_file = self._root / "cache.json"
        self._cache: dict[str, Any] = json.loads(self._cache_file.read_text()) if self._cache_file.exists() else {}

    def run(self, parameters: Json) -> SimulatedRun:
        """Runs every task that KFP would run.

        Args:
            parameters: the value of every parameter of the pipeline.
        """
        self._run_dag(self._spec["root"]["dag"], parameters)
        succeeded = {result.state for result in self._results.values()} <= SUCCESSES
        return SimulatedRun(self.id, "SUCCEEDED" if succeeded else "FAILED", self._results)

    def _run_dag(self, dag: Json, parameters: Json) -> str:
        """Runs the tasks of a DAG in topological order, exit tasks after the tasks that they wait for.

        By ``backend/src/v2/compiler/argocompiler/dag.go``, a task depends on the success of its dependentTasks and of
        the producers of its inputs (addImplicitDependencies). One whose trigger policy is ALL_UPSTREAM_TASKS_COMPLETED
        is an exit hook of the task that it depends on.

        Returns:
            The state of the DAG in the metadata store.
        """
        tasks = dag["tasks"]
        states: dict[str, str] = {}
        exit_tasks = sorted(
            name for name, task in tasks.items() if task.get("triggerPolicy", {}).get("strategy") == _EXIT_STRATEGY
        )
        for name in topological_order({name: task for name, task in tasks.items() if name not in exit_tasks}):
            if all(states[upstream] in SUCCESSES for upstream in upstream_tasks(tasks[name])):
                states[name] = self._run_task(name, tasks[name], parameters, states)
            else:
                states[name] = NOT_RUN
                self._record(name, TaskResult(NOT_RUN))
            for exit_task in exit_tasks:
                if name in tasks[exit_task].get("dependentTasks", []):
                    states[exit_task] = self._run_task(exit_task, tasks[exit_task], parameters, states)
        return _dag_state(states.values())

    def _record(self, name: str, result: TaskResult) -> None:
        self._results[name] = result
        self._on_state(name, result.state)

    def _run_task(self, name: str, task: Json, parent: Json, states: Mapping[str, str]) -> str:
        """Runs a container or a sub-DAG. The arguments are those of ``Driver.resolve_inputs``.

        Returns:
            Its state in the metadata store.
        """
        if "condition" in task.get("triggerPolicy", {}):
            raise SpecError(f"task {name}: KFP would evaluate a condition, which is not simulated")
        component = self._spec["components"][task["componentRef"]["name"]]
        inputs = self._driver.resolve_inputs(name, task, component, parent, states)
        if "dag" in component:
            return self._run_dag(component["dag"], inputs.get("parameterValues", {}))
        result = self._run_container(Step.of_task(name, task, self._spec, self._cluster.executors), inputs)
        self._record(name, result)
        if result.state in SUCCESSES:
            return result.state
        # The launcher of each attempt says what became of it, and none takes back that one has failed.
        return FAILED if FAILED in result.attempts else "RUNNING"

    def _run_container(self, step: Step, inputs: Json) -> TaskResult:
        """``backend/src/v2/driver/container.go``, and the attempts after it."""
        folder = self._root / "runs" / self.id
        container = Container(folder / "containers" / step.name, self._image_root, self._cluster.user)
        executor_input = {"inputs": inputs, "outputs": self._driver.provision_outputs(step, container.root)}
        key = cache_key(step, executor_input)
        if step.is_cached and key in self._cache:
            return TaskResult(CACHED, **self._cache[key])
        self._on_state(step.name, "RUNNING")
        run = self._run_info
        launcher = Launcher(step, self._root / "stores", container, run.artifact_root, self._cluster.release)
        result = StepRunner(
            step, launcher, self._cluster, folder, run, lambda line: self._on_state(step.name, line)
        ).run(executor_input)
        if step.is_cached and result.state == COMPLETE:
            self._cache[key] = {"artifacts": result.artifacts, "parameters": result.parameters}
            self._cache_file.write_text(json.dumps(self._cache))
        return result


def _dag_state(states: Any) -> str:
    """The state of a DAG from those of its tasks: UpdateDAGExecutionsState in ``backend/src/v2/metadata/client.go``.

    A launcher that ends brings it up to date: one that was killed does not, and leaves the DAG and its task running.
    """
    found = set(states)
    if found <= SUCCESSES:
        return COMPLETE
    return FAILED if FAILED in found else "RUNNING"
