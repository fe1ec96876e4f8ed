"""Runs a compiled pipeline spec on this machine as open-source KFP 2.x does, one process for each container.

It reads nothing but the spec. What KFP's backend does is done by the same rules, and each names its source in
github.com/kubeflow/pipelines. What Kubernetes does (scheduling, resources) is left out.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from diptych.kubeflow.local.attempts import StepRunner
from diptych.kubeflow.local.container import Container, check_image
from diptych.kubeflow.local.driver import Driver, RunInfo, cache_key, resolve_iterations
from diptych.kubeflow.local.launcher import Launcher
from diptych.kubeflow.local.results import CACHED, COMPLETE, FAILED, NOT_RUN, SUCCESSES, SimulatedRun, TaskResult
from diptych.kubeflow.local.step import Cluster, Step
from diptych.kubeflow.spec import SpecError, topological_order, upstream_tasks
from diptych.models.atomic_files import write_text
from diptych.models.os_errors import naming

_EXIT_STRATEGY = "ALL_UPSTREAM_TASKS_COMPLETED"
# KFP's own default.
_DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"

Json = Mapping[str, Any]


@dataclass
class _Dag:
    """A DAG that runs, or one iteration of it.

    Attributes:
        parameters: the values of its own parameters.
        index: what follows the names of its tasks to tell iterations apart, as ``[0]``; empty outside of loops.
        states: what the metadata store says of its tasks so far, by name.
        results: of its tasks so far, sub-DAGs too, by name.
    """

    parameters: Json
    index: str = ""
    states: dict[str, str] = field(default_factory=dict)
    results: dict[str, TaskResult] = field(default_factory=dict)


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
        OSError: the cache cannot be read.
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
        self._cache_file = self._root / "cache.json"
        self._cache: dict[str, Any] = _read_cache(self._cache_file)

    def run(self, parameters: Json) -> SimulatedRun:
        """Runs every task that KFP would run.

        Args:
            parameters: the value of every parameter of the pipeline.

        Raises:
            SpecError: KFP would not run a task, or it does what is not simulated.
            OSError: files of the stores, the containers, the logs or the cache cannot be read or written.
        """
        self._run_dag(self._spec["root"]["dag"], parameters)
        succeeded = {result.state for result in self._results.values()} <= SUCCESSES
        return SimulatedRun(self.id, "SUCCEEDED" if succeeded else "FAILED", self._results)

    def _run_dag(self, spec: Json, parameters: Json, index: str = "") -> TaskResult:
        """Runs the tasks of a DAG in topological order, exit tasks after the tasks that they wait for.

        By ``backend/src/v2/compiler/argocompiler/dag.go``, a task depends on the success of its dependentTasks and of
        the producers of its inputs (addImplicitDependencies). One whose trigger policy is ALL_UPSTREAM_TASKS_COMPLETED
        is an exit hook of the task that it depends on.

        Args:
            index: see ``_Dag``.

        Returns:
            The state of the DAG in the metadata store, and its outputs.
        """
        tasks, dag = spec["tasks"], _Dag(parameters, index)
        exit_tasks = sorted(
            name for name, task in tasks.items() if task.get("triggerPolicy", {}).get("strategy") == _EXIT_STRATEGY
        )
        for name in topological_order({name: task for name, task in tasks.items() if name not in exit_tasks}):
            if all(dag.states[upstream] in SUCCESSES for upstream in upstream_tasks(tasks[name])):
                dag.states[name] = self._run_task(name, tasks[name], dag)
            else:
                dag.states[name] = NOT_RUN
                self._record_not_run(name, tasks[name], index)
            for exit_task in exit_tasks:
                if name in tasks[exit_task].get("dependentTasks", []):
                    dag.states[exit_task] = self._run_task(exit_task, tasks[exit_task], dag)
        return TaskResult(_dag_state(dag.states.values()), artifacts=_dag_artifacts(spec, dag.results))

    def _record(self, label: str, result: TaskResult) -> None:
        self._results[label] = result
        self._on_state(label, result.state)

    def _record_not_run(self, name: str, task: Json, index: str) -> None:
        """Records that nothing was run of a task, or of those of a sub-DAG."""
        component = self._spec["components"][task["componentRef"]["name"]]
        if "dag" not in component:
            self._record(name + index, TaskResult(NOT_RUN))
            return
        for inner, inner_task in component["dag"]["tasks"].items():
            self._record_not_run(inner, inner_task, index)

    def _run_task(self, name: str, task: Json, dag: _Dag) -> str:
        """Runs a container, a sub-DAG or a loop.

        Returns:
            Its state in the metadata store.
        """
        if "condition" in task.get("triggerPolicy", {}):
            raise SpecError(f"task {name}: KFP would evaluate a condition, which is not simulated")
        component = self._spec["components"][task["componentRef"]["name"]]
        driver = Driver(self._run_info, dag.results)
        inputs = driver.resolve_inputs(name, task, component, dag.parameters, dag.states)
        if "dag" in component:
            parameters = inputs.get("parameterValues", {})
            if "parameterIterator" in task:
                dag.results[name] = self._run_loop(name, task, component["dag"], parameters, dag.index)
            else:
                dag.results[name] = self._run_dag(component["dag"], parameters, dag.index)
            return dag.results[name].state
        step = Step.of_task(name, name + dag.index, task, self._spec, self._cluster.executors)
        result = dag.results[name] = self._run_container(step, inputs, driver)
        self._record(step.label, result)
        if result.state in SUCCESSES:
            return result.state
        # The launcher of each attempt says what became of it, and none takes back that one has failed.
        return FAILED if FAILED in result.attempts else "RUNNING"

    def _run_loop(self, name: str, task: Json, spec: Json, parameters: Json, index: str) -> TaskResult:
        """Runs a DAG once for each item, one after the other, as if all had begun at once: none waits for another.

        Its outputs are lists in the order of the items: CollectInputs in ``backend/src/v2/driver/resolve.go``.
        """
        iterations = resolve_iterations(name, task, parameters)
        if not iterations and spec.get("outputs", {}).get("artifacts"):
            raise SpecError(f"task {name}: KFP finds no producer of the outputs of a loop over an empty list")
        results = [self._run_dag(spec, values, f"{index}[{number}]") for number, values in enumerate(iterations)]
        keys = spec.get("outputs", {}).get("artifacts", {})
        collected = {key: [result.artifacts[key] for result in results if key in result.artifacts] for key in keys}
        return TaskResult(_dag_state(result.state for result in results), artifacts=collected)

    def _run_container(self, step: Step, inputs: Json, driver: Driver) -> TaskResult:
        """``backend/src/v2/driver/container.go``, and the attempts after it."""
        folder = self._root / "runs" / self.id
        container = Container(folder / "containers" / step.label, self._image_root, self._cluster.user)
        executor_input = {"inputs": inputs, "outputs": driver.provision_outputs(step, container.root)}
        key = cache_key(step, executor_input)
        if step.is_cached and key in self._cache:
            return TaskResult(CACHED, **self._cache[key])
        self._on_state(step.label, "RUNNING")
        run = self._run_info
        launcher = Launcher(step, self._root / "stores", container, run.artifact_root, self._cluster.release)
        result = StepRunner(
            step, launcher, self._cluster, folder, run, lambda line: self._on_state(step.label, line)
        ).run(executor_input)
        if step.is_cached and result.state == COMPLETE:
            self._cache[key] = {"artifacts": result.artifacts, "parameters": result.parameters}
            write_text(str(self._cache_file), json.dumps(self._cache))
        return result


def _read_cache(file: Path) -> dict[str, Any]:
    """The cache; an empty one if there is none, or it is damaged: steps run again then."""
    try:
        with naming(str(file)):
            return dict(json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def _dag_artifacts(spec: Json, results: Mapping[str, TaskResult]) -> dict[str, Any]:
    """The output artifacts of a DAG, of those of its tasks: GetProducerTask in ``backend/src/v2/driver/resolve.go``.

    Raises:
        SpecError: outputs are asked for that are not simulated.
    """
    outputs = spec.get("outputs", {})
    if "parameters" in outputs or any(
        len(one["artifactSelectors"]) > 1 for one in outputs.get("artifacts", {}).values()
    ):
        raise SpecError("a DAG puts out parameters, or one of several artifacts, which is not simulated")
    artifacts = {}
    for key, output in outputs.get("artifacts", {}).items():
        (selector,) = output["artifactSelectors"]
        produced = results[selector["producerSubtask"]].artifacts if selector["producerSubtask"] in results else {}
        if selector["outputArtifactKey"] in produced:
            artifacts[key] = produced[selector["outputArtifactKey"]]
    return artifacts


def _dag_state(states: Iterable[str]) -> str:
    """The state of a DAG from those of its tasks: UpdateDAGExecutionsState in ``backend/src/v2/metadata/client.go``.

    A launcher that ends brings it up to date: one that was killed does not, and leaves the DAG and its task running.
    """
    found = set(states)
    if found <= SUCCESSES:
        return COMPLETE
    return FAILED if FAILED in found else "RUNNING"
