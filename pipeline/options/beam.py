"""Which runner executes the pipelines of Apache Beam, and with how many workers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from diptych.models.options import Options

_REQUIRED: dict[str, set[str]] = {
    "direct": set(),
    "flink": {"endpoint"},
    "spark": {"endpoint"},
    "dataflow": {"project", "region", "temp_location"},
}
_ALLOWED: dict[str, set[str]] = {
    "direct": set(),
    "flink": {"endpoint", "worker_pool"},
    "spark": {"endpoint", "worker_pool"},
    "dataflow": {"project", "region", "temp_location"},
}


class BeamOptions(Options):
    """The Beam runner of ingestion, statistics, Transform's analysis and evaluation."""

    runner: Literal["direct", "flink", "spark", "dataflow"] = Field(
        "direct",
        description="'direct' runs in the process or container of the step; the others on workers of their own.",
    )
    workers: int = Field(
        1, ge=1, description="direct: number of processes; flink: parallelism; dataflow: number of machines."
    )
    endpoint: str | None = Field(
        None,
        pattern=r"^[^/:]+:\d+$",
        description="flink: host:port of its REST API; spark: host:port of Beam's job server.",
    )
    worker_pool: str | None = Field(
        None,
        pattern=r"^[^/:]+:\d+$",
        description="flink, spark: host:port of Beam's worker pool as their task managers see it, running in the same "
        "image as the steps; without it, localhost:50000, a side-car.",
    )
    project: str | None = Field(None, min_length=1, description="dataflow: the Google Cloud project.")
    region: str | None = Field(None, min_length=1, description="dataflow: the Google Cloud region of the workers.")
    temp_location: str | None = Field(None, pattern=r"^gs://.+", description="dataflow: a gs:// folder for its files.")

    @model_validator(mode="after")
    def _check_runner_options(self) -> BeamOptions:
        given = {name for name in set().union(*_ALLOWED.values()) if getattr(self, name) is not None}
        if missing := sorted(_REQUIRED[self.runner] - given):
            raise ValueError(f"runner '{self.runner}' needs {', '.join(f'beam.{name}' for name in missing)}")
        if unknown := sorted(given - _ALLOWED[self.runner]):
            raise ValueError(f"runner '{self.runner}' knows no {', '.join(f'beam.{name}' for name in unknown)}")
        return self

    def pipeline_args(self, image: str) -> list[str]:
        """The value of TFX's ``beam_pipeline_args``; empty for one worker in the step's own process.

        Args:
            image: the container image of Dataflow's workers.
        """
        if self.runner == "direct":
            return [] if self.workers == 1 else _direct(self.workers)
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
        pool = ["--environment_type=EXTERNAL", f"--environment_config={self.worker_pool or 'localhost:50000'}"]
        if self.runner == "flink":
            return ["--runner=FlinkRunner", f"--flink_master={self.endpoint}", f"--parallelism={self.workers}", *pool]
        return ["--runner=PortableRunner", f"--job_endpoint={self.endpoint}", *pool]


def _direct(workers: int) -> list[str]:
    return ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
