"""Tasks of a pipeline spec: found, added, and given parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diptych.pipeline.settings import Settings

_ENTRY_POINT = "diptych.kubeflow.container.entrypoint"
#: The type of a parameter in a pipeline spec.
PARAMETER_TYPES = {int: "NUMBER_INTEGER", str: "STRING", list: "LIST", dict: "STRUCT"}


def entry_point(mode: str) -> list[str]:
    """The command of a step's container, without its arguments.

    Args:
        mode: what ``diptych.kubeflow.container.entrypoint`` is to do.
    """
    return ["python", "-m", _ENTRY_POINT, mode]


def step_tasks(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The tasks that run a container, of all DAGs, by name."""
    return {
        name: task
        for component in (spec["root"], *spec["components"].values())
        for name, task in component.get("dag", {}).get("tasks", {}).items()
        if "executorLabel" in spec["components"][task["componentRef"]["name"]]
    }


def add_task(
    spec: dict[str, Any], tasks: dict[str, Any], settings: Settings, step: str, constants: Mapping[str, str]
) -> dict[str, Any]:
    """Adds a task that is no TFX component, with constant parameters. Its command reads them from the ExecutorInput."""
    spec["components"][step] = {"executorLabel": f"{step}_executor", "inputDefinitions": {"parameters": {}}}
    spec["deploymentSpec"]["executors"][f"{step}_executor"] = {
        "container": {
            "image": settings.kubeflow.image,
            "command": entry_point(step.lower()),
            "args": ["--json_serialized_invocation_args", "{{$}}"],
        }
    }
    task: dict[str, Any] = {"taskInfo": {"name": step}, "componentRef": {"name": step}, "inputs": {"parameters": {}}}
    tasks[step] = task
    for name, value in constants.items():
        set_parameter(spec, task, name, str, {"runtimeValue": {"constant": value}})
    return task


def set_parameter(spec: dict[str, Any], task: dict[str, Any], name: str, kind: type, source: Mapping[str, Any]) -> None:
    """Declares a parameter of a task's component, and gives it to the task from a source."""
    component = spec["components"][task["componentRef"]["name"]]
    definitions = component.setdefault("inputDefinitions", {}).setdefault("parameters", {})
    definitions[name] = {"parameterType": PARAMETER_TYPES[kind]}
    task.setdefault("inputs", {}).setdefault("parameters", {})[name] = dict(source)


def set_dag_parameter(spec: dict[str, Any], task: dict[str, Any], name: str, kind: type = str) -> None:
    """Gives a parameter of the DAG that a task belongs to to the task, under the same name."""
    set_parameter(spec, task, name, kind, {"componentInputParameter": name})


def set_task_parameter(
    spec: dict[str, Any], task: dict[str, Any], name: str, kind: type, producer: str, output: str
) -> None:
    """Gives an output parameter of another task of the same DAG to a task."""
    source = {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": output}}
    set_parameter(spec, task, name, kind, source)
