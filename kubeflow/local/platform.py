"""What Kubernetes does for a step's pod: a part of its environment, and the time it may take.

The fields are those of kfp-kubernetes' KubernetesExecutorConfig, in the document beside the pipeline spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from diptych.kubeflow.spec import SpecError

#: The secrets of a namespace in which KFP is installed from its own manifests, with their keys.
SECRETS = {"mlpipeline-minio-artifact": {"accesskey": "minio", "secretkey": "minio123"}}
# Where a pod runs makes no difference on one machine.
_KNOWN_FIELDS = {"secretAsEnv", "fieldPathAsEnv", "activeDeadlineSeconds", "nodeSelector"}


def load_executor_configs(path: str) -> dict[str, Any]:
    """The config of each executor, by its label, from the platform spec of a YAML file; empty without one."""
    with open(path, encoding="utf-8") as file:
        documents = [document for document in yaml.safe_load_all(file) if document and "platforms" in document]
    return executor_configs(documents[0]) if documents else {}


def executor_configs(platform: Mapping[str, Any]) -> dict[str, Any]:
    """The config of each executor, by its label, from a platform spec."""
    kubernetes = platform.get("platforms", {}).get("kubernetes", {})
    return dict(kubernetes.get("deploymentSpec", {}).get("executors", {}))


def pod_environment(config: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, str]:
    """The variables that a pod gets from its own fields and from secrets.

    Args:
        fields: the values of the pod's fields, by their paths, as ``metadata.name``.

    Raises:
        SpecError: a field, or a secret or key that is not optional, is missing, so that the pod would never start, or
            the config asks for what is not simulated.
    """
    if unknown := sorted(set(config) - _KNOWN_FIELDS):
        raise SpecError(f"the platform spec asks for {', '.join(unknown)}, which is not simulated")
    variables = {}
    for source in config.get("fieldPathAsEnv", []):
        if source["fieldPath"] not in fields:
            raise SpecError(f"the simulated pod has no field {source['fieldPath']}; it has {', '.join(fields)}")
        variables[source["name"]] = fields[source["fieldPath"]]
    for source in config.get("secretAsEnv", []):
        secret = source.get("secretName") or source["secretNameParameter"]["runtimeValue"]["constant"]
        for pair in source["keyToEnv"]:
            value = SECRETS.get(secret, {}).get(pair["secretKey"])
            if value is not None:
                variables[pair["envVar"]] = value
            elif not source.get("optional"):
                raise SpecError(f"the pod would wait for key '{pair['secretKey']}' of secret '{secret}' forever")
    return variables


def pod_seconds(config: Mapping[str, Any]) -> float | None:
    """How long a pod may run before Kubernetes kills it; None without limit."""
    seconds = config.get("activeDeadlineSeconds")
    return None if seconds is None else float(seconds)
