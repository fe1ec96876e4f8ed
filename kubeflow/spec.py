"""A compiled pipeline spec, checked and read by the rules of KFP's API server (github.com/kubeflow/pipelines)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from diptych.models.errors import DiptychError
from diptych.models.os_errors import explain_cause, naming

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
    """KFP would refuse the spec or a parameter; the message says by which rule."""


def first_document(path: str) -> dict[str, Any]:
    """The first YAML document of a file, unchecked: of one that the compiler wrote, the pipeline spec."""
    with naming(path), open(path, encoding="utf-8") as file:
        return dict(next(yaml.safe_load_all(file)))


def load_spec(path: str) -> dict[str, Any]:
    """Reads the pipeline spec of a YAML file and checks it.

    The rules are those of NewV2SpecTemplate in ``backend/src/apiserver/template/v2_template.go``.

    Raises:
        SpecError: the file cannot be read, or KFP would refuse it.
    """
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        with open(path, encoding="utf-8") as file:
            documents = [document for document in yaml.safe_load_all(file) if document]
    except OSError as error:
        raise SpecError(f"'{path}': {explain_cause(error)}") from None
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
    """The values of all parameters of a run: those that are given, and the defaults of the others.

    The rules are those of validatePipelineJobInputs in ``backend/src/apiserver/template/v2_template.go``.

    Raises:
        SpecError: a parameter is unknown, has another type, or has no value.
    """
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    if unknown := sorted(set(given) - set(declared)):
        raise SpecError(f"the pipeline knows no parameter {', '.join(unknown)}; it knows {', '.join(sorted(declared))}")
    values = {}
    for name, definition in declared.items():
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


def upstream_tasks(task: Mapping[str, Any]) -> set[str]:
    """Names of the tasks that must succeed before a task: those it depends on, and the producers of its inputs."""
    upstream = set(task.get("dependentTasks", []))
    inputs = task.get("inputs", {})
    for spec in (*inputs.get("artifacts", {}).values(), *inputs.get("parameters", {}).values()):
        for kind in ("taskOutputArtifact", "taskOutputParameter"):
            if kind in spec:
                upstream.add(spec[kind]["producerTask"])
    return upstream


def topological_order(tasks: Mapping[str, Any]) -> Iterator[str]:
    """Names of the tasks of a DAG, each after all of its upstream tasks.

    Raises:
        SpecError: a task depends on one that does not exist, or on itself.
    """
    waiting = {name: upstream_tasks(task) for name, task in sorted(tasks.items())}
    done: set[str] = set()
    while waiting:
        ready = [name for name, upstream in waiting.items() if upstream <= done]
        if not ready:
            raise SpecError(f"tasks wait for each other or for none: {waiting}")
        for name in ready:
            yield name
            done.add(name)
            del waiting[name]
