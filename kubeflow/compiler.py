"""Compiles the DAG to a pipeline spec that open-source KFP 2.x and Vertex run as it is.

TFX's builder makes the tasks. Here is added what it leaves out: runtime parameters, resources, retries, the step that
finds the sources, and the exit handler. The tests list the rules of KFP's backend that the spec keeps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import yaml

from diptych.kubeflow.argument_size import check_argument_sizes
from diptych.kubeflow.cluster_settings import (
    Target,
    beam_arguments,
    cluster_catalogue,
    cluster_settings,
    publish_directory,
    push_directory,
)
from diptych.kubeflow.container.sources import LATEST_SPAN
from diptych.kubeflow.fan_out import add_fan_out
from diptych.kubeflow.kfp_outputs import KFP_OUTPUTS
from diptych.kubeflow.step_names import PUBLISH, SOURCES
from diptych.kubeflow.task_options import get_container, platform_spec, set_task_options
from diptych.kubeflow.tasks import (
    PARAMETER_TYPES,
    add_task,
    entry_point,
    set_dag_parameter,
    set_parameter,
    set_task_parameter,
    step_tasks,
)
from diptych.models.atomic_files import write_text
from diptych.pipeline.options.kubeflow import STEPS
from diptych.pipeline.settings import Settings, SettingsError

#: The task of the root that holds all others but the exit handler, as a sub-DAG.
PIPELINE_TASK = "pipeline"


def compile_pipeline(settings: Settings, output: str, target: Target = "kfp") -> list[str]:
    """Writes the spec to a file: YAML for KFP, a PipelineJob in JSON for Vertex. Equal settings give equal bytes.

    What TFX prints meanwhile is discarded.

    Returns:
        The names of the tasks.

    Raises:
        SettingsError: the ending of the file's name does not suit the target, or a setting cannot hold in a cluster.
    """
    from diptych.pipeline.local.log_capture import silence_output

    ending = {"kfp": ".yaml", "vertex": ".json"}[target]
    if not output.endswith(ending):
        raise SettingsError(f"--output {output}: for {target} the file's name must end with {ending}")
    with silence_output():
        spec = build_spec(settings, target)
    if target == "kfp":
        documents = [spec, platform_spec(settings, spec)]
        text = yaml.safe_dump_all(documents, sort_keys=True, allow_unicode=True, width=1 << 20)
    else:
        job = {
            "displayName": settings.name,
            "pipelineSpec": spec,
            "runtimeConfig": {"gcsOutputDirectory": settings.kubeflow.pipeline_root},
        }
        text = json.dumps(job, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    write_text(output, text)
    return _in_order_of_data(spec)


def build_spec(settings: Settings, target: Target) -> dict[str, Any]:
    """The pipeline spec as JSON, of schema version 2.1.0.

    Raises:
        SettingsError: a setting cannot hold in a cluster.
    """
    settings = cluster_settings(settings, target)
    spec = _build_tfx_spec(settings, target)
    tasks = spec["root"]["dag"]["tasks"]
    _add_sources(spec, tasks, settings)
    _use_sources(spec, tasks)
    add_fan_out(spec, tasks, settings)
    _use_runtime_parameters(spec, tasks, settings)
    _add_kfp_outputs(spec)
    parameters = _runtime_parameters(settings)
    _move_to_sub_dag(spec, parameters)
    _add_exit_handler(spec, settings)
    for name, task in step_tasks(spec).items():
        set_task_options(spec, task, name, settings, target)
    check_argument_sizes(tasks)
    spec["defaultPipelineRoot"] = settings.kubeflow.pipeline_root
    return spec


def _build_tfx_spec(settings: Settings, target: Target) -> dict[str, Any]:
    """The spec as TFX's builder makes it."""
    from google.protobuf import json_format
    from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
    from tfx.orchestration.kubeflow.v2.pipeline_builder import PipelineBuilder
    from tfx.orchestration.pipeline import Pipeline
    from tfx.version import __version__

    from diptych.pipeline.dag import build_components

    options = settings.kubeflow
    components = build_components(settings, push_directory(settings))
    for component in components:
        if isinstance(component, BaseBeamComponent):
            component.with_beam_pipeline_args(beam_arguments(component.id, settings, target))
    pipeline = Pipeline(
        pipeline_name=settings.name,
        pipeline_root=options.pipeline_root,
        components=components,
        enable_cache=True,
    )
    spec = PipelineBuilder(
        pipeline,
        default_image=options.image,
        default_commands=entry_point("step"),
        use_pipeline_spec_2_1=True,
    ).build()
    spec.schema_version = "2.1.0"
    spec.sdk_version = f"tfx-{__version__}"
    return dict(json_format.MessageToDict(spec))


def _runtime_parameters(settings: Settings) -> dict[str, dict[str, Any]]:
    """The definitions of the pipeline's parameters. One without a default must be given with each run."""
    parameters: dict[str, tuple[type, Any, str]] = {
        "catalogue": (
            str,
            cluster_catalogue(settings),
            "The catalogue's URI or path, with {SPAN}, {VERSION} or {YYYY}-{MM}-{DD}.",
        ),
        "span": (int, LATEST_SPAN, "The number for {SPAN}, of a date the days since 1970; -1 for the greatest."),
        "epochs": (int, settings.train.epochs, "Most passes over the training split."),
        "push_directory": (str, push_directory(settings), "Where models are pushed, and where the last one is found."),
        "publish_directory": (str, publish_directory(settings), "Where the run's summary and report go."),
    }
    return {
        name: {
            "parameterType": PARAMETER_TYPES[kind],
            "description": description,
            **({} if default is None else {"defaultValue": default}),
        }
        for name, (kind, default, description) in parameters.items()
    }


