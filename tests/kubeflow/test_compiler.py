"""What ``diptych compile`` writes, against the rules of those who run it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from diptych.kubeflow.compiler import build_spec, compile_pipeline
from diptych.models.errors import OK, USAGE
from diptych.pipeline.cli.main import main
from diptych.pipeline.options.kubeflow import STEPS
from diptych.pipeline.settings import Settings, SettingsError, load_settings

CONFIG = """
name: shop
data: {catalogue: catalogue.csv}
kubeflow:
  catalogue: minio://bucket/catalogue.csv
  image: registry/diptych:1
  resources:
    default: {cpu: 1, memory_gb: 2}
    ImageTextExampleGen: {cpu: 4, memory_gb: 8, timeout_minutes: 90}
    Trainer: {cpu: 2, memory_gb: 16.5, gpu: 1, node_selector: {pool: gpu}, retries: 1}
"""


ON_GOOGLE = ("kubeflow.pipeline_root=gs://b/r", "kubeflow.catalogue=gs://b/c.csv", "kubeflow.resources={}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compile")
    (folder / "catalogue.csv").write_text("image,description,label\n")
    (folder / "diptych.yaml").write_text(CONFIG)
    return folder


def settings_with(folder: Path, *overrides: str) -> Settings:
    return load_settings(str(folder / "diptych.yaml"), overrides)


@pytest.fixture(scope="module")
def spec_file(folder: Path) -> Path:
    output = folder / "shop.yaml"
    assert main(["compile", str(folder / "diptych.yaml"), "--output", str(output)]) == OK
    return output


@pytest.fixture(scope="module")
def documents(spec_file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(spec_file.read_text()))


@pytest.fixture(scope="module")
def spec(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return documents[0]


@pytest.fixture(scope="module")
def tasks(spec: dict[str, Any]) -> dict[str, Any]:
    return dict(spec["components"]["pipeline"]["dag"]["tasks"])


@pytest.fixture(scope="module")
def vertex_job(folder: Path) -> dict[str, Any]:
    output = folder / "shop.json"
    overrides = ["kubeflow.pipeline_root=gs://b/root", "kubeflow.catalogue=gs://b/c.csv", "kubeflow.resources={}"]
    compile_pipeline(settings_with(folder, *overrides), str(output), "vertex")
    return dict(json.loads(output.read_text()))


def containers(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    executors = spec["deploymentSpec"]["executors"]
    return {label.removesuffix("_executor"): executor["container"] for label, executor in executors.items()}


# ---- the rules of KFP's backend (github.com/kubeflow/pipelines, August 2026) ---------------------


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
    assert all("lifecycle" not in container for container in containers(spec).values())


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
        for output in component.get("outputDefinitions", {}).get("artifacts", {}).values():
            schema = pipeline_spec_pb2.ArtifactTypeSchema(instance_schema=output["artifactType"]["instanceSchema"])
            assert import_utils.import_class_by_path(utils._retrieve_class_path(schema)).TYPE_NAME


def test_commands_are_never_taken_for_kfps_own_placeholders(spec: dict[str, Any]) -> None:
    """v2/driver/util.go: '{"IfPresent":' and {{$.inputs...}} are read by the driver; {{$}} by the launcher."""
    for container in containers(spec).values():
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
    known = {"secretAsEnv", "nodeSelector", "activeDeadlineSeconds"}
    assert all(set(config) <= known for config in executors.values())


# ---- what Diptych promises ------------------------------------------------------------------------


def test_the_steps_are_those_that_settings_name(tasks: dict[str, Any]) -> None:
    assert {*tasks, "Publish", "ImportSchemaGen", "Tuner"} == set(STEPS)


def test_a_search_and_the_last_blessed_model_reach_training(folder: Path) -> None:
    space = "tune={trials: 2, space: {train.learning_rate: [0.001, 0.01]}}"
    spec = build_spec(settings_with(folder, space, "train.warm_start=true"), "kfp")
    tasks = spec["components"]["pipeline"]["dag"]["tasks"]
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


def test_no_path_of_this_machine_is_in_it(spec_file: Path, folder: Path) -> None:
    assert str(folder) not in spec_file.read_text()


def test_a_catalogue_that_only_this_machine_has_must_be_named_with_each_run(folder: Path) -> None:
    output = folder / "asks.yaml"
    compile_pipeline(settings_with(folder, "kubeflow.catalogue=null"), str(output))
    spec = next(iter(yaml.safe_load_all(output.read_text())))
    assert "defaultValue" not in spec["root"]["inputDefinitions"]["parameters"]["catalogue"]


def compiled_options(settings: Settings, output: Path) -> dict[str, Any]:
    """The data options that Sources is given, after seeing that ingestion is given the same."""
    compile_pipeline(settings, str(output))
    spec = next(iter(yaml.safe_load_all(output.read_text())))
    given = {
        step: spec["components"]["pipeline"]["dag"]["tasks"][step]["inputs"]["parameters"]["data_options"]
        for step in ("Sources", "ImageTextExampleGen")
    }
    assert given["Sources"] == given["ImageTextExampleGen"]
    return dict(json.loads(given["Sources"]["runtimeValue"]["constant"]))


def test_data_options_reach_sources_and_ingestion(folder: Path) -> None:
    wanted = {
        "format": "tsv",
        "encoding": "cp1252",
        "labels": ["a", "b"],
        "duplicates": {"exact": "drop", "near": "together", "distance": 2},
        "shards": 3,
    }
    overrides = [f"data.{key}={json.dumps(value)}" for key, value in wanted.items()]
    options = compiled_options(settings_with(folder, *overrides), folder / "options.yaml")
    assert {key: options[key] for key in wanted} == wanted
    assert not options.keys() & {"catalogue", "schema_file"}


@pytest.mark.parametrize(
    ("catalogue", "images_root", "found"),
    [
        ("catalogue.csv", "images", "images"),
        ("catalogue.csv", ".", None),
        ("photos", "photos", "."),
        ("photos", "photos/raw", "raw"),
        ("photos", ".", "refused"),
        ("photos/*.csv", "photos/raw", "raw"),
        ("photos/{SPAN}.csv", "photos/raw", "raw"),
        ("photos/{SPAN}/c.csv", "photos/raw", "refused"),
        ("photos/{YYYY}-{MM}-{DD}/*.csv", "photos", "refused"),
        ("photos", "gs://b/images", "gs://b/images"),
    ],
)
def test_images_are_found_from_the_catalogues_folder(
    tmp_path: Path, catalogue: str, images_root: str, found: str | None
) -> None:
    (tmp_path / "photos/raw").mkdir(parents=True)
    (tmp_path / "images").mkdir()
    (tmp_path / "catalogue.csv").write_text("")
    (tmp_path / "diptych.yaml").write_text(f"data: {{catalogue: '{catalogue}', images_root: '{images_root}'}}\n")
    settings = load_settings(str(tmp_path / "diptych.yaml"))
    if found == "refused":
        with pytest.raises(SettingsError, match=r"^data.images_root: .* is not below the catalogue's folder"):
            compile_pipeline(settings, str(tmp_path / "refused.yaml"))
    else:
        assert compiled_options(settings, tmp_path / "spec.yaml")["images_root"] == found


@pytest.mark.parametrize(
    ("overrides", "processes"),
    [
        ((), 4),
        (("kubeflow.resources.ImageTextExampleGen.cpu=1.5",), 2),
        (("kubeflow.resources={}",), None),
        (("data.processes=3",), 3),
        (("beam.workers=4",), 1),
    ],
)
def test_as_many_processes_decode_as_the_container_has_cores(
    folder: Path, overrides: tuple[str, ...], processes: int | None
) -> None:
    output = folder / "processes.yaml"
    compile_pipeline(settings_with(folder, *overrides), str(output))
    spec = next(iter(yaml.safe_load_all(output.read_text())))
    given = spec["components"]["pipeline"]["dag"]["tasks"]["ImageTextExampleGen"]["inputs"]["parameters"]
    assert json.loads(given["data_options"]["runtimeValue"]["constant"])["processes"] == processes


@pytest.mark.parametrize("uri", ["s3://shop/photos/", "https://example.com/c.csv", "gs://shop/{SPAN:3}/c.csv"])
def test_a_catalogue_at_a_uri_is_the_clusters_too(folder: Path, uri: str) -> None:
    output = folder / "uri.yaml"
    compile_pipeline(settings_with(folder, "kubeflow.catalogue=null", f"data.catalogue={uri}"), str(output))
    spec = next(iter(yaml.safe_load_all(output.read_text())))
    assert spec["root"]["inputDefinitions"]["parameters"]["catalogue"]["defaultValue"] == uri


def test_resources_reach_every_container(spec: dict[str, Any]) -> None:
    found = {step: container["resources"] for step, container in containers(spec).items()}
    assert found["Trainer"] == {
        "cpuRequest": 2.0,
        "cpuLimit": 2.0,
        "memoryRequest": 16.5,
        "memoryLimit": 16.5,
        "accelerator": {"type": "nvidia.com/gpu", "count": "1"},
    }
    assert found["ImageTextExampleGen"]["cpuLimit"] == 4.0
    assert found["Sources"]["memoryLimit"] == 2.0


def test_retries_are_only_where_they_are_safe(spec: dict[str, Any], tasks: dict[str, Any]) -> None:
    retried = {
        name: task["retryPolicy"]["maxRetryCount"]
        for name, task in {**tasks, **spec["root"]["dag"]["tasks"]}.items()
        if "retryPolicy" in task
    }
    assert set(retried) == {*tasks, "Publish"} - {"DataGate", "Pusher"}
    assert retried.pop("Trainer") == 1
    assert set(retried.values()) == {2}


def test_the_same_settings_give_the_same_bytes(folder: Path, spec_file: Path) -> None:
    again = folder / "again.yaml"
    compile_pipeline(settings_with(folder), str(again))
    assert again.read_bytes() == spec_file.read_bytes()


def test_a_curated_schema_travels_in_the_spec(folder: Path) -> None:
    (folder / "schema.pbtxt").write_text('feature { name: "label" type: BYTES }\n')
    output = folder / "curated.yaml"
    compile_pipeline(settings_with(folder, f"data.schema_file={folder / 'schema.pbtxt'}"), str(output))
    spec = next(iter(yaml.safe_load_all(output.read_text())))
    task = spec["components"]["pipeline"]["dag"]["tasks"]["ImportSchemaGen"]
    given = {
        name: value["runtimeValue"]["constant"]
        for name, value in task["inputs"]["parameters"].items()
        if "runtimeValue" in value
    }
    assert given["schema_text"] == (folder / "schema.pbtxt").read_text()
    assert given["schema_file"] == "schema.pbtxt"
    assert str(folder) not in output.read_text()


def test_beams_runner_reaches_every_step(folder: Path) -> None:
    output = folder / "flink.yaml"
    overrides = ["kubeflow.pipeline_root=gs://b/root", "kubeflow.catalogue=gs://b/c.csv"]
    flink = "beam={runner: flink, endpoint: 'flink:8081', workers: 4}"
    compile_pipeline(settings_with(folder, flink, *overrides), str(output))
    spec = next(iter(yaml.safe_load_all(output.read_text())))
    wanted = ["--runner=FlinkRunner", "--flink_master=flink:8081", "--parallelism=4", "--environment_type=EXTERNAL"]
    assert all(argument in containers(spec)["ImageTextExampleGen"]["args"] for argument in wanted)
    assert all(argument in containers(spec)["Evaluator"]["args"] for argument in wanted)
    assert containers(spec)["Evaluator"]["args"][:2] == ["--artifacts", "native"]


def test_vertex_gets_a_pipeline_job(vertex_job: dict[str, Any]) -> None:
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    job = json_format.ParseDict(vertex_job, pipeline_spec_pb2.PipelineJob())
    assert job.runtime_config.gcs_output_directory == "gs://b/root"
    spec = vertex_job["pipelineSpec"]
    assert spec["schemaVersion"] == "2.1.0"
    assert containers(spec)["Trainer"]["args"][:2] == ["--artifacts", "native"]
    publish = spec["root"]["dag"]["tasks"]["Publish"]["inputs"]["parameters"]
    assert publish["run"] == {"runtimeValue": {"constant": "{{$.pipeline_job_name}}"}}


@pytest.mark.parametrize(
    ("target", "overrides", "key"),
    [
        ("vertex", [], "kubeflow.pipeline_root"),
        ("vertex", ["kubeflow.pipeline_root=gs://b/r"], "kubeflow.catalogue"),
        (
            "vertex",
            ["kubeflow.pipeline_root=gs://b/r", "kubeflow.catalogue=gs://b/c.csv"],
            "kubeflow.resources.ImageTextExampleGen.timeout_minutes",
        ),
        ("kfp", ["kubeflow.resources.Pusher.retries=1"], "kubeflow.resources.Pusher.retries"),
        ("kfp", ["data.images_root=/"], "data.images_root"),
        ("kfp", ["beam={runner: spark, endpoint: 'spark:8099'}"], "kubeflow.pipeline_root"),
        ("kfp", ["kubeflow.catalogue=null", "data.catalogue=abfs://c/c.csv"], "data.catalogue"),
        ("kfp", ["kubeflow.catalogue=ftp://c/c.csv"], "kubeflow.catalogue"),
        ("kfp", ["data.images_root=hdfs://c/images"], "data.images_root"),
        ("kfp", ["data.catalogue=gs://c/c.csv", "data.images_root=."], "data.images_root"),
        ("vertex", [*ON_GOOGLE, "data.images_root=s3://b/images"], "data.images_root"),
        ("vertex", [*ON_GOOGLE, "kubeflow.catalogue=null", "data.catalogue=s3://b/c.csv"], "data.catalogue"),
    ],
)
def test_what_cannot_hold_in_a_cluster_is_refused_by_its_key(
    folder: Path, target: Any, overrides: list[str], key: str
) -> None:
    output = folder / {"kfp": "refused.yaml", "vertex": "refused.json"}[target]
    with pytest.raises(SettingsError, match=f"^{re.escape(key)}: "):
        compile_pipeline(settings_with(folder, *overrides), str(output), target)
    assert not output.exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("kubeflow.resources.Trainr.cpu=1", ["kubeflow.resources", "did you mean 'Trainer'?"]),
        ("kubeflow.resources.Trainer.cpu=0", ["kubeflow.resources.Trainer.cpu", "greater than 0"]),
        ("kubeflow.pipeline_root=/tmp/x", ["kubeflow.pipeline_root", "minio://, s3:// or gs://"]),
        ("beam={runner: flink}", ["beam", "needs beam.endpoint"]),
        ("beam={runner: dataflow, project: p}", ["beam", "needs beam.region, beam.temp_location"]),
        ("beam={region: x}", ["beam", "runner 'direct' knows no beam.region"]),
    ],
)
def test_wrong_settings_name_the_key(folder: Path, override: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        settings_with(folder, override)
    assert all(word in str(error.value) for word in words)


def test_another_ending_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(folder / "diptych.yaml"), "--output", "shop.json"]) == USAGE
    assert ".yaml" in capsys.readouterr().err
