"""ExecutorInputs and tasks as steps get them, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diptych.kubeflow.container.task import Task

RUN = "minio://bucket/kept/shop/run-7"
EXAMPLES = "title: tfx.Examples\ntype: object\n"


def executor_input(root: Path, step: str = "Trainer") -> dict[str, Any]:
    """An ExecutorInput as KFP's driver makes it, with one input, one output and a parameter.

    Args:
        root: of the container's file system.
    """
    artifact = {"name": "12", "uri": f"{RUN}/ImageTextExampleGen/s/examples", "type": {"instanceSchema": EXAMPLES}}
    output = {"name": "model", "uri": f"{RUN}/{step}/s/model", "type": {"instanceSchema": "title: tfx.Model\n"}}
    return {
        "inputs": {"artifacts": {"examples": {"artifacts": [artifact]}}, "parameterValues": {"epochs": 3}},
        "outputs": {
            "artifacts": {"model": {"artifacts": [output]}},
            "outputFile": str(root / f"minio/bucket/kept/shop/run-7/{step}/s/output_metadata.json"),
        },
    }


def make_task(given: dict[str, Any], step: str = "Trainer", artifacts: str = "mirrored") -> Task:
    """A task of the run ``run-7`` from its ExecutorInput as a dictionary; all its outputs are its own."""
    outputs = given.get("outputs", {}).get("artifacts", {})
    return Task(artifacts, step, "run-7", json.dumps(given), outputs)


def write_catalogue(folder: Path) -> None:
    """Writes a catalogue of one row, and its image, which is no real one."""
    folder.mkdir(parents=True)
    (folder / "catalogue.csv").write_text("image,description,label\na.png,text,x\n")
    (folder / "a.png").write_bytes(b"one")