# ---- tasks ----------------------------------------------------------------------------------------


def _add_sources(spec: dict[str, Any], tasks: dict[str, Any], settings: Settings) -> None:
    """Adds the step that finds the catalogue and digests it."""
    data_options = settings.data.model_dump_json(exclude={"catalogue", "schema_file"})
    task = add_task(spec, tasks, settings, SOURCES, {"data_options": data_options})
    set_dag_parameter(spec, task, "catalogue")
    set_dag_parameter(spec, task, "span", int)
    spec["components"][SOURCES]["outputDefinitions"] = {
        "parameters": {
            "catalogue": {"parameterType": "STRING"},
            "span": {"parameterType": "NUMBER_INTEGER"},
            "version": {"parameterType": "NUMBER_INTEGER"},
            "digest": {"parameterType": "STRING"},
        }
    }


def _use_sources(spec: dict[str, Any], tasks: dict[str, Any]) -> None:
    """Lets ingestion read what Sources found: a changed image is another digest, and so another cache key.

    TFX does this before the cache is asked, by a hook that open-source KFP ignores and that sees the catalogue's own
    file only.
    """
    step = "ImageTextExampleGen"
    get_container(spec, step).pop("lifecycle")
    task = tasks[step]
    for name in ("input_base", "input_config"):
        task["inputs"]["parameters"].pop(name)
        spec["components"][step]["inputDefinitions"]["parameters"].pop(name)
    for name, kind in (("catalogue", str), ("span", int), ("version", int), ("digest", str)):
        set_task_parameter(spec, task, name, kind, SOURCES, name)
    task["dependentTasks"] = [SOURCES]


def _use_runtime_parameters(spec: dict[str, Any], tasks: dict[str, Any], settings: Settings) -> None:
    """Gives tasks the pipeline's parameters; ``diptych.kubeflow.container.adapters`` puts them in their places."""
    for step in {"Trainer", "Tuner"}.intersection(tasks):
        set_dag_parameter(spec, tasks[step], "epochs", int)
    # Training looks for the last blessed model only to start from it.
    trainers = ["Trainer"] if settings.train.warm_start else []
    for step in ("DataGate", *trainers, "Evaluator", "Pusher"):
        set_dag_parameter(spec, tasks[step], "push_directory")
    if settings.data.schema_file:
        _inline_schema(spec, tasks["ImportSchemaGen"], settings.data.schema_file)
    for task in tasks.values():
        set_dag_parameter(spec, task, "publish_directory")


def _add_kfp_outputs(spec: dict[str, Any]) -> None:
    """Declares what Report puts out for KFP's own pages, in types of KFP's that TFX's builder does not know."""
    outputs = spec["components"]["Report"]["outputDefinitions"]["artifacts"]
    for name, schema_title in KFP_OUTPUTS.items():
        outputs[name] = {"artifactType": {"schemaTitle": schema_title, "schemaVersion": "0.0.1"}}


def _inline_schema(spec: dict[str, Any], task: dict[str, Any], schema_file: str) -> None:
    """Puts the text of the curated schema into the spec, because its file is on this machine."""
    with open(schema_file, encoding="utf-8") as file:
        constants = {"schema_text": file.read(), "schema_file": os.path.basename(schema_file)}
    for name, value in constants.items():
        set_parameter(spec, task, name, str, {"runtimeValue": {"constant": value}})


def _move_to_sub_dag(spec: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Moves all tasks into one sub-DAG, because an exit handler waits for a single task."""
    spec["components"][PIPELINE_TASK] = {
        "dag": {"tasks": spec["root"]["dag"]["tasks"]},
        "inputDefinitions": {
            "parameters": {name: {"parameterType": value["parameterType"]} for name, value in parameters.items()}
        },
    }
    spec["root"] = {
        "inputDefinitions": {"parameters": parameters},
        "dag": {
            "tasks": {
                PIPELINE_TASK: {
                    "taskInfo": {"name": PIPELINE_TASK},
                    "componentRef": {"name": PIPELINE_TASK},
                    "inputs": {"parameters": {name: {"componentInputParameter": name} for name in parameters}},
                }
            }
        },
    }


def _add_exit_handler(spec: dict[str, Any], settings: Settings) -> None:
    """Adds the task that runs whatever became of the others."""
    steps = ",".join(_in_order_of_data(spec))
    task = add_task(spec, spec["root"]["dag"]["tasks"], settings, PUBLISH, {"steps": steps})
    set_dag_parameter(spec, task, "publish_directory")
    spec["components"][PUBLISH]["inputDefinitions"]["parameters"]["status"] = {"parameterType": "TASK_FINAL_STATUS"}
    task["inputs"]["parameters"]["status"] = {"taskFinalStatus": {"producerTask": PIPELINE_TASK}}
    task["dependentTasks"] = [PIPELINE_TASK]
    task["triggerPolicy"] = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}


def _in_order_of_data(spec: Mapping[str, Any]) -> list[str]:
    """The names of the steps in the order of ``STEPS``; protobuf's maps have no order of their own."""
    found = step_tasks(spec)
    return [step for step in STEPS if step in found]
