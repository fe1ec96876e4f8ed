"""Fan-out: images are decoded in a loop of pods, each of which decodes a slice of the catalogue.

The loop, its items and what is collected are named as KFP's own compiler names them; ``tests/conformance`` has what KFP
makes of that. Each slice is cached by the digest in its item.
"""

from __future__ import annotations

import json
from typing import Any

from diptych.kubeflow.step_names import DECODE, SOURCES
from diptych.kubeflow.task_options import get_container
from diptych.kubeflow.tasks import add_task, set_dag_parameter, set_parameter, set_task_parameter
from diptych.pipeline.settings import Settings

#: The loop: a task, and its component.
LOOP = "for-loop-1"

_EXAMPLE_GEN = "ImageTextExampleGen"
# The output of Sources, and the input of ingestion.
_SLICES = "slices"
_SLICE = "slice"
_ITEMS = f"pipelinechannel--{SOURCES}-{_SLICES}"
_ITEM = f"{_ITEMS}-loop-item"
_COLLECTED = f"pipelinechannel--{DECODE}-{_SLICE}"
_INPUT_TYPES = "--json_serialized_inputs_spec_args"


def add_fan_out(spec: dict[str, Any], tasks: dict[str, Any], settings: Settings) -> None:
    """Lets Sources cut the catalogue, and ingestion take what a loop of pods decodes; nothing without the setting.

    Args:
        tasks: of the DAG that has ingestion; Sources is among them.
    """
    if settings.kubeflow.fan_out is None:
        return
    _cut_in_sources(spec, tasks[SOURCES], settings)
    _add_loop(spec, tasks, settings)
    _collect(spec, tasks[_EXAMPLE_GEN])


def _cut_in_sources(spec: dict[str, Any], task: dict[str, Any], settings: Settings) -> None:
    options = settings.kubeflow.fan_out
    assert options is not None
    for name, value in (("pods", options.pods), ("from_rows", options.from_rows)):
        set_parameter(spec, task, name, int, {"runtimeValue": {"constant": value}})
    spec["components"][SOURCES]["outputDefinitions"]["parameters"][_SLICES] = {"parameterType": "LIST"}


def _add_loop(spec: dict[str, Any], tasks: dict[str, Any], settings: Settings) -> None:
    """Adds a DAG with the one task Decode, and a task that runs it once for each slice."""
    options = settings.kubeflow.fan_out
    assert options is not None
    given = tasks[_EXAMPLE_GEN]["inputs"]["parameters"]
    constants = {name: given[name]["runtimeValue"]["constant"] for name in ("data_options", "image_options", "code")}
    inner: dict[str, Any] = {}
    decode = add_task(spec, inner, settings, DECODE, constants)
    set_parameter(spec, decode, _SLICE, dict, {"componentInputParameter": _ITEM})
    for name in ("catalogue", "publish_directory"):
        set_dag_parameter(spec, decode, name)
    spec["components"][DECODE]["outputDefinitions"] = {"artifacts": {_SLICE: {"artifactType": _slice_type()}}}
    selector = {"producerSubtask": DECODE, "outputArtifactKey": _SLICE}
    spec["components"][LOOP] = {
        "dag": {"tasks": inner, "outputs": {"artifacts": {_COLLECTED: {"artifactSelectors": [selector]}}}},
        # Only an iteration is given this one.
        "inputDefinitions": {"parameters": {_ITEM: {"parameterType": "STRUCT"}}},
        "outputDefinitions": {"artifacts": {_COLLECTED: {"artifactType": _slice_type(), "isArtifactList": True}}},
    }
    tasks[LOOP] = {
        "taskInfo": {"name": LOOP},
        "componentRef": {"name": LOOP},
        "dependentTasks": [SOURCES],
        "parameterIterator": {"itemInput": _ITEM, "items": {"inputParameter": _ITEMS}},
        "iteratorPolicy": {"parallelismLimit": options.pods},
    }
    set_task_parameter(spec, tasks[LOOP], _ITEMS, list, SOURCES, _SLICES)
    set_task_parameter(spec, tasks[LOOP], "catalogue", str, SOURCES, "catalogue")


def _collect(spec: dict[str, Any], task: dict[str, Any]) -> None:
    """Gives ingestion the decoded slices, and what Sources planned, by which it checks that they are all there."""
    set_task_parameter(spec, task, _SLICES, list, SOURCES, _SLICES)
    collected = {"producerTask": LOOP, "outputArtifactKey": _COLLECTED}
    task["inputs"]["artifacts"] = {_SLICES: {"taskOutputArtifact": collected}}
    task["dependentTasks"] = [SOURCES, LOOP]
    definition = {"artifactType": _slice_type(), "isArtifactList": True}
    spec["components"][_EXAMPLE_GEN]["inputDefinitions"]["artifacts"] = {_SLICES: definition}
    # KFP's driver empties the types of inputs, so the command tells them once more.
    arguments = get_container(spec, _EXAMPLE_GEN)["args"]
    place = arguments.index(_INPUT_TYPES) + 1
    types = json.loads(arguments[place])
    arguments[place] = json.dumps({**types, "artifacts": {_SLICES: definition}}, sort_keys=True)


def _slice_type() -> dict[str, str]:
    from diptych.components.artifact_types import DecodedSlice

    return {"instanceSchema": f"title: {DecodedSlice.TYPE_NAME}\ntype: object\n"}
