"""Which runner executes the pipelines of Apache Beam, and with how many workers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from diptych.models.options import Options

# Of a side-car beside each task manager.
_SIDE_CAR = "localhost:50000"
_DAY_MINUTES = 1440.0

_REQUIRED: dict[str, set[str]] = {
    "direct": set(),
    "flink": set(),
    "spark": {"endpoint"},
    "dataflow": {"project", "region", "temp_location"},
}
_ALLOWED: dict[str, set[str]] = {
    "direct": {"workers"},
    "flink": {"workers", "endpoint", "flink_rest", "job_server_jar", "worker_pool", "timeout_minutes"},
    "spark": {"endpoint", "worker_pool", "timeout_minutes"},
    "dataflow": {"workers", "project", "region", "temp_location", "timeout_minutes"},
}


class BeamOptions(Options):
    """The Beam runner of ingestion, statistics, Transform's analysis and evaluation."""

    runner: Literal["direct", "flink", "spark", "dataflow"] = Field(
        "direct",
        description="'direct' runs in the process or container of the step; the others on workers of their own.",
    )
    workers: int = Field(
        1,
        ge=1,
        description="direct: number of processes; flink: the job's parallelism, for which so many slots must be free; "
        "dataflow: number of machines at the start. Spark takes what its own setting spark.default.parallelism says.",
    )
    endpoint: str | None = Field(
        None,
        pattern=r"^[^/:]+:\d+$",
        description="flink, spark: host:port of Beam's job server as the steps reach it.",
    )
    flink_rest: str | None = Field(
        None,
        pattern=r"^[^/:]+:\d+$",
        description="flink, in the place of endpoint: host:port of Flink's REST API, for a job server that each step "
        "starts itself; the image needs Java.",
    )
    job_server_jar: str | None = Field(
        None,
        min_length=1,
        description="flink, with flink_rest: path of that job server's jar in the image of the steps.",
    )
    worker_pool: str | None = Field(
        None,
        pattern=r"^[^/:]+:\d+$",
        description="flink, spark: host:port of Beam's worker pool as their task managers see it, running in the same "
        f"image as the steps; without it, {_SIDE_CAR}, a side-car.",
    )
    timeout_minutes: float | None = Field(
        None,
        gt=0,
        description="flink, spark, dataflow: how long a job may take, of which a step may have several; one that takes "
        f"longer is cancelled; without it, {_DAY_MINUTES:.0f}, a day.",
    )
    project: str | None = Field(None, min_length=1, description="dataflow: the Google Cloud project.")
    region: str | None = Field(None, min_length=1, description="dataflow: the Google Cloud region of the workers.")
    temp_location: str | None = Field(None, pattern=r"^gs://.+", description="dataflow: a gs:// folder for its files.")

    @model_validator(mode="after")
    def _check_runner_options(self) -> BeamOptions:
        names = set().union(*_ALLOWED.values())
        given = {name for name in names if getattr(self, name) != BeamOptions.model_fields[name].default}
        if missing := sorted(_REQUIRED[self.runner] - given):
            raise ValueError(f"runner '{self.runner}' needs {', '.join(f'beam.{name}' for name in missing)}")
        if unknown := sorted(given - _ALLOWED[self.runner]):
            raise ValueError(f"runner '{self.runner}' knows no {', '.join(f'beam.{name}' for name in unknown)}")
        if self.runner == "flink":
            self._check_job_server(given)
        return self

    def _check_job_server(self, given: set[str]) -> None:
        own = given & {"flink_rest", "job_server_jar"}
        if "endpoint" not in given and len(own) < 2:
            raise ValueError(
                "runner 'flink' needs beam.endpoint, Beam's job server, or beam.flink_rest and beam.job_server_jar, "
                "with which each step starts one"
            )
        if "endpoint" in given and own:
            raise ValueError(
                f"runner 'flink' has a job server at beam.endpoint and starts none: leave out beam.{sorted(own)[0]}"
            )

    def pipeline_args(self, image: str) -> list[str]:
        """The value of TFX's ``beam_pipeline_args``; empty for one worker in the step's own process.

        Args:
            image: the container image of Dataflow's workers.
        """
        if self.runner == "direct":
            return [] if self.workers == 1 else _direct(self.workers)
        return [*self._engine_args(image), f"--timeout_minutes={self.timeout_minutes or _DAY_MINUTES:g}"]

    def _engine_args(self, image: str) -> list[str]:
        if self.runner == "dataflow":
            return [
                "--runner=DataflowRunner",
                f"--project={self.project}",
                f"--region={self.region}",
                f"--temp_location={self.temp_location}",
                f"--num_workers={self.workers}",
                f"--sdk_container_image={image}",
                # The image has every package: without this, Dataflow installs those of this step over them.
                "--sdk_location=container",
            ]
        pool = ["--environment_type=EXTERNAL", f"--environment_config={self.worker_pool or _SIDE_CAR}"]
        parallelism = [f"--parallelism={self.workers}"] if self.runner == "flink" else []
        if self.flink_rest:
            jar = f"--flink_job_server_jar={self.job_server_jar}"
            return ["--runner=FlinkRunner", f"--flink_master={self.flink_rest}", jar, *parallelism, *pool]
        return ["--runner=PortableRunner", f"--job_endpoint={self.endpoint}", *parallelism, *pool]


def _direct(workers: int) -> list[str]:
    return ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
