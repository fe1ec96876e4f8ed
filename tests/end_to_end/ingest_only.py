"""``python -m tests.end_to_end.ingest_only CONFIG FOLDER [BEAM_ARGUMENT ...]``: ingestion as a pipeline of its own."""

from __future__ import annotations

import os
import sys

from diptych.components.example_gen.component import ImageTextExampleGen
from diptych.pipeline.settings import load_settings


def ingest(config: str, folder: str, beam_arguments: list[str]) -> None:
    """Runs ImageTextExampleGen under LocalDagRunner, with metadata in the folder."""
    from tfx.orchestration import metadata
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.pipeline import Pipeline

    settings = load_settings(config)
    pipeline = Pipeline(
        pipeline_name=settings.name,
        pipeline_root=os.path.join(folder, "artifacts"),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(os.path.join(folder, "metadata.sqlite")),
        components=[ImageTextExampleGen(settings.data, settings.image, code="test")],
        enable_cache=True,
        beam_pipeline_args=beam_arguments,
    )
    LocalDagRunner().run(pipeline)


if __name__ == "__main__":
    ingest(sys.argv[1], sys.argv[2], sys.argv[3:])
