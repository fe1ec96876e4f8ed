"""How much a step can be told: KFP hands the ExecutorInput over as one argument, and Linux limits an argument."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from diptych.pipeline.settings import SettingsError

#: The most bytes of an argument: MAX_ARG_STRLEN of Linux, less the zero at its end.
MAX_ARGUMENT_BYTES = 32 * 4096 - 1
# For what the compiler does not know: URIs and properties of artifacts, 600 bytes each in the recorded runs, and the
# values of the run's parameters.
_RESERVED_BYTES = 16 * 1024
# For each slice that a loop may put out: 600 bytes of its artifact, and the item of which it was made.
_BYTES_PER_SLICE = 1000

_REMEDIES = {
    "ImportSchemaGen": "the curated schema travels in it: leave the domains with many values out of data.schema_file",
}


def check_argument_sizes(tasks: Mapping[str, Any]) -> None:
    """Checks that the ExecutorInput of each task will fit into an argument.

    Raises:
        SettingsError: one will not.
    """
    for name, task in tasks.items():
        size = executor_input_bytes(task, tasks)
        if size > MAX_ARGUMENT_BYTES:
            remedy = _REMEDIES.get(name, "make the settings of this step shorter")
            if _most_collected(task, tasks):
                remedy += ", or kubeflow.fan_out.pods fewer"
            raise SettingsError(
                f"{name}: what the step is told takes {size:,} bytes, and Linux allows an argument "
                f"{MAX_ARGUMENT_BYTES:,}; {remedy}"
            )


def executor_input_bytes(task: Mapping[str, Any], tasks: Mapping[str, Any]) -> int:
    """The size of a task's ExecutorInput, which is JSON, from above.

    Args:
        tasks: all tasks of its DAG.
    """
    constants = {
        name: source["runtimeValue"]["constant"]
        for name, source in task.get("inputs", {}).get("parameters", {}).items()
        if "runtimeValue" in source
    }
    collected = _BYTES_PER_SLICE * _most_collected(task, tasks)
    return len(json.dumps(constants, ensure_ascii=False).encode()) + _RESERVED_BYTES + collected


def _most_collected(task: Mapping[str, Any], tasks: Mapping[str, Any]) -> int:
    """How many artifacts of iterations a task is given at most."""
    producers = [
        one["taskOutputArtifact"]["producerTask"] for one in task.get("inputs", {}).get("artifacts", {}).values()
    ]
    return sum(tasks[name].get("iteratorPolicy", {}).get("parallelismLimit", 0) for name in producers)
