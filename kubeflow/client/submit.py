"""Submits the pipeline to Kubeflow Pipelines: compiles it, uploads a new version of it and starts a run."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from diptych.kubeflow.client.options import SubmitOptions
from diptych.kubeflow.client.parameters import read_parameters
from diptych.kubeflow.client.server import Server, without_warnings
from diptych.kubeflow.client.vertex import vertex_script
from diptych.kubeflow.client.watch import watch_run
from diptych.kubeflow.spec import first_document
from diptych.models.os_errors import naming
from diptych.pipeline.cli.terminal import print_line

if TYPE_CHECKING:
    from diptych.pipeline.settings import Settings


def submit(settings: Settings, options: SubmitOptions) -> int:
    """Submits the pipeline as the options say, and returns the exit code of the command.

    Raises:
        SettingsError: the options do not suit the pipeline.
        SubmitError: the server does not take the pipeline, or the run that was waited for did not succeed.
    """
    if options.target == "vertex":
        for line in vertex_script(settings, options).splitlines():
            _say(line)
        return 0
    with without_warnings(), tempfile.TemporaryDirectory() as folder:
        return _submit_to_kfp(settings, options, os.path.join(folder, f"{settings.name}.yaml"))


def _submit_to_kfp(settings: Settings, options: SubmitOptions, path: str) -> int:
    from diptych.kubeflow.compiler import compile_pipeline

    server = Server(options)  # before the compiler, which takes its time
    server.check_version()
    tasks = compile_pipeline(settings, path)
    if options.no_cache:
        disable_cache(path)
    spec = first_document(path)
    parameters = read_parameters(spec, options.params)
    pipeline_id = server.get_pipeline_id(settings.name)
    with server.client() as client, naming(path):
        version = client.upload_pipeline_version(path, version_name(path), pipeline_id=pipeline_id)
    _say(f"Pipeline {settings.name}, version {version.display_name}")
    with server.client() as client:
        experiment = client.create_experiment(
            options.experiment or default_experiment(settings.name), namespace=server.namespace
        )
    run = {
        "experiment_id": experiment.experiment_id,
        "job_name": options.run_name or f"{settings.name} {version.display_name}",
        "params": parameters,
        "pipeline_id": pipeline_id,
        "version_id": version.pipeline_version_id,
        # KFP's API server does not read the spec's own.
        "pipeline_root": options.pipeline_root or settings.kubeflow.pipeline_root,
    }
    if options.recurring:
        _say(_start_recurring_run(server, run, options.recurring))
        return 0
    with server.client() as client:
        run_id = client.run_pipeline(**run).run_id
    link = server.link(f"runs/details/{run_id}")
    _say(f"Run: {link}")
    if options.wait:
        watch_run(server, run_id, tasks, link, _published_folder(spec, parameters, run_id), _say)
    return 0


def _published_folder(spec: dict[str, Any], parameters: dict[str, Any], run_id: str) -> str | None:
    """Where the run's summary and report go; None if the pipeline publishes none."""
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {}).get("publish_directory", {})
    directory = parameters.get("publish_directory", declared.get("defaultValue"))
    return f"{directory}/{run_id}" if directory else None


def _start_recurring_run(server: Server, run: dict[str, Any], schedule: str) -> str:
    """Starts a recurring run and returns the line that tells of it."""
    with server.client() as client:
        # Without catching up: training late, twice on the same data, is of no use.
        recurring = client.create_recurring_run(**run, cron_expression=schedule, no_catchup=True)
    return f"Recurring run, {schedule}: {server.link(f'recurringrun/details/{recurring.recurring_run_id}')}"


def version_name(path: str) -> str:
    """A name for the version of the pipeline in a file: the time, and the start of the file's SHA-256."""
    with naming(path), open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:8]
    now = datetime.now(timezone.utc)
    return f"{now:%Y%m%d-%H%M%S}.{now.microsecond // 1000:03}-{digest}"


def default_experiment(pipeline: str) -> str:
    """The experiment of a submission that names none: that of kfp's environment variables, else the pipeline's name."""
    default = os.environ.get("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME") or pipeline
    return os.environ.get("KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME") or default


def disable_cache(path: str) -> None:
    """Rewrites the spec in a file so that every task runs.

    KFP has no such switch for the runs of an uploaded pipeline, and that of ``kfp.Client`` leaves out sub-DAGs.
    """
    import yaml

    with naming(path), open(path, encoding="utf-8") as file:
        documents = list(yaml.safe_load_all(file))
    spec = documents[0]
    for component in (spec["root"], *spec.get("components", {}).values()):
        for task in component.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {"enableCache": False}
    with naming(path), open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump_all(documents, file, sort_keys=False)


def _say(line: str) -> None:
    print_line(line)
    sys.stdout.flush()  # whoever waits reads along
