"""Recordings of Kubeflow Pipelines: see ``kfp/README.md``."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from diptych.pipeline.settings import Settings, check_settings

KFP = Path(__file__).parent / "kfp"
FIRST_RUN = "first run"

Json = dict[str, Any]


class Recording:
    """What one version of Kubeflow Pipelines did with our pipeline.

    Attributes:
        version: the name of its folder.
    """

    def __init__(self, version: str) -> None:
        self.version = version

    def __repr__(self) -> str:
        return f"KFP {self.version}"

    @cached_property
    def executor_inputs(self) -> Json:
        """Run to step to ExecutorInput; of some runs the ExecutorInput of one step, or those of its attempts."""
        return self._json("executor_inputs.json")

    @cached_property
    def workflow(self) -> Json:
        """The Argo workflow that KFP's compiler made of the spec."""
        return self._json("workflow.json")

    @cached_property
    def mlmd(self) -> Json:
        """Artifacts and executions of the first run in the metadata store; of ``after-2.17.0`` only."""
        return self._json("mlmd.json")

    @cached_property
    def spec(self) -> Json:
        """The pipeline spec that the recorded runs were made of: its own, or that which all recordings share."""
        path = KFP / self.version / "spec.yaml"
        return dict(next(yaml.safe_load_all(path.read_text(encoding="utf-8")))) if path.exists() else recorded_spec()[0]

    def step(self, name: str) -> Json:
        """The ExecutorInput of a step in the first run."""
        return dict(self.executor_inputs[FIRST_RUN][name])

    def _json(self, name: str) -> Json:
        return dict(json.loads((KFP / self.version / name).read_text(encoding="utf-8")))


def recordings() -> list[Recording]:
    """Every recorded version that ran our pipeline."""
    folders = [path.parent.name for path in sorted(KFP.glob("*/executor_inputs.json"))]
    return [recording for recording in map(Recording, folders) if FIRST_RUN in recording.executor_inputs]


def recorded_spec() -> tuple[Json, Json]:
    """The pipeline spec that the recorded runs were made of, and its platform spec."""
    spec, platform = yaml.safe_load_all((KFP / "after-2.17.0/spec.yaml").read_text(encoding="utf-8"))
    return spec, platform


def recorded_settings() -> Settings:
    """The settings of which the recorded spec was compiled."""
    return check_settings(
        {
            "name": "shop",
            "data": {"catalogue": "minio://shop/catalogue/catalogue.csv", "fetch": {"concurrency": 16}},
            "image": {"height": 32, "width": 32},
            # Beside filters and epochs, these and the concurrency were the defaults of then.
            "model": {"image": {"filters": [8, 16], "backbone": "cnn", "frozen_epochs": 0}},
            "train": {"epochs": 2, "class_weights": "sqrt"},
            "evaluate": {"gain_over_baseline": {"accuracy": 0.0}, "gain_over_blessed": {"accuracy": -0.01}},
            "kubeflow": {"pipeline_root": "minio://shop/artifacts"},
        },
        "recorded",
    )
