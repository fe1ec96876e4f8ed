"""What tests of the compiler have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diptych.pipeline.settings import Settings, load_settings

CONFIG = """
name: shop
data: {catalogue: catalogue.csv}
kubeflow:
  catalogue: minio://bucket/catalogue.csv
  image: registry/diptych:1
  resources:
    default: {cpu: 1, memory_gb: 2}
    ImageTextExampleGen: {cpu: 4, memory_gb: 8, timeout_minutes: 90}
    Trainer: {cpu: 2, memory_gb: 16.5, gpu: 1, node_selector: {pool: gpu}, retries: 1}
"""
# Overrides with which Vertex takes the settings.
ON_GOOGLE = ("kubeflow.pipeline_root=gs://b/r", "kubeflow.catalogue=gs://b/c.csv", "kubeflow.resources={}")


def settings_with(folder: Path, *overrides: str) -> Settings:
    """The settings of a folder's ``diptych.yaml``, with overrides ``KEY=VALUE``."""
    return load_settings(str(folder / "diptych.yaml"), overrides)


def tasks_of(spec: dict[str, Any]) -> dict[str, Any]:
    """The tasks of the sub-DAG, which are all but the exit handler."""
    return dict(spec["components"]["pipeline"]["dag"]["tasks"])


def containers_of(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The container of each step."""
    executors = spec["deploymentSpec"]["executors"]
    return {label.removesuffix("_executor"): executor["container"] for label, executor in executors.items()}


def data_options_of(spec: dict[str, Any], step: str) -> dict[str, Any]:
    """The data options that a step is given."""
    parameters = tasks_of(spec)[step]["inputs"]["parameters"]
    return dict(json.loads(parameters["data_options"]["runtimeValue"]["constant"]))
