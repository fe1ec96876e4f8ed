"""Options of the pipeline in a Kubeflow cluster: image, storage, and resources of the steps."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from diptych.models.credentials import refuse_credentials
from diptych.models.errors import nearest
from diptych.models.options import Options

#: The steps in a cluster: the components, before them Sources, which finds the catalogue, and with ``fan_out`` Decode,
#: which decodes a slice of it, and after them Publish, which publishes summary and report.
STEPS = (
    "Sources",
    "Decode",
    "ImageTextExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "DataGate",
    "Transform",
    "LinearBaseline",
    "Tuner",
    "Trainer",
    "Evaluator",
    "Pusher",
    "Report",
    "Publish",
)
#: The key of the resources of all steps that have none of their own.
DEFAULT = "default"

#: The store's endpoint where the steps find it by themselves.
AUTO = "auto"

_URI = re.compile(r"^(minio|s3|gs)://[^/?]+(/[^?]*)?$")


class StepResources(Options):
    """What the container of one step gets."""

    cpu: float | None = Field(None, gt=0, description="Cores: both the request and the limit.")
    memory_gb: float | None = Field(None, gt=0, description="Gigabytes (10^9): both the request and the limit.")
    gpu: int = Field(0, ge=0, description="Number of accelerators.")
    gpu_type: str = Field(
        "nvidia.com/gpu", min_length=1, description="Resource name in the cluster; on Vertex, NVIDIA_TESLA_T4 or alike."
    )
    node_selector: dict[str, str] = Field({}, description="Labels that a node must have; open-source Kubeflow only.")
    timeout_minutes: int | None = Field(
        None, ge=1, description="The step fails if it takes longer; open-source Kubeflow only."
    )
    retries: int | None = Field(
        None, ge=0, description="How often a failed step is tried again; without it 2, and 0 where that is not safe."
    )


class StoreOptions(Options):
    """How steps reach the object store, where the catalogue, the pushed models and the summaries are."""

    endpoint: str | None = Field(
        AUTO,
        description="Address of the S3 API behind minio:// and s3://; 'auto' is that of Kubeflow itself, which "
        "the steps find, null that of AWS.",
        pattern=rf"^({AUTO}|https?://[^/]+)$",
    )
    secret: str | None = Field(
        "mlpipeline-minio-artifact",
        description="Kubernetes secret with the keys accesskey and secretkey; null if the pod's identity is enough.",
    )


class FanOutOptions(Options):
    """Decoding in several pods at once."""

    pods: int = Field(16, ge=1, le=100, description="Number of pods, each of which decodes a slice of the catalogue.")
    from_rows: int = Field(100_000, ge=0, description="With fewer rows, one pod decodes all.")


class KubeflowOptions(Options):
    """The pipeline in a cluster: its image, its storage, and the resources of its steps."""

    image: str = Field("diptych:latest", min_length=1, description="Container image that every step runs in.")
    pipeline_root: str = Field("minio://mlpipeline/v2/artifacts", description="Where the cluster keeps artifacts.")
    catalogue: str | None = Field(
        None,
        min_length=1,
        description="The catalogue as the cluster reaches it: a file, a folder or a pattern ({SPAN}, {VERSION}, "
        "{YYYY}-{MM}-{DD}, *); without it, data.catalogue if that is a URI, else every run must name it.",
    )
    push_directory: str | None = Field(None, description="Where models are pushed; without it, below pipeline_root.")
    publish_directory: str | None = Field(
        None, description="Where each run's summary and report go; without it, below pipeline_root."
    )
    store: StoreOptions = StoreOptions()
    fan_out: FanOutOptions | None = Field(
        None, description="Decodes images in several pods at once, on open-source Kubeflow; null for one pod."
    )
    resources: dict[str, StepResources] = Field(
        {}, description=f"By step, or '{DEFAULT}' for all others: {', '.join(STEPS)}"
    )

    @field_validator("pipeline_root", "push_directory", "publish_directory")
    @classmethod
    def _is_in_a_store(cls, value: str | None) -> str | None:
        return None if value is None else check_store_uri(value)

    @field_validator("resources")
    @classmethod
    def _are_steps(cls, value: dict[str, StepResources]) -> dict[str, StepResources]:
        for name in value:
            if name not in (*STEPS, DEFAULT):
                raise ValueError(
                    f"there is no step '{name}'; {nearest(name, STEPS)}steps are {', '.join((*STEPS, DEFAULT))}"
                )
        return value

    def resources_of(self, step: str) -> StepResources:
        """The resources of a step: its own, else the default ones."""
        return self.resources.get(step, self.resources.get(DEFAULT, StepResources()))


def check_store_uri(uri: str) -> str:
    """A URI in an object store, without a slash at its end.

    Raises:
        ValueError: it is none, or holds credentials.
    """
    if not _URI.match(uri):
        raise ValueError("must be a URI in an object store: minio://, s3:// or gs://, a bucket, a path")
    return refuse_credentials(uri).rstrip("/")
