"""Finds the S3 API behind ``minio://`` and ``s3://``: by a setting, by an input artifact, or by asking in the cluster.

AWS's libraries read address and keys from environment variables. They are set in the process of the step: in the
container's environment they would reach KFP's launcher too, whose own address and keys come from the server.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import ssl
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from diptych.components.catalogue.remote import S3_ENDPOINT_VARIABLES
from diptych.kubeflow.container.store import StoreError
from diptych.kubeflow.container.task import Task, container_path
from diptych.kubeflow.environment import AWS, ENDPOINT_VARIABLE
from diptych.pipeline.cli.terminal import warn

#: Where Kubernetes puts namespace, token and certificate of the account in whose name a pod asks it.
SERVICE_ACCOUNT_FOLDER = "var/run/secrets/kubernetes.io/serviceaccount"

# The services of the releases of KFP: since 2.16, and before.
_SERVICES = ("seaweedfs", "minio-service")
_PORT = 9000
_KFP_NAMESPACE = "kubeflow"
_SECONDS = 5.0
# The launcher too takes this address for none: newS3Client in backend/src/v2/objectstore/object_store.go.
_OF_AWS = re.compile(r"^(https?://)?s3\.amazonaws\.com(/|:|$)", re.IGNORECASE)


@dataclass(frozen=True)
class S3Api:
    """An S3 API as the libraries need to know it.

    Attributes:
        endpoint: its address; None for AWS's own.
        source: how the address is known, for the log.
        region: its region; None if that is not told.
        secret: the Kubernetes secret with its keys: its name, and its keys for access key and secret key; None if that
            is not told.
    """

    endpoint: str | None
    source: str
    region: str | None = None
    secret: tuple[str, str, str] | None = None


def connect_store(task: Task, executor_input: str) -> None:
    """Sets AWS's variables of this process, and says on standard error which store that is.

    Nothing is done if the step has to do with neither ``minio://`` nor ``s3://``.

    Args:
        executor_input: KFP's ExecutorInput as JSON, in which URIs are looked for.

    Raises:
        StoreError: the step has to do with ``minio://``, and no store is found.
    """
    if not any(f"{scheme}://" in executor_input for scheme in ("minio", "s3")):
        return
    api = _api_of_setting() or _api_of_inputs(task)
    if api is None:
        if "minio://" not in executor_input or any(os.environ.get(name) for name in S3_ENDPOINT_VARIABLES):
            return
        api = _api_of_cluster()
    warn(f"the store is {api.endpoint or 'that of AWS'} ({api.source})")
    for name in S3_ENDPOINT_VARIABLES:
        os.environ.pop(name, None)
    if api.endpoint:
        os.environ[S3_ENDPOINT_VARIABLES[0]] = api.endpoint
    if api.region:
        os.environ.setdefault("AWS_DEFAULT_REGION", api.region)
    if api.secret and "AWS_ACCESS_KEY_ID" not in os.environ:
        os.environ.update(_read_keys(*api.secret))


def _api_of_setting() -> S3Api | None:
    """The API that the setting names; None if it does not."""
    endpoint = os.environ.get(ENDPOINT_VARIABLE)
    if endpoint is None:
        return None
    return S3Api(None if endpoint in ("", AWS) else endpoint, "kubeflow.store.endpoint")


def _api_of_inputs(task: Task) -> S3Api | None:
    """The API that an input artifact came from; None if none says so.

    Raises:
        StoreError: what an artifact says cannot be read.
    """
    for name, lists in sorted(task.executor_input.inputs.artifacts.items()):
        for artifact in lists.artifacts:
            if "store_session_info" in artifact.metadata:
                session = _parse_session(str(artifact.metadata["store_session_info"]), name)
                if api := _api_of_session(session, f"of input '{name}'"):
                    return api
    return None


def _parse_session(text: str, name: str) -> dict[str, Any]:
    """The SessionInfo of an input, of which ``Params`` holds texts."""
    try:
        session = json.loads(text)
        texts = (session.get("Params") or {}).values()
    except (ValueError, AttributeError, RecursionError):
        session, texts = {}, [None]
    if not all(isinstance(each, str) for each in texts):
        raise StoreError(
            f"store_session_info of input '{name}' is no JSON object whose Params are texts; name the address of the "
            "store's S3 API in kubeflow.store.endpoint"
        )
    return dict(session)


def _api_of_session(session: dict[str, Any], source: str) -> S3Api | None:
    """The API of a SessionInfo, as KFP's driver writes it: ``backend/src/v2/config/s3.go``."""
    params = session.get("Params") or {}
    address = params.get("endpoint")
    if session.get("Provider") not in ("minio", "s3") or not address:
        return None
    if "://" not in address:
        address = f"http://{address}" if params.get("disableSSL") == "true" else f"https://{address}"
    secret = tuple(params.get(key) for key in ("secretName", "accessKeyKey", "secretKeyKey"))
    return S3Api(
        None if _OF_AWS.match(address) else address,
        source,
        params.get("region") or None,
        secret if all(secret) else None,  # type: ignore[arg-type]
    )


