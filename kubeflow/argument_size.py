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

_REMEDIES = {
    "ImportSchemaGen": "the curated schema travels in it: leave the domains with many values out of data.schema_file",
}


def check_argument_sizes(tasks: Mapping[str, Any]) -> None:
    """Checks that the ExecutorInput of each task will fit into an argument.

    Raises:
        SettingsError: one will not.
    """
    for name, task in tasks.items():
        size = executor_input_bytes(task)
        if size > MAX_ARGUMENT_BYTES:
            remedy = _REMEDIES.get(name, "make the settings of this step shorter")
            raise SettingsError(
                f"{name}: what the step is told takes {size:,} bytes, and Linux allows an argument "
                f"{MAX_ARGUMENT_BYTES:,}; {remedy}"
            )


def executor_input_bytes(task: Mapping[str, Any]) -> int:
    """The size of a task's ExecutorInput, which is JSON, from above."""
    constants = {
        name: source["runtimeValue"]["constant"]
        for name, source in task.get("inputs", {}).get("parameters", {}).items()
        if "runtimeValue" in source
    }
    return len(json.dumps(constants, ensure_ascii=False).encode()) + _RESERVED_BYTES
