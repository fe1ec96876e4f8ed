"""Compiles the DAG to the pipeline spec of Kubeflow Pipelines 2.x."""

from __future__ import annotations

import os

import yaml

from pipeline.settings import Settings


def compile_pipeline(settings: Settings, output: str) -> list[str]:
    """Writes the spec as YAML, schema version 2.1.0, the only one that open-source KFP accepts.

    Returns:
        The names of the tasks.

    Raises:
        SettingsError: the file does not end with ``.yaml``.
    """
    from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
    from tfx.orchestration.pipeline import Pipeline

    from pipeline.dag import build_components
    from pipeline.settings import SettingsError

    if not output.endswith(".yaml"):
        # TFX would write a PipelineJob, which KFP does not load.
        raise SettingsError(f"--output {output}: the file's name must end with .yaml")
    options = settings.kubeflow
    push_directory = options.push_directory or f"{options.pipeline_root}/{settings.name}/pushed"
    folder, name = os.path.split(os.path.abspath(output))
    os.makedirs(folder, exist_ok=True)
    runner = KubeflowV2DagRunner(
        config=KubeflowV2DagRunnerConfig(default_image=options.image, use_pipeline_spec_2_1=True),
        output_dir=folder,
        output_filename=name,
    )
    pipeline = Pipeline(
        pipeline_name=settings.name,
        pipeline_root=options.pipeline_root,
        components=build_components(settings, push_directory),
        enable_cache=True,
    )
    runner.run(pipeline, write_out=True)
    with open(output, encoding="utf-8") as file:
        return sorted(yaml.safe_load(file)["root"]["dag"]["tasks"])
