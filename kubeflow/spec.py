"""A compiled pipeline spec, read as KFP's API server reads it, by the rules of github.com/kubeflow/pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from diptych.models.errors import DiptychError

_SCHEMA_VERSION = "2.1.0"
_TYPES: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int, float),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


class SpecError(DiptychError):
    """The spec or a parameter would be refused by KFP; the message says by which rule."""


def load_spec(path: str) -> dict[str, Any]:
    """Reads a spec and refuses what KFP's API server refuses.

    ``backend/src/apiserver/template/v2_template.go``, NewV2SpecTemplate.

    Raises:
        SpecError: it is no pipeline spec that KFP takes.
    """
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        with open(path, encoding="utf-8") as file:
            documents = [document for document in yaml.safe_load_all(file) if document]
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{path} is not YAML: {error}") from None
    specs = [document for document in documents if isinstance(document, dict) and "pipelineInfo" in document]
    if len(specs) != 1:
        raise SpecError(f"{path}: {len(specs)} pipeline specs; one is needed (diptych compile writes it)")
    spec = specs[0]
    try:
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    except json_format.ParseError as error:
        raise SpecError(f"{path}: invalid v2 pipeline spec: {error}") from None
    if spec.get("schemaVersion") != _SCHEMA_VERSION:
        raise SpecError(f"{path}: KFP takes schema version {_SCHEMA_VERSION} only, not {spec.get('schemaVersion')}")
    if not spec["pipelineInfo"].get("name") or "root" not in spec:
        raise SpecError(f"{path}: the spec has no name or no root")
    return dict(spec)


def resolve_parameters(spec: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The run's parameters: given, else the defaults.

    ``backend/src/apiserver/template/v2_template.go``, validatePipelineJobInputs.

    Raises:
        SpecError: an unknown parameter, one of another type, or one without a value.
    """
    wanted = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    if unknown := sorted(set(given) - set(wanted)):
        raise SpecError(f"the pipeline knows no parameter {', '.join(unknown)}; it knows {', '.join(sorted(wanted))}")
    values = {}
    for name, definition in wanted.items():
        if name in given:
            values[name] = given[name]
        elif "defaultValue" in definition:
            values[name] = definition["defaultValue"]
        else:
            raise SpecError(f"parameter '{name}' has no default: give it a value (--param {name}=...)")
        kind = definition["parameterType"]
        if not isinstance(values[name], _TYPES[kind]) or (isinstance(values[name], bool) and kind != "BOOLEAN"):
            raise SpecError(f"parameter '{name}' must be a {kind}, not {values[name]!r}")
    return values


def needs_of(task: Mapping[str, Any]) -> set[str]:
    """Tasks whose success a task waits for: those it names, and the producers of its inputs."""
    needs = set(task.get("dependentTasks", []))
    inputs = task.get("inputs", {})
    for spec in (*inputs.get("artifacts", {}).values(), *inputs.get("parameters", {}).values()):
        for kind in ("taskOutputArtifact", "taskOutputParameter"):
            if kind in spec:
                needs.add(spec[kind]["producerTask"])
    return needs


def in_order(tasks: Mapping[str, Any]) -> Iterator[str]:
    """The tasks' names, each after those it needs.

    Raises:
        SpecError: a task needs one that does not exist, or itself.
    """
    waiting = {name: needs_of(task) for name, task in sorted(tasks.items())}
    done: set[str] = set()
    while waiting:
        ready = [name for name, needs in waiting.items() if needs <= done]
        if not ready:
            raise SpecError(f"tasks wait for each other or for none: {waiting}")
        for name in ready:
            yield name
            done.add(name)
            del waiting[name]
