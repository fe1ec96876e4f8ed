"""How values change on their way through protobuf and KFP's metadata store (``backend/src/v2/metadata``)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from diptych.kubeflow.container import store
from diptych.kubeflow.local.release import Release

_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")


class ValueRefusedError(Exception):
    """KFP's launcher takes no such value; the message says which."""


def normalise(value: Any) -> Any:
    """A JSON value after it was a ``google.protobuf.Value``: numbers are doubles, and whole ones have no dot."""
    if isinstance(value, Mapping):
        return {key: normalise(item) for key, item in value.items()}
    if isinstance(value, list):
        return [normalise(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        return int(number) if number.is_integer() else number
    return value


def to_text(value: Any) -> str:
    """A value as the text that a parameter of type STRING gets: PbValueToText in ``converter.go``."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format(Decimal(repr(normalise(value))), "f")
    return json.dumps(normalise(value), separators=(",", ":"), ensure_ascii=False)


def parse_text(text: str, kind: str) -> Any:
    """The value of an output parameter that a step wrote to a file: TextToPbValue in ``converter.go``.

    Args:
        kind: the type of the parameter, as ``NUMBER_INTEGER``.

    Raises:
        ValueRefusedError: the text is none of this type.
    """
    try:
        if kind == "STRING":
            return text
        if kind == "NUMBER_INTEGER":
            return normalise(int(text.strip()))
        if kind == "NUMBER_DOUBLE":
            return normalise(float(text.strip()))
        if kind == "BOOLEAN" and text.strip() in (*_TRUE, *_FALSE):
            return text.strip() in _TRUE
        if kind in ("LIST", "STRUCT"):
            value = json.loads(text)
            if isinstance(value, {"LIST": list, "STRUCT": dict}[kind]):
                return normalise(value)
    except ValueError:
        pass
    raise ValueRefusedError(f"{text!r} is no {kind}")


def store_artifact(name: str, artifact: Mapping[str, Any], pipeline_root: str, release: Release) -> dict[str, Any]:
    """An output artifact as tasks after it are given it.

    RecordArtifact in ``client.go`` adds two properties; toRuntimeArtifact in ``converter.go`` leaves the type empty.

    Raises:
        ValueRefusedError: the metadata store takes no such property.
    """
    properties = {key: _stored_property(key, value) for key, value in artifact.get("metadata", {}).items()}
    properties.setdefault("display_name", name)
    properties.setdefault("store_session_info", _session_info(pipeline_root, release))
    # The store numbers its artifacts.
    number = str(uuid.uuid4().int >> 80)
    return {"name": number, "uri": artifact["uri"], "type": {"instanceSchema": ""}, "metadata": properties}


def _stored_property(key: str, value: Any) -> Any:
    """StructValueToMLMDValue and back, in ``converter.go``."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list):
        return {"list": normalise(value)}
    if isinstance(value, Mapping):
        return {"struct": normalise(value)}
    if value is None:
        raise ValueRefusedError(f"the property '{key}' is null, which the metadata store does not take")
    return normalise(value)


def _session_info(pipeline_root: str, release: Release) -> str:
    """How the launcher reaches the store of a run's artifacts: ``backend/src/v2/config``, without a configuration."""
    scheme = (store.split_uri(pipeline_root) or ("minio", ""))[0]
    if scheme != "minio":
        params = {"fromEnv": "true"}
    else:
        params = {
            "accessKeyKey": "accesskey",
            "disableSSL": "true",
            "endpoint": release.store,
            "fromEnv": "false",
            "maxRetries": "5",
            "region": "minio",
            "secretKeyKey": "secretkey",
            "secretName": "mlpipeline-minio-artifact",
        }
    return json.dumps({"Provider": scheme, "Params": params}, separators=(",", ":"))
