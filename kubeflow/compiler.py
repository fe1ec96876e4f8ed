"""Compiles the DAG to a pipeline spec that open-source KFP 2.x and Vertex run as it is.

TFX's builder makes the tasks. What it leaves out is added here: runtime parameters, resources, retries, the step that
finds the sources, and the exit handler. Which rules of KFP's backend this meets is listed in the tests.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import yaml

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.spans import static_folder
from diptych.kubeflow.container.entrypoint import LATEST_SPAN
from diptych.kubeflow.container.store import MIRRORS
from diptych.pipeline.options.kubeflow import STEPS, Resources
from diptych.pipeline.settings import Settings, SettingsError

Target = Literal["kfp", "vertex"]
TARGETS: tuple[Target, ...] = ("kfp", "vertex")

SOURCES, PUBLISH = "Sources", "Publish"
PIPELINE_TASK = "pipeline"

# Each looks at the store anew, or costs less than the question whether it is cached: the gate and the report also tell
# the summary what cached steps before them came to.
_NEVER_CACHED = frozenset({SOURCES, "DataGate", "Report", PUBLISH})
# A stop of the gate stays a stop; a second push would be a second version of one model.
_NEVER_RETRIED = frozenset({"DataGate", "Pusher"})
_RETRIES = 2
# Read and written where it is, by TensorFlow too.
_NATIVE = "gs"
_WEB = ("https", "http")
_ENTRY_POINT = "diptych.kubeflow.container.entrypoint"
_TYPES = {int: "NUMBER_INTEGER", str: "STRING"}


def compile_pipeline(settings: Settings, output: str, target: Target = "kfp") -> list[str]:
    """Writes the spec: YAML for KFP, a PipelineJob in JSON for Vertex. The same settings give the same bytes.

    Returns:
        The names of the tasks.

    Raises:
        SettingsError: the file's ending does not suit the target, or a setting cannot hold in a cluster.
    """
    ending = {"kfp": ".yaml", "vertex": ".json"}[target]
    if not output.endswith(ending):
        raise SettingsError(f"--output {output}: for {target} the file's name must end with {ending}")
    spec = build_spec(settings, target)
    if target == "kfp":
        documents = [spec, _platform_spec(settings, spec)]
        text = yaml.safe_dump_all(documents, sort_keys=True, allow_unicode=True, width=1 << 20)
    else:
        job = {
            "displayName": settings.name,
            "pipelineSpec": spec,
            "runtimeConfig": {"gcsOutputDirectory": settings.kubeflow.pipeline_root},
        }
        text = json.dumps(job, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)
    return [*_in_data_order(spec["components"][PIPELINE_TASK]["dag"]["tasks"]), PUBLISH]


def build_spec(settings: Settings, target: Target) -> dict[str, Any]:
    """The pipeline spec, schema version 2.1.0, as JSON.

    Raises:
        SettingsError: a setting cannot hold in a cluster.
    """
    portable = _portable(settings)
    _check(portable, target)
    spec = _tfx_spec(portable)
    tasks = spec["root"]["dag"]["tasks"]
    parameters = _parameters(portable)
    _add_container(spec, tasks, portable, SOURCES, ["catalogue", "span"], {"data_options": _data_options(portable)})
    spec["components"][SOURCES]["outputDefinitions"] = {
        "parameters": {
            "catalogue": {"parameterType": "STRING"},
            "span": {"parameterType": "NUMBER_INTEGER"},
            "version": {"parameterType": "NUMBER_INTEGER"},
            "digest": {"parameterType": "STRING"},
        }
    }
    _read_sources(spec, tasks)
    _replace_places(spec, tasks, portable)
    for name, task in tasks.items():
        _pass_parameter(spec, task, name, "publish_directory", str)
    _wrap(spec, parameters)
    _add_exit_handler(spec, portable, target)
    for name, task in [*tasks.items(), (PUBLISH, spec["root"]["dag"]["tasks"][PUBLISH])]:
        _finish(spec, task, name, portable, target)
    spec["defaultPipelineRoot"] = portable.kubeflow.pipeline_root
    return spec


def push_directory(settings: Settings) -> str:
    """Where models are pushed unless a run says otherwise."""
    return settings.kubeflow.push_directory or f"{settings.kubeflow.pipeline_root}/{settings.name}/pushed"


def publish_directory(settings: Settings) -> str:
    """Where summaries and reports go unless a run says otherwise."""
    return settings.kubeflow.publish_directory or f"{settings.kubeflow.pipeline_root}/{settings.name}/runs"


# ---- settings -----------------------------------------------------------------------------------


def _portable(settings: Settings) -> Settings:
    """The settings without what only this machine has: its paths, and its cores.

    Raises:
        SettingsError: the images lie elsewhere.
    """
    data = settings.data.model_copy(
        update={"images_root": _portable_images_root(settings.data), "processes": _processes(settings)}
    )
    return settings.model_copy(update={"data": data})


def _portable_images_root(data: DataOptions) -> str | None:
    """Images of this machine are found from the catalogue's place, wherever that is.

    Raises:
        SettingsError: the images lie elsewhere.
    """
    root, catalogue = data.images_root, data.catalogue
    if not root or "://" in root:
        return root
    if os.path.isdir(catalogue):
        home = catalogue
    elif os.path.exists(catalogue):
        home = os.path.dirname(catalogue)
    else:
        # The folders of spans are of the catalogue's place too: images beside them move away with each span.
        home = static_folder(catalogue.replace("{", "_"))
    relative = os.path.relpath(root, home)
    if "://" in catalogue or relative.split(os.sep)[0] == os.pardir:
        raise SettingsError(
            f"data.images_root: '{root}' is not below the catalogue's folder, which is what a cluster's steps bring "
            "along: put the images there, or name their place by a URI"
        )
    return None if relative == os.curdir and os.path.isfile(catalogue) else relative


def _processes(settings: Settings) -> int | None:
    """As many processes decode as ingestion's container has cores; it sees those of the whole node."""
    data, beam = settings.data, settings.beam
    cpu = settings.kubeflow.resources_of("ImageTextExampleGen").cpu
    if data.processes or not cpu or beam.runner != "direct" or beam.workers > 1:
        return data.processes
    return math.ceil(cpu)


