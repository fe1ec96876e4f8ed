"""What ``diptych compile`` writes keeps the rules of KFP's backend (github.com/kubeflow/pipelines, August 2026)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from diptych.kubeflow.kfp_outputs import KFP_OUTPUTS
from tests.kubeflow.compiled import containers_of


def test_kfps_own_loader_takes_it(spec_file: Path) -> None:
    from kfp import components

    assert components.load_component_from_file(str(spec_file)).name == "shop"


def test_it_is_the_message_that_the_backend_parses(spec: dict[str, Any]) -> None:
    """apiserver/template/v2_template.go unmarshals strictly: an unknown field is refused."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    config = pipeline_spec_pb2.PipelineDeploymentConfig()
    json_format.ParseDict(spec["deploymentSpec"], config)


def test_schema_version_and_name_are_those_it_takes(spec: dict[str, Any]) -> None:
    """v2_template.go, NewV2SpecTemplate."""
    assert spec["schemaVersion"] == "2.1.0"
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", spec["pipelineInfo"]["name"])


def test_every_executor_is_a_container(spec: dict[str, Any]) -> None:
    """v2/compiler/visitor.go: 'non-container and non-importer executor not implemented'."""
    assert all(set(executor) == {"container"} for executor in spec["deploymentSpec"]["executors"].values())


def test_no_hook_is_left_that_open_source_kfp_ignores(spec: dict[str, Any]) -> None:
    """Nothing in backend/src/v2 reads container.lifecycle."""
    assert all("lifecycle" not in container for container in containers_of(spec).values())


def test_every_task_has_its_component_and_executor(spec: dict[str, Any], tasks: dict[str, Any]) -> None:
    """v2/compiler/visitor.go, dfs: component ref name, component, executor label."""
    for name, task in {**tasks, **spec["root"]["dag"]["tasks"]}.items():
        component = spec["components"][task["componentRef"]["name"]]
        assert "dag" in component or component["executorLabel"] in spec["deploymentSpec"]["executors"]
        assert task["taskInfo"]["name"] == name


def test_the_root_has_a_task_that_is_no_exit_task(spec: dict[str, Any]) -> None:
    """v2/compiler/argocompiler/dag.go: 'must contain one or more non-exit tasks'; an exit task hooks on the first of
    its dependentTasks, whose final status it gets (v2/driver/resolve.go)."""
    root = spec["root"]["dag"]["tasks"]
    assert set(root) == {"pipeline", "Publish"}
    exit_task = root["Publish"]
    assert exit_task["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert exit_task["dependentTasks"] == ["pipeline"]
    assert exit_task["inputs"]["parameters"]["status"] == {"taskFinalStatus": {"producerTask": "pipeline"}}
    kind = spec["components"]["Publish"]["inputDefinitions"]["parameters"]["status"]["parameterType"]
    assert kind == "TASK_FINAL_STATUS"
    assert "artifacts" not in exit_task["inputs"]


def test_parameters_come_in_ways_the_driver_resolves(spec: dict[str, Any], tasks: dict[str, Any]) -> None:
    """v2/driver/resolve.go, resolveInputParameter: the parent's, a task's output, a constant; nothing else."""
    parents = dict.fromkeys(tasks, "pipeline") | dict.fromkeys(spec["root"]["dag"]["tasks"], "root")
    for name, task in {**tasks, **spec["root"]["dag"]["tasks"]}.items():
        component = spec["components"][task["componentRef"]["name"]]
        parent = spec["root"] if parents[name] == "root" else spec["components"]["pipeline"]
        known = parent["inputDefinitions"]["parameters"]
        given = task.get("inputs", {}).get("parameters", {})
        for source in given.values():
            if "componentInputParameter" in source:
                assert source["componentInputParameter"] in known
            elif "taskOutputParameter" in source:
                producer = spec["components"][source["taskOutputParameter"]["producerTask"]]
                assert (
                    source["taskOutputParameter"]["outputParameterKey"] in producer["outputDefinitions"]["parameters"]
                )
            else:
                assert set(source) & {"runtimeValue", "taskFinalStatus"}
                assert "runtimeParameter" not in source.get("runtimeValue", {})
        # 'neither value nor default value provided for non-optional parameter'
        assert set(component.get("inputDefinitions", {}).get("parameters", {})) == set(given)


def test_artifacts_come_from_tasks_of_the_same_dag(spec: dict[str, Any], tasks: dict[str, Any]) -> None:
    """v2/driver/resolve.go, resolveUpstreamArtifacts."""
    for task in tasks.values():
        for source in task.get("inputs", {}).get("artifacts", {}).values():
            producer = source["taskOutputArtifact"]["producerTask"]
            outputs = spec["components"][producer]["outputDefinitions"]["artifacts"]
            assert producer in tasks
            assert source["taskOutputArtifact"]["outputArtifactKey"] in outputs


def test_artifact_types_survive_mlmd(spec: dict[str, Any]) -> None:
    """v2/metadata keeps the instance schema, whose title is all that leads back to the Python class."""
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as utils
    from tfx.utils import import_utils

    for component in spec["components"].values():
        for name, output in component.get("outputDefinitions", {}).get("artifacts", {}).items():
            if name in KFP_OUTPUTS:
                continue
            schema = pipeline_spec_pb2.ArtifactTypeSchema(instance_schema=output["artifactType"]["instanceSchema"])
            assert import_utils.import_class_by_path(utils._retrieve_class_path(schema)).TYPE_NAME


def test_commands_are_never_taken_for_kfps_own_placeholders(spec: dict[str, Any]) -> None:
    """v2/driver/util.go: '{"IfPresent":' and {{$.inputs...}} are read by the driver; {{$}} by the launcher."""
    for container in containers_of(spec).values():
        for part in (*container["command"], *container["args"]):
            assert not part.lstrip().startswith('{"IfPresent":')
            assert set(re.findall(r"\{\{[^}]*\}\}", part)) <= {"{{$}}"}


def test_the_platform_document_is_one_the_backend_recognises(documents: list[dict[str, Any]]) -> None:
    """v2_template.go, IsPlatformSpecWithKubernetesConfig; field names as in kubernetes_executor_config.proto."""
    spec, platform = documents
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(spec["deploymentSpec"]["executors"])
    assert executors["Trainer_executor"]["nodeSelector"] == {"labels": {"pool": "gpu"}}
    assert executors["ImageTextExampleGen_executor"]["activeDeadlineSeconds"] == "5400"
    known = {"secretAsEnv", "nodeSelector", "activeDeadlineSeconds", "fieldPathAsEnv"}
    assert all(set(config) <= known for config in executors.values())
