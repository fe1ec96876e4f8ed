"""Resources and retries of the compiled tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.compiler import build_spec
from tests.conformance.recordings import Recording, recordings
from tests.kubeflow.compiled import ON_GOOGLE, containers_of, settings_with


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


def test_the_outputs_that_are_a_steps_own_are_among_its_arguments(spec: dict[str, Any]) -> None:
    def outputs(step: str) -> str:
        args = containers_of(spec)[step]["args"]
        assert args[2:5] == ["--step", step, "--outputs"]
        return str(args[5])

    assert outputs("ImageTextExampleGen") == "examples,rejects"
    assert outputs("Trainer") == "model,model_run"
    assert outputs("Sources") == outputs("Publish") == ""


def test_the_runs_id_is_in_the_environment_and_no_parameter(documents: list[dict[str, Any]]) -> None:
    """A parameter is part of KFP's cache key (v2/cacheutils/cache.go): nothing would be found there again."""
    spec, platform = documents
    for config in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        assert config["fieldPathAsEnv"] == [
            {"name": "DIPTYCH_RUN_ID", "fieldPath": "metadata.labels['pipeline/runid']"}
        ]
    assert "pipeline_job" not in str(spec)


@pytest.mark.parametrize(
    ("override", "environment"),
    [
        (None, None),
        ("kubeflow.store.endpoint=http://minio:9000", "http://minio:9000"),
        ("kubeflow.store.endpoint=null", "aws"),
    ],
)
def test_a_named_endpoint_reaches_our_code_and_not_kfps_launcher(
    folder: Path, override: str | None, environment: str | None
) -> None:
    """AWS_ENDPOINT_URL would reach the launcher's own client too."""
    overrides = [override] if override else []
    wanted = [{"name": "DIPTYCH_STORE_ENDPOINT", "value": environment}] if environment else []
    for container in containers_of(build_spec(settings_with(folder, *overrides), "kfp")).values():
        assert container.get("env", []) == wanted


def _argo_tries_again(policy: dict[str, Any], seconds: float) -> bool:
    """Whether Argo starts a second attempt after a first one that failed after some seconds.

    The rules are those of processNodeRetries in workflow/controller/operator.go (argo-workflows, August 2026): the
    pause must end before ``maxDuration`` after the start of the first attempt.
    """
    longest = float(policy["backoffMaxDuration"].removesuffix("s"))
    return seconds + float(policy["backoffDuration"].removesuffix("s")) <= longest


def test_a_step_is_tried_again_however_long_an_attempt_took(tasks: dict[str, Any]) -> None:
    a_day = 24 * 3600
    assert not _argo_tries_again({**tasks["Trainer"]["retryPolicy"], "backoffMaxDuration": "300s"}, 301)
    assert all(_argo_tries_again(task["retryPolicy"], a_day) for task in tasks.values() if "retryPolicy" in task)


def test_vertex_gets_a_pause_that_it_allows(folder: Path) -> None:
    tasks = build_spec(settings_with(folder, *ON_GOOGLE), "vertex")["components"]["pipeline"]["dag"]["tasks"]
    assert tasks["Trainer"]["retryPolicy"]["backoffMaxDuration"] == "300s"


@pytest.mark.parametrize("recording", recordings(), ids=str)
def test_kfp_hands_the_longest_duration_to_argo_as_it_is(recording: Recording) -> None:
    """A missing one would not mean 'no limit': KFP gives Argo a 0 then, which ends the step after its first attempt."""
    templates = {template["name"]: template for template in recording.workflow["spec"]["templates"]}
    strategy = templates["retry-system-container-impl"]["retryStrategy"]
    assert strategy["backoff"]["maxDuration"] == "{{inputs.parameters.retry-backoff-max-duration}}"
    given = {item["name"]: item for item in templates["retry-system-container-executor"]["inputs"]["parameters"]}
    assert given["retry-backoff-max-duration"]["default"] == "0"
    trainer = next(task for task in templates["pipeline"]["dag"]["tasks"] if task["name"] == "Trainer")
    values = {item["name"]: item.get("value") for item in trainer["arguments"]["parameters"]}
    assert values["retry-backoff-max-duration"] == "300"  # what the recorded spec said
