"""Resources and retries of the compiled tasks."""

from __future__ import annotations

from typing import Any

from tests.kubeflow.compiled import containers_of


def test_resources_reach_every_container(spec: dict[str, Any]) -> None:
    found = {step: container["resources"] for step, container in containers_of(spec).items()}
    assert found["Trainer"] == {
        "cpuRequest": 2.0,
        "cpuLimit": 2.0,
        "memoryRequest": 16.5,
        "memoryLimit": 16.5,
        "accelerator": {"type": "nvidia.com/gpu", "count": "1"},
    }
    assert found["ImageTextExampleGen"]["cpuLimit"] == 4.0
    assert found["Sources"]["memoryLimit"] == 2.0


def test_retries_are_only_where_they_are_safe(spec: dict[str, Any], tasks: dict[str, Any]) -> None:
    retried = {
        name: task["retryPolicy"]["maxRetryCount"]
        for name, task in {**tasks, **spec["root"]["dag"]["tasks"]}.items()
        if "retryPolicy" in task
    }
    assert set(retried) == {*tasks, "Publish"} - {"DataGate", "Pusher"}
    assert retried.pop("Trainer") == 1
    assert set(retried.values()) == {2}
