"""The manifests of docs/kubernetes: what Kubernetes knows, of one piece with each other, the settings and the lock."""

from __future__ import annotations

import re
from typing import Any

import kubernetes.client
import pytest
import yaml
from apache_beam.options.pipeline_options import PipelineOptions as BeamArguments
from apache_beam.options.pipeline_options import PortableOptions

from diptych.components.catalogue.remote import S3_ENDPOINT_VARIABLES
from diptych.kubeflow.container import store_endpoint
from diptych.pipeline.settings import Settings
from tests.docs.markdown import page_blocks
from tests.paths import ROOT


class Manifests:
    """The objects of one file, and the settings that the page shows for it."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.objects = list(yaml.safe_load_all((ROOT / f"docs/kubernetes/{engine}.yaml").read_text()))

    def __repr__(self) -> str:
        return self.engine

    def named(self, kind: str, name: str) -> dict[str, Any]:
        (found,) = (each for each in self.objects if each["kind"] == kind and each["metadata"]["name"] == name)
        return dict(found["spec"])

    def names(self, kind: str) -> list[str]:
        return [each["metadata"]["name"] for each in self.objects if each["kind"] == kind]

    def containers(self, deployment: str) -> list[dict[str, Any]]:
        return list(self.named("Deployment", deployment)["template"]["spec"]["containers"])

    def ports(self, deployment: str) -> set[int]:
        return {port["containerPort"] for each in self.containers(deployment) for port in each.get("ports", [])}

    def service_ports(self, name: str) -> set[int]:
        return {each["port"] for each in self.named("Service", name)["ports"]}

    def settings(self) -> Settings:
        blocks = page_blocks("kubeflow.md", "yaml")
        (text,) = (block.text for block in blocks if f"runner: {self.engine}, endpoint" in block.text)
        return Settings.model_validate({"data": {"catalogue": "c.csv"}, **yaml.safe_load(text)})


FLINK, SPARK = Manifests("flink"), Manifests("spark")
#: Of each engine the deployment with the workers.
WORKERS = {FLINK: "flink-taskmanager", SPARK: "spark-worker"}
both = pytest.mark.parametrize("manifests", WORKERS, ids=str)


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


@both
def test_kubernetes_knows_every_field(manifests: Manifests) -> None:
    for each in manifests.objects:
        assert unknown_fields(each, f"V1{each['kind']}", f"{each['kind']} {each['metadata']['name']}") == []


def test_a_field_that_kubernetes_has_not_is_found() -> None:
    wrong = {"spec": {"replicas": "2", "template": {"spec": {"containers": [{"imag": "x"}]}}}}
    assert unknown_fields(wrong, "V1Deployment", "it") == ["it.spec.replicas", "it.spec.template.spec.containers.imag"]


@both
def test_services_lead_to_their_pods(manifests: Manifests) -> None:
    for name in manifests.names("Service"):
        deployment = manifests.named("Deployment", name)
        assert manifests.named("Service", name)["selector"] == deployment["template"]["metadata"]["labels"]
        assert manifests.service_ports(name) <= manifests.ports(name)


@both
def test_deployments_select_their_pods(manifests: Manifests) -> None:
    assert len(manifests.names("Deployment")) == 3
    for name in manifests.names("Deployment"):
        deployment = manifests.named("Deployment", name)
        assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]


@both
def test_the_settings_of_the_page_find_the_job_server_and_the_pool(manifests: Manifests) -> None:
    beam = manifests.settings().beam
    host, port = str(beam.endpoint).split(":")
    assert int(port) in manifests.service_ports(host)
    (server,) = manifests.containers(host)
    assert f"--job-port={port}" in server["args"]
    arguments = BeamArguments(beam.pipeline_args("")).view_as(PortableOptions)
    pool = manifests.containers(WORKERS[manifests])[1]
    assert arguments.environment_config == f"localhost:{pool['ports'][0]['containerPort']}"
    assert pool["command"][-1] == f"--service_port={pool['ports'][0]['containerPort']}"


@both
def test_workers_know_the_store_of_the_settings_and_run_in_the_image_of_the_steps(manifests: Manifests) -> None:
    kubeflow = manifests.settings().kubeflow
    pool = manifests.containers(WORKERS[manifests])[1]
    assert pool["image"] == kubeflow.image
    variables = {each["name"]: each for each in pool["env"]}
    assert variables[S3_ENDPOINT_VARIABLES[0]]["value"] in store_endpoint.candidate_endpoints()
    keys = [variables[name]["valueFrom"]["secretKeyRef"] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    assert [(each["name"], each["key"]) for each in keys] == [
        (kubeflow.store.secret, "accesskey"),
        (kubeflow.store.secret, "secretkey"),
    ]


def test_flink_has_as_many_slots_as_the_settings_want() -> None:
    task_manager = FLINK.containers("flink-taskmanager")[0]
    properties = yaml.safe_load(task_manager["env"][0]["value"])
    slots = FLINK.named("Deployment", "flink-taskmanager")["replicas"] * properties["taskmanager.numberOfTaskSlots"]
    assert slots == FLINK.settings().beam.workers


def test_spark_cuts_a_job_into_as_many_tasks_as_it_has_cores() -> None:
    (server,) = SPARK.containers("beam-job-server")
    (options,) = (each["value"] for each in server["env"] if each["name"] == "JAVA_TOOL_OPTIONS")
    arguments = SPARK.containers("spark-worker")[0]["args"]
    cores = int(arguments[arguments.index("--cores") + 1])
    replicas = SPARK.named("Deployment", "spark-worker")["replicas"]
    assert f"-Dspark.default.parallelism={cores * replicas}" in options.split()


@both
def test_the_job_server_reaches_the_cluster(manifests: Manifests) -> None:
    (server,) = manifests.containers("beam-job-server")
    (master,) = (each.split("=")[1] for each in server["args"] if re.match("--(flink-master|spark-master-url)=", each))
    host, port = master.removeprefix("spark://").split(":")
    assert int(port) in manifests.service_ports(host)


def test_workers_reach_the_master_that_the_job_server_names() -> None:
    (server,) = SPARK.containers("beam-job-server")
    master = SPARK.containers("spark-worker")[0]["args"][-1]
    assert f"--spark-master-url={master}" in server["args"]
    pod = SPARK.named("Deployment", "spark-master")["template"]["spec"]
    assert pod["containers"][0]["args"][:4] == ["--host", pod["hostname"], "--port", "7077"]
    assert master == f"spark://{pod['hostname']}:7077"


@pytest.mark.parametrize("name", ["spark-master", "spark-worker", "beam-job-server"])
def test_kubernetes_sets_no_variable_that_spark_takes_for_a_port(name: str) -> None:
    assert SPARK.named("Deployment", name)["template"]["spec"]["enableServiceLinks"] is False


@both
def test_the_job_server_fits_the_cluster_and_the_lock(manifests: Manifests) -> None:
    images = {name: manifests.containers(name)[0]["image"] for name in manifests.names("Deployment")}
    server = images.pop("beam-job-server")
    (cluster,) = set(images.values())
    lock = (ROOT / "requirements/tfx-1.21.txt").read_text()
    (beam,) = re.findall(r"^apache-beam(?:\[.*\])?==(\S+)", lock, re.MULTILINE)
    if manifests is FLINK:
        assert server == f"apache/beam_flink{cluster.removeprefix('flink:')}_job_server:{beam}"
    else:
        assert re.match(r"apache/spark:3\.\d+\.\d+-scala2\.12-", cluster)
        assert server == f"apache/beam_spark3_job_server:{beam}"
