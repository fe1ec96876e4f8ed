"""What Kubeflow needs to know of a pipeline, beyond the pipeline itself."""

from __future__ import annotations

from pydantic import Field

from models.options import Options


class KubeflowOptions(Options):
    """Image and storage of the pipeline in a cluster."""

    image: str = Field("diptych:latest", min_length=1, description="Container image that every step runs in.")
    pipeline_root: str = Field(
        "minio://mlpipeline/v2/artifacts", min_length=1, description="Where the cluster keeps artifacts."
    )
    push_directory: str | None = Field(None, description="Where models are pushed; without it, below pipeline_root.")