def _catalogue(settings: Settings) -> str | None:
    return settings.kubeflow.catalogue or _uri(settings.data.catalogue)


def _uri(place: str | None) -> str | None:
    return place if place and "://" in place else None


def _check(settings: Settings, target: Target) -> None:
    """Sees that the steps reach everything.

    Raises:
        SettingsError: they do not.
    """
    reason = _why_native(settings, target)
    artifacts = {
        "kubeflow.pipeline_root": settings.kubeflow.pipeline_root,
        "kubeflow.push_directory": push_directory(settings),
        "kubeflow.publish_directory": publish_directory(settings),
    }
    if reason:
        _check_schemes(artifacts, [_NATIVE], reason)
    of_catalogue = "kubeflow.catalogue" if settings.kubeflow.catalogue else "data.catalogue"
    inputs = {of_catalogue: _catalogue(settings), "data.images_root": _uri(settings.data.images_root)}
    if reason:
        _check_schemes(inputs, [_NATIVE, *_WEB], reason)
    else:
        inputs = {key: _uri(place) for key, place in inputs.items()}
        _check_schemes(inputs, [*MIRRORS, *_WEB], "steps know no such store")
    for step, resources in settings.kubeflow.resources.items() if target == "vertex" else ():
        for key in ("node_selector", "timeout_minutes"):
            if getattr(resources, key):
                raise SettingsError(
                    f"kubeflow.resources.{step}.{key}: Vertex has no such thing; leave it out, or compile for kfp"
                )


def _check_schemes(places: Mapping[str, str | None], schemes: Sequence[str], reason: str) -> None:
    allowed = [f"{scheme}://" for scheme in schemes]
    for key, place in places.items():
        if place and not place.startswith(tuple(allowed)):
            *others, last = allowed
            choice = f"{', '.join(others)} or {last}" if others else last
            raise SettingsError(f"{key}: {reason}: only {choice} will do (given: {place!r})")


def _why_native(settings: Settings, target: Target) -> str | None:
    """Why steps must use URIs as they are, or None if they use what KFP's launcher mirrors in their containers."""
    if target == "vertex":
        return "Vertex has no keys of other stores"
    if settings.beam.runner != "direct":
        return f"workers of beam.runner '{settings.beam.runner}' do not see what KFP mirrors in a step's container"
    return None


def _parameters(settings: Settings) -> dict[str, dict[str, Any]]:
    """The runtime parameters: those without a default must be given with each run."""
    defaults: dict[str, tuple[type, Any, str]] = {
        "catalogue": (
            str,
            _catalogue(settings),
            "The catalogue's URI or path, with {SPAN}, {VERSION} or {YYYY}-{MM}-{DD}.",
        ),
        "span": (int, LATEST_SPAN, "The number for {SPAN}, of a date the days since 1970; -1 for the greatest."),
        "epochs": (int, settings.train.epochs, "Most passes over the training split."),
        "push_directory": (str, push_directory(settings), "Where models are pushed, and where the last one is found."),
        "publish_directory": (str, publish_directory(settings), "Where the run's summary and report go."),
    }
    return {
        name: {
            "parameterType": _TYPES[kind],
            "description": description,
            **({} if default is None else {"defaultValue": default}),
        }
        for name, (kind, default, description) in defaults.items()
    }


