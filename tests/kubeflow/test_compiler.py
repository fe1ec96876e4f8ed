"""The pipeline spec: its steps, and what reaches them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diptych.kubeflow.compiler import build_spec, compile_pipeline
from diptych.kubeflow.spec import first_document
from diptych.models.errors import USAGE
from diptych.pipeline.cli.main import main
from diptych.pipeline.options.kubeflow import STEPS
from tests.kubeflow.compiled import ON_GOOGLE, containers_of, settings_with, tasks_of


def test_the_steps_are_those_that_settings_name(tasks: dict[str, Any]) -> None:
    assert {*tasks, "Publish", "ImportSchemaGen", "Tuner", "Decode"} == set(STEPS)


def test_a_search_and_the_last_blessed_model_reach_training(folder: Path) -> None:
    space = "tune={trials: 2, space: {train.learning_rate: [0.001, 0.01]}}"
    spec = build_spec(settings_with(folder, space, "train.warm_start=true"), "kfp")
    tasks = tasks_of(spec)
    assert {"DataGate", "Transform"} <= set(tasks["Tuner"]["dependentTasks"]) | set(
        tasks["Transform"]["dependentTasks"]
    )
    assert tasks["Trainer"]["inputs"]["artifacts"]["hyperparameters"]["taskOutputArtifact"] == {
        "producerTask": "Tuner",
        "outputArtifactKey": "best_hyperparameters",
    }
    for step, name in (("Tuner", "epochs"), ("Trainer", "epochs"), ("Trainer", "push_directory")):
        assert tasks[step]["inputs"]["parameters"][name] == {"componentInputParameter": name}
    assert "push_directory" not in tasks["Tuner"]["inputs"]["parameters"]


def test_training_waits_for_the_gate(tasks: dict[str, Any]) -> None:
    assert "DataGate" in tasks["Transform"]["dependentTasks"]
    assert "DataGate" in tasks["LinearBaseline"]["dependentTasks"]
    assert "Transform" in tasks["Trainer"]["dependentTasks"]


def test_runtime_parameters_reach_their_tasks(spec: dict[str, Any], tasks: dict[str, Any]) -> None:
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert {name: value.get("defaultValue") for name, value in parameters.items()} == {
        "catalogue": "minio://bucket/catalogue.csv",
        "span": -1,
        "epochs": 30,
        "push_directory": "minio://mlpipeline/v2/artifacts/shop/pushed",
        "publish_directory": "minio://mlpipeline/v2/artifacts/shop/runs",
    }
    assert spec["defaultPipelineRoot"] == "minio://mlpipeline/v2/artifacts"
    for step, names in {
        "Sources": ["catalogue", "span"],
        "Trainer": ["epochs"],
        "Evaluator": ["push_directory"],
        "Pusher": ["push_directory"],
    }.items():
        for name in names:
            assert tasks[step]["inputs"]["parameters"][name] == {"componentInputParameter": name}


def test_ingestion_is_cached_by_what_sources_found(tasks: dict[str, Any]) -> None:
    digest = tasks["ImageTextExampleGen"]["inputs"]["parameters"]["digest"]
    assert digest == {"taskOutputParameter": {"producerTask": "Sources", "outputParameterKey": "digest"}}
    never = {"Sources", "DataGate", "Report"}
    cached = {name for name, task in tasks.items() if task["cachingOptions"].get("enableCache")}
    assert cached == set(tasks) - never


def test_the_same_settings_give_the_same_bytes(folder: Path, spec_file: Path) -> None:
    again = folder / "again.yaml"
    compile_pipeline(settings_with(folder), str(again))
    assert again.read_bytes() == spec_file.read_bytes()


def test_a_curated_schema_travels_in_the_spec(folder: Path) -> None:
    (folder / "schema.pbtxt").write_text('feature { name: "label" type: BYTES }\n')
    output = folder / "curated.yaml"
    compile_pipeline(settings_with(folder, f"data.schema_file={folder / 'schema.pbtxt'}"), str(output))
    task = tasks_of(first_document(str(output)))["ImportSchemaGen"]
    given = {
        name: value["runtimeValue"]["constant"]
        for name, value in task["inputs"]["parameters"].items()
        if "runtimeValue" in value
    }
    assert given["schema_text"] == (folder / "schema.pbtxt").read_text()
    assert given["schema_file"] == "schema.pbtxt"
    assert str(folder) not in output.read_text()


def test_beams_runner_reaches_every_step(folder: Path) -> None:
    overrides = ["kubeflow.pipeline_root=gs://b/root", "kubeflow.catalogue=gs://b/c.csv"]
    flink = "beam={runner: flink, endpoint: 'jobs:8099', workers: 4}"
    containers = containers_of(build_spec(settings_with(folder, flink, *overrides), "kfp"))
    wanted = ["--runner=PortableRunner", "--job_endpoint=jobs:8099", "--parallelism=4", "--environment_type=EXTERNAL"]
    assert all(argument in containers["ImageTextExampleGen"]["args"] for argument in wanted)
    assert all(argument in containers["Evaluator"]["args"] for argument in wanted)
    assert containers["Evaluator"]["args"][:2] == ["--artifacts", "native"]


@pytest.mark.parametrize("scheme", ["s3", "minio"])
def test_where_tensorflow_does_not_reach_the_store_workers_do_ingestion(folder: Path, scheme: str) -> None:
    overrides = [f"kubeflow.pipeline_root={scheme}://b/root", f"kubeflow.catalogue={scheme}://b/c.csv"]
    spark = "beam={runner: spark, endpoint: 'jobs:8099'}"
    containers = containers_of(build_spec(settings_with(folder, spark, *overrides), "kfp"))
    used = {step: container["args"][1] for step, container in containers.items()}
    assert {step for step, artifacts in used.items() if artifacts == "remote"} == {"Sources", "ImageTextExampleGen"}
    assert set(used.values()) == {"remote", "mirrored"}
    told = [step for step, each in containers.items() if "--job_endpoint=jobs:8099" in each["args"]]
    assert told == ["ImageTextExampleGen"]
    assert not any(argument.startswith("--runner") for argument in containers["Evaluator"]["args"])


def test_vertex_gets_a_pipeline_job(folder: Path) -> None:
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    output = folder / "shop.json"
    compile_pipeline(settings_with(folder, *ON_GOOGLE), str(output), "vertex")
    vertex_job = json.loads(output.read_text())
    job = json_format.ParseDict(vertex_job, pipeline_spec_pb2.PipelineJob())
    assert job.runtime_config.gcs_output_directory == "gs://b/r"
    spec = vertex_job["pipelineSpec"]
    assert spec["schemaVersion"] == "2.1.0"
    assert containers_of(spec)["Trainer"]["args"][:2] == ["--artifacts", "native"]
    for container in containers_of(spec).values():
        assert container["args"][container["args"].index("--run-id") + 1] == "{{$.pipeline_job_name}}"


def test_another_ending_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(folder / "diptych.yaml"), "--output", "shop.json"]) == USAGE
    assert ".yaml" in capsys.readouterr().err
