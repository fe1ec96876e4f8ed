"""How the tasks of a pipeline spec are run: their caching, retries, resources and secrets."""

from __future__ import annotations

from typing import Any

from diptych.kubeflow.cluster_settings import Target, artifacts_of
from diptych.kubeflow.environment import AWS, ENDPOINT_VARIABLE, RUN_ID_VARIABLE
from diptych.pipeline.options.kubeflow import AUTO, StepResources
from diptych.pipeline.settings import Settings, SettingsError

# The first reads the store, and the last writes there. The gate and the report cost less than the question whether they
# are cached, and tell the summary what the cached steps before them found.
_NEVER_CACHED = frozenset({"Sources", "DataGate", "Report", "Publish"})
# A stop of the gate stays a stop; a second push would be a second version of one model.
_NEVER_RETRIED = frozenset({"DataGate", "Pusher"})
_RETRIES = 2
# For how long after the start of its first attempt a step is tried again. Argo counts the time of the attempts too, and
# stops one that runs when this time is over (processNodeRetries in its workflow/controller/operator.go): on KFP it is
# longer than any step takes. Without a value, KFP gives Argo a 0. Vertex takes it for the longest pause.
_RETRY_WINDOW = {"kfp": f"{30 * 24 * 3600}s", "vertex": "300s"}

# The label that KFP's API server gives to every pod of a run (SetPodMetadataLabels in its template/v2_template.go).
# As a parameter, the run's id would be part of the cache's key, and KFP's launcher does not fill it into arguments.
_RUN_ID_LABEL = "metadata.labels['pipeline/runid']"
_VERTEX_RUN_ID = "{{$.pipeline_job_name}}"


def get_container(spec: dict[str, Any], step: str) -> dict[str, Any]:
    """The container of a step in a pipeline spec, to be changed in place."""
    container: dict[str, Any] = spec["deploymentSpec"]["executors"][f"{step}_executor"]["container"]
    return container


def set_task_options(spec: dict[str, Any], task: dict[str, Any], step: str, settings: Settings, target: Target) -> None:
    """Sets caching, retries and resources of a task, and tells its command what no ExecutorInput says.

    That is how it uses the store, its name, and the outputs that TFX's executor knows: KFP adds others.
    Vertex also fills in the run's id; KFP's is in the environment, by ``platform_spec``.

    Raises:
        SettingsError: the settings ask for retries of a step that must not be tried again.
    """
    container = get_container(spec, step)
    outputs = spec["components"][step].get("outputDefinitions", {}).get("artifacts", {})
    of_tfx = sorted(name for name, output in outputs.items() if "instanceSchema" in output["artifactType"])
    run_id = ["--run-id", _VERTEX_RUN_ID] if target == "vertex" else []
    container["args"] = [
        *("--artifacts", artifacts_of(step, settings, target), "--step", step, "--outputs", ",".join(of_tfx)),
        *run_id,
        *container["args"],
    ]
    endpoint = settings.kubeflow.store.endpoint
    if target == "kfp" and endpoint != AUTO:
        # Not AWS_ENDPOINT_URL, which would also reach KFP's launcher in the same container.
        container["env"] = [{"name": ENDPOINT_VARIABLE, "value": endpoint or AWS}]
    resources = settings.kubeflow.resources_of(step)
    if requested := _container_resources(resources):
        container["resources"] = requested
    task["cachingOptions"] = {} if step in _NEVER_CACHED else {"enableCache": True}
    if retries := _retries(step, resources):
        task["retryPolicy"] = {
            "maxRetryCount": retries,
            "backoffDuration": "30s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": _RETRY_WINDOW[target],
        }


def platform_spec(settings: Settings, spec: dict[str, Any]) -> dict[str, Any]:
    """The document beside the pipeline spec, for what only Kubernetes knows: run id, secrets, node selectors, timeouts.

    Its fields are those of kfp-kubernetes' KubernetesExecutorConfig.
    """
    executors = {}
    for label in spec["deploymentSpec"]["executors"]:
        resources = settings.kubeflow.resources_of(label.removesuffix("_executor"))
        config: dict[str, Any] = {"fieldPathAsEnv": [{"name": RUN_ID_VARIABLE, "fieldPath": _RUN_ID_LABEL}]}
        if secret := settings.kubeflow.store.secret:
            variables = {"accesskey": "AWS_ACCESS_KEY_ID", "secretkey": "AWS_SECRET_ACCESS_KEY"}
            config["secretAsEnv"] = [
                {
                    "secretName": secret,
                    "optional": True,
                    "keyToEnv": [{"secretKey": key, "envVar": variable} for key, variable in variables.items()],
                }
            ]
        if resources.node_selector:
            config["nodeSelector"] = {"labels": dict(resources.node_selector)}
        if resources.timeout_minutes:
            config["activeDeadlineSeconds"] = str(60 * resources.timeout_minutes)
        executors[label] = config
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _retries(step: str, resources: StepResources) -> int:
    if step in _NEVER_RETRIED:
        if resources.retries:
            raise SettingsError(f"kubeflow.resources.{step}.retries: trying {step} again is not safe; leave it out")
        return 0
    return _RETRIES if resources.retries is None else resources.retries


def _container_resources(resources: StepResources) -> dict[str, Any]:
    """The options as the field ``resources`` of a container in a pipeline spec."""
    requested: dict[str, Any] = {}
    if resources.cpu:
        requested |= {"cpuRequest": resources.cpu, "cpuLimit": resources.cpu}
    if resources.memory_gb:
        requested |= {"memoryRequest": resources.memory_gb, "memoryLimit": resources.memory_gb}
    if resources.gpu:
        requested["accelerator"] = {"type": resources.gpu_type, "count": str(resources.gpu)}
    return requested