def _data_options(settings: Settings) -> str:
    return settings.data.model_dump_json(exclude={"catalogue", "schema_file"})


# ---- the tasks ----------------------------------------------------------------------------------


def _tfx_spec(settings: Settings) -> dict[str, Any]:
    from google.protobuf import json_format
    from tfx.orchestration.kubeflow.v2.pipeline_builder import PipelineBuilder
    from tfx.orchestration.pipeline import Pipeline
    from tfx.version import __version__

    from diptych.pipeline.dag import build_components

    options = settings.kubeflow
    pipeline = Pipeline(
        pipeline_name=settings.name,
        pipeline_root=options.pipeline_root,
        components=build_components(settings, push_directory(settings)),
        enable_cache=True,
        beam_pipeline_args=settings.beam.pipeline_args(options.image),
    )
    spec = PipelineBuilder(
        pipeline,
        default_image=options.image,
        default_commands=["python", "-m", _ENTRY_POINT, "step"],
        use_pipeline_spec_2_1=True,
    ).build()
    spec.schema_version = "2.1.0"
    spec.sdk_version = f"tfx-{__version__}"
    return dict(json_format.MessageToDict(spec))


def _container(spec: dict[str, Any], step: str) -> dict[str, Any]:
    container: dict[str, Any] = spec["deploymentSpec"]["executors"][f"{step}_executor"]["container"]
    return container


def _add_container(
    spec: dict[str, Any],
    tasks: dict[str, Any],
    settings: Settings,
    step: str,
    parameters: list[str],
    constants: Mapping[str, str],
) -> None:
    """A task of our own: it is given its ExecutorInput and reads its parameters from there."""
    spec["components"][step] = {"executorLabel": f"{step}_executor", "inputDefinitions": {"parameters": {}}}
    spec["deploymentSpec"]["executors"][f"{step}_executor"] = {
        "container": {
            "image": settings.kubeflow.image,
            "command": ["python", "-m", _ENTRY_POINT, step.lower()],
            "args": ["--json_serialized_invocation_args", "{{$}}"],
        }
    }
    task: dict[str, Any] = {"taskInfo": {"name": step}, "componentRef": {"name": step}, "inputs": {"parameters": {}}}
    tasks[step] = task
    for name in parameters:
        _pass_parameter(spec, task, step, name, int if name == "span" else str)
    for name, value in constants.items():
        _define(spec, step, name, str)
        task["inputs"]["parameters"][name] = {"runtimeValue": {"constant": value}}


def _define(spec: dict[str, Any], step: str, name: str, kind: type) -> None:
    definitions = spec["components"][step].setdefault("inputDefinitions", {}).setdefault("parameters", {})
    definitions[name] = {"parameterType": _TYPES[kind]}


def _pass_parameter(spec: dict[str, Any], task: dict[str, Any], step: str, name: str, kind: type) -> None:
    """Gives a runtime parameter to a task."""
    _define(spec, step, name, kind)
    inputs = task.setdefault("inputs", {}).setdefault("parameters", {})
    inputs[name] = {"componentInputParameter": name}


def _read_sources(spec: dict[str, Any], tasks: dict[str, Any]) -> None:
    """Ingestion reads what Sources found: a changed image is another digest, and so another cache key.

    TFX does this before the cache is asked, by a hook that open-source KFP ignores and that sees the catalogue's own
    file only.
    """
    step = "ImageTextExampleGen"
    _container(spec, step).pop("lifecycle")
    task = tasks[step]
    for name in ("input_base", "input_config"):
        task["inputs"]["parameters"].pop(name)
        spec["components"][step]["inputDefinitions"]["parameters"].pop(name)
    for name, kind in (("catalogue", str), ("span", int), ("version", int), ("digest", str)):
        _define(spec, step, name, kind)
        task["inputs"]["parameters"][name] = {
            "taskOutputParameter": {"producerTask": SOURCES, "outputParameterKey": name}
        }
    task["dependentTasks"] = [SOURCES]