def _api_of_cluster() -> S3Api:
    """The API that answers.

    Raises:
        StoreError: none does.
    """
    candidates = candidate_endpoints()
    found = first_answering(candidates)
    if found is None:
        raise StoreError(
            f"no store is found for minio://: none of {', '.join(candidates)} answers within {_SECONDS:g} seconds; "
            "name the address of its S3 API in kubeflow.store.endpoint"
        )
    return S3Api(found, "it answers")


def candidate_endpoints() -> list[str]:
    """The addresses of the known releases' stores: in the pod's namespace, then in that of KFP."""
    namespaces = [_KFP_NAMESPACE]
    file = Path(container_path(SERVICE_ACCOUNT_FOLDER), "namespace")
    if file.exists():
        namespaces.insert(0, file.read_text(encoding="utf-8").strip())
    return [f"http://{service}.{namespace}:{_PORT}" for namespace in dict.fromkeys(namespaces) for service in _SERVICES]


def first_answering(endpoints: Sequence[str], seconds: float = _SECONDS) -> str | None:
    """The first of the endpoints at which a server answers, whatever it says; None if none does in time.

    Args:
        seconds: how long is waited for all of them together.
    """
    answered: set[str] = set()

    def ask(endpoint: str) -> None:
        if _answers(endpoint, seconds):
            answered.add(endpoint)

    # Looking up a name has no timeout; a thread that hangs there does not keep the process from ending.
    threads = [Thread(target=ask, args=(endpoint,), daemon=True) for endpoint in endpoints]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for endpoint, thread in zip(endpoints, threads, strict=True):
        thread.join(max(0.0, deadline - time.monotonic()))
        if endpoint in answered:
            return endpoint
    return None


def _answers(endpoint: str, seconds: float) -> bool:
    address = urlsplit(endpoint)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=seconds)) as connection:
        try:
            connection.request("GET", "/")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
    return True


def _read_keys(secret: str, access_key: str, secret_key: str) -> dict[str, str]:
    """AWS's variables with the keys in a Kubernetes secret of the pod's namespace, which the launcher reads as well.

    They are empty if it cannot be read: then AWS's libraries look for keys in their own ways.
    """
    try:
        data = _read_secret(secret)
        return {
            variable: base64.b64decode(data[key]).decode()
            for variable, key in (("AWS_ACCESS_KEY_ID", access_key), ("AWS_SECRET_ACCESS_KEY", secret_key))
        }
    except (OSError, KeyError, ValueError, http.client.HTTPException) as error:
        warn(f"the store's keys cannot be read from the secret '{secret}': {error!r}")
        return {}


def _read_secret(name: str) -> Any:
    """The keys and values, in base64, of a secret, by Kubernetes' API in the name of the pod's service account."""
    account = container_path(SERVICE_ACCOUNT_FOLDER)
    token, namespace = (Path(account, file).read_text(encoding="utf-8").strip() for file in ("token", "namespace"))
    server = os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ["KUBERNETES_SERVICE_PORT"])
    context = ssl.create_default_context(cafile=os.path.join(account, "ca.crt"))
    with closing(http.client.HTTPSConnection(*server, timeout=_SECONDS, context=context)) as connection:
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise OSError(f"Kubernetes answers {answer.status}")
        return json.load(answer)["data"]
