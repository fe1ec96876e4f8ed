"""The settings of Beam: each does something on the runner that it is given with, or is refused."""

from __future__ import annotations

from typing import Any

import pytest
from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    WorkerOptions,
)
from pydantic import ValidationError

from diptych.pipeline.options.beam import BeamOptions

SERVER = {"endpoint": "jobs:8099"}
OWN = {"flink_rest": "flink:8081", "job_server_jar": "/opt/job-server.jar"}
GOOGLE = {"project": "p", "region": "r", "temp_location": "gs://b/t"}


def options_of(**values: Any) -> PipelineOptions:
    """What Beam understands of the arguments."""
    return PipelineOptions(BeamOptions(**values).pipeline_args("image"))


def test_one_worker_in_the_steps_own_process_needs_no_argument() -> None:
    assert BeamOptions().pipeline_args("image") == []


def test_workers_reach_each_runner_that_takes_them() -> None:
    assert options_of(workers=3).view_as(DirectOptions).direct_num_workers == 3
    for server in (SERVER, OWN):
        assert options_of(runner="flink", workers=3, **server).view_as(FlinkRunnerOptions).parallelism == 3
    assert options_of(runner="dataflow", workers=3, **GOOGLE).view_as(WorkerOptions).num_workers == 3


@pytest.mark.parametrize("runner", ["flink", "spark"])
def test_a_job_server_beside_the_cluster_needs_nothing_of_java(runner: str) -> None:
    options = options_of(runner=runner, **SERVER)
    assert options.view_as(StandardOptions).runner == "PortableRunner"
    portable = options.view_as(PortableOptions)
    assert (portable.job_endpoint, portable.environment_config) == ("jobs:8099", "localhost:50000")


def test_a_job_server_of_the_steps_own_gets_the_jar() -> None:
    options = options_of(runner="flink", **OWN)
    assert options.view_as(StandardOptions).runner == "FlinkRunner"
    flink = options.view_as(FlinkRunnerOptions)
    assert (flink.flink_master, flink.flink_job_server_jar) == ("flink:8081", "/opt/job-server.jar")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"runner": "spark", "workers": 4, **SERVER}, "runner 'spark' knows no beam.workers"),
        ({"timeout_minutes": 5}, "runner 'direct' knows no beam.timeout_minutes"),
        ({"runner": "spark"}, "runner 'spark' needs beam.endpoint"),
        ({"runner": "spark", **OWN}, "runner 'spark' needs beam.endpoint"),
        ({"runner": "flink"}, "runner 'flink' needs beam.endpoint, Beam's job server, or beam.flink_rest and"),
        ({"runner": "flink", "flink_rest": "flink:8081"}, "runner 'flink' needs beam.endpoint"),
        ({"runner": "flink", **SERVER, **OWN}, "starts none: leave out beam.flink_rest"),
        ({"runner": "dataflow", **GOOGLE, **SERVER}, "runner 'dataflow' knows no beam.endpoint"),
        ({"runner": "flink", "timeout_minutes": 0, **SERVER}, "greater than 0"),
    ],
)
def test_what_a_runner_would_pass_over_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BeamOptions(**values)


@pytest.mark.parametrize(("given", "expected"), [({}, "1440"), ({"timeout_minutes": 30}, "30")])
def test_every_job_on_other_workers_ends_some_time(given: dict[str, float], expected: str) -> None:
    for runner, needed in {"flink": SERVER, "spark": SERVER, "dataflow": GOOGLE}.items():
        arguments = BeamOptions(runner=runner, **needed, **given).pipeline_args("image")
        assert f"--timeout_minutes={expected}" in arguments