def _replace_places(spec: dict[str, Any], tasks: dict[str, Any], settings: Settings) -> None:
    """Runtime parameters instead of constants; ``diptych.kubeflow.container.entrypoint`` puts them in their places."""
    for step in {"Trainer", "Tuner"}.intersection(tasks):
        _pass_parameter(spec, tasks[step], step, "epochs", int)
    # Training looks for the last blessed model only to start from it.
    trains = ["Trainer"] if settings.train.warm_start else []
    for step in ("DataGate", *trains, "Evaluator", "Pusher"):
        _pass_parameter(spec, tasks[step], step, "push_directory", str)
    if settings.data.schema_file:
        with open(settings.data.schema_file, encoding="utf-8") as file:
            text = file.read()
        # The curated schema travels in the spec: its file is on this machine.
        _define(spec, "ImportSchemaGen", "schema_text", str)
        inputs = tasks["ImportSchemaGen"]["inputs"]["parameters"]
        inputs["schema_text"] = {"runtimeValue": {"constant": text}}
        inputs["schema_file"] = {"runtimeValue": {"constant": os.path.basename(settings.data.schema_file)}}


def _wrap(spec: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Puts all tasks into one sub-DAG: an exit handler needs one task to wait for."""
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


def _add_exit_handler(spec: dict[str, Any], settings: Settings, target: Target) -> None:
    """The task that runs whatever became of the others."""
    run = {"kfp": "{{$.pipeline_job_uuid}}", "vertex": "{{$.pipeline_job_name}}"}[target]
    steps = ",".join(_in_data_order(spec["components"][PIPELINE_TASK]["dag"]["tasks"]))
    tasks = spec["root"]["dag"]["tasks"]
    _add_container(spec, tasks, settings, PUBLISH, ["publish_directory"], {"run": run, "steps": steps})
    task = tasks[PUBLISH]
    spec["components"][PUBLISH]["inputDefinitions"]["parameters"]["status"] = {"parameterType": "TASK_FINAL_STATUS"}
    task["inputs"]["parameters"]["status"] = {"taskFinalStatus": {"producerTask": PIPELINE_TASK}}
    task["dependentTasks"] = [PIPELINE_TASK]
    task["triggerPolicy"] = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}


def _in_data_order(tasks: Mapping[str, Any]) -> list[str]:
    """The tasks' names as the data goes; protobuf's maps have no order of their own."""
    return [step for step in STEPS if step in tasks]


# ---- resources ----------------------------------------------------------------------------------


def _finish(spec: dict[str, Any], task: dict[str, Any], step: str, settings: Settings, target: Target) -> None:
    """Caching, retries and resources of one task, and how its command takes URIs."""
    container = _container(spec, step)
    artifacts = "native" if _why_native(settings, target) else "mirrored"
    container["args"] = ["--artifacts", artifacts, "--step", step, *container["args"]]
    store = settings.kubeflow.store
    if target == "kfp" and store.endpoint:
        container["env"] = [{"name": "AWS_ENDPOINT_URL", "value": store.endpoint}]
    resources = settings.kubeflow.resources_of(step)
    if asked := _resources(resources):
        container["resources"] = asked
    task["cachingOptions"] = {} if step in _NEVER_CACHED else {"enableCache": True}
    default = 0 if step in _NEVER_RETRIED else _RETRIES
    retries = default if resources.retries is None else resources.retries
    if step in _NEVER_RETRIED and retries:
        raise SettingsError(f"kubeflow.resources.{step}.retries: trying {step} again is not safe; leave it out")
    if retries:
        task["retryPolicy"] = {
            "maxRetryCount": retries,
            "backoffDuration": "30s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": "300s",
        }


def _resources(resources: Resources) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if resources.cpu:
        asked |= {"cpuRequest": resources.cpu, "cpuLimit": resources.cpu}
    if resources.memory_gb:
        asked |= {"memoryRequest": resources.memory_gb, "memoryLimit": resources.memory_gb}
    if resources.gpu:
        asked["accelerator"] = {"type": resources.gpu_type, "count": str(resources.gpu)}
    return asked


def _platform_spec(settings: Settings, spec: dict[str, Any]) -> dict[str, Any]:
    """What only Kubernetes knows: secrets, node selectors, timeouts (kfp-kubernetes' KubernetesExecutorConfig)."""
    executors = {}
    for label in spec["deploymentSpec"]["executors"]:
        resources = settings.kubeflow.resources_of(label.removesuffix("_executor"))
        config: dict[str, Any] = {}
        if secret := settings.kubeflow.store.secret:
            keys = {"accesskey": "AWS_ACCESS_KEY_ID", "secretkey": "AWS_SECRET_ACCESS_KEY"}
            config["secretAsEnv"] = [
                {
                    "secretName": secret,
                    "optional": True,
                    "keyToEnv": [{"secretKey": key, "envVar": variable} for key, variable in keys.items()],
                }
            ]
        if resources.node_selector:
            config["nodeSelector"] = {"labels": dict(resources.node_selector)}
        if resources.timeout_minutes:
            config["activeDeadlineSeconds"] = str(60 * resources.timeout_minutes)
        executors[label] = config
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
