"""Vertex AI is not called from here: the pipeline is compiled for it, and the Python that submits it is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diptych.kubeflow.client.options import SubmitOptions
from diptych.kubeflow.client.parameters import read_parameters
from diptych.kubeflow.spec import first_document

if TYPE_CHECKING:
    from diptych.pipeline.settings import Settings


def vertex_script(settings: Settings, options: SubmitOptions) -> str:
    """Compiles the pipeline to ``NAME.vertex.json`` and returns the Python that submits that file.

    Raises:
        SettingsError: the artifacts are not kept in Google's storage, or the options do not suit the pipeline.
    """
    from diptych.kubeflow.compiler import compile_pipeline
    from diptych.pipeline.settings import SettingsError

    root = options.pipeline_root or settings.kubeflow.pipeline_root
    if not root.startswith("gs://"):
        raise SettingsError(f"Vertex AI keeps artifacts in gs:// only, not in {root}: give --pipeline-root gs://BUCKET")
    path = f"{settings.name}.vertex.json"
    # The push and publish directories lie below the root unless they are set.
    kubeflow = settings.kubeflow.model_copy(update={"pipeline_root": root.rstrip("/")})
    compile_pipeline(settings.model_copy(update={"kubeflow": kubeflow}), path, "vertex")
    parameters = read_parameters(first_document(path)["pipelineSpec"], options.params)
    lines = [
        "from google.cloud import aiplatform",
        "",
        'aiplatform.init(project="YOUR-PROJECT", location="YOUR-REGION")',
        "job = aiplatform.PipelineJob(",
        f"    display_name={options.run_name or settings.name!r},",
        f"    template_path={path!r},",
        f"    pipeline_root={root!r},",
        f"    parameter_values={parameters!r},",
        *(["    enable_caching=False,"] if options.no_cache else []),
        ")",
        _start_line(settings.name, options),
    ]
    return "\n".join(lines)


def _start_line(name: str, options: SubmitOptions) -> str:
    if options.recurring:
        schedule = " ".join(options.recurring.split()[-5:])  # Vertex has no seconds
        return f"job.create_schedule(cron={schedule!r}, display_name={options.run_name or name!r})"
    experiment = f"experiment={options.experiment!r}" if options.experiment else ""
    if options.wait:
        return f"job.submit({experiment})\njob.wait()"
    return f"job.submit({experiment})"
