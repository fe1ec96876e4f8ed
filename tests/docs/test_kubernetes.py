"""The manifests of docs/kubernetes: what Kubernetes knows, of one piece with each other, the settings and the lock."""

from __future__ import annotations

import re
from typing import Any

import kubernetes.client
import pytest
import yaml
from apache_beam.options.pipeline_options import PipelineOptions as BeamArguments
from apache_beam.options.pipeline_options import PortableOptions

from diptych.pipeline.settings import Settings
from tests.docs.markdown import page_blocks
from tests.paths import ROOT

FLINK = list(yaml.safe_load_all((ROOT / "docs/kubernetes/flink.yaml").read_text()))


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = (each for each in FLINK if each["kind"] == kind and each["metadata"]["name"] == name)
    return dict(found["spec"])


def containers(deployment: str) -> list[dict[str, Any]]:
    return list(named("Deployment", deployment)["template"]["spec"]["containers"])


def ports(deployment: str) -> set[int]:
    return {port["containerPort"] for each in containers(deployment) for port in each.get("ports", [])}


def settings() -> Settings:
    """Those that the page shows for Flink."""
    (block,) = (block for block in page_blocks("kubeflow.md", "yaml") if "runner: flink, endpoint" in block.text)
    return Settings.model_validate({"data": {"catalogue": "c.csv"}, **yaml.safe_load(block.text)})


def unknown_fields(value: Any, type_name: str, path: str) -> list[str]:
    """The fields that Kubernetes' API has not, or has with another type."""
    if found := re.fullmatch(r"list\[(.+)\]", type_name):
        if not isinstance(value, list):
            return [path]
        return [each for item in value for each in unknown_fields(item, found[1], path)]
    if re.match(r"dict\(", type_name):
        return [] if isinstance(value, dict) else [path]
    model = getattr(kubernetes.client, type_name, None)
    if model is None:
        types = {"str": str, "int": int, "bool": bool, "object": (str, int)}
        return [] if isinstance(value, types[type_name]) else [path]
    if not isinstance(value, dict):
        return [path]
    names = {json_name: name for name, json_name in model.attribute_map.items()}
    return [
        each
        for key, item in value.items()
        for each in (
            unknown_fields(item, model.openapi_types[names[key]], f"{path}.{key}")
            if key in names
            else [f"{path}.{key}"]
        )
    ]


@pytest.mark.parametrize("manifest", FLINK, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_kubernetes_knows_every_field(manifest: dict[str, Any]) -> None:
    assert unknown_fields(manifest, f"V1{manifest['kind']}", manifest["kind"]) == []


def test_a_field_that_kubernetes_has_not_is_found() -> None:
    wrong = {"spec": {"replicas": "2", "template": {"spec": {"containers": [{"imag": "x"}]}}}}
    assert unknown_fields(wrong, "V1Deployment", "it") == ["it.spec.replicas", "it.spec.template.spec.containers.imag"]


@pytest.mark.parametrize("name", ["flink-jobmanager", "beam-job-server"])
def test_services_lead_to_their_pods(name: str) -> None:
    service, deployment = named("Service", name), named("Deployment", name)
    assert service["selector"] == deployment["template"]["metadata"]["labels"]
    assert {port["port"] for port in service["ports"]} <= ports(name)


@pytest.mark.parametrize("name", ["flink-jobmanager", "flink-taskmanager", "beam-job-server"])
def test_deployments_select_their_pods(name: str) -> None:
    deployment = named("Deployment", name)
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]


def test_the_settings_of_the_page_find_the_job_server_and_the_pool() -> None:
    beam = settings().beam
    host, port = str(beam.endpoint).split(":")
    assert int(port) in {each["port"] for each in named("Service", host)["ports"]}
    (server,) = containers(host)
    assert f"--job-port={port}" in server["args"]
    arguments = BeamArguments(beam.pipeline_args("")).view_as(PortableOptions)
    pool = containers("flink-taskmanager")[1]
    assert arguments.environment_config == f"localhost:{pool['ports'][0]['containerPort']}"
    assert pool["command"][-1] == f"--service_port={pool['ports'][0]['containerPort']}"


def test_the_cluster_has_as_many_slots_as_the_settings_want() -> None:
    task_manager = containers("flink-taskmanager")[0]
    properties = yaml.safe_load(task_manager["env"][0]["value"])
    slots = named("Deployment", "flink-taskmanager")["replicas"] * properties["taskmanager.numberOfTaskSlots"]
    assert slots == settings().beam.workers


def test_the_job_server_reaches_the_cluster_and_fits_it() -> None:
    (server,) = containers("beam-job-server")
    (address,) = (each.split("=")[1] for each in server["args"] if each.startswith("--flink-master="))
    host, port = address.split(":")
    assert int(port) in {each["port"] for each in named("Service", host)["ports"]}
    flink = {each["image"] for name in ("flink-jobmanager", "flink-taskmanager") for each in containers(name)[:1]}
    lock = (ROOT / "requirements/tfx-1.21.txt").read_text()
    (beam,) = re.findall(r"^apache-beam(?:\[.*\])?==(\S+)", lock, re.MULTILINE)
    (flink_version,) = {image.removeprefix("flink:") for image in flink}
    assert server["image"] == f"apache/beam_flink{flink_version}_job_server:{beam}"


def test_workers_run_in_the_image_of_the_steps() -> None:
    assert containers("flink-taskmanager")[1]["image"] == settings().kubeflow.image
