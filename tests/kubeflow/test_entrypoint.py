"""A step's container: paths for URIs and back, parameters in their places, errors that help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubeflow import entrypoint, store
from kubeflow.entrypoint import ROOT_VARIABLE, StepError, Task, main
from kubeflow.store import StoreError

RUN = "minio://bucket/kept/shop/run-7"
EXAMPLES = "title: tfx.Examples\ntype: object\n"


def executor_input(root: Path, step: str = "Trainer", **changes: Any) -> dict[str, Any]:
    """As KFP's driver makes it for a step with one input, one output and a few parameters."""
    artifact = {"name": "12", "uri": f"{RUN}/ImageTextExampleGen/s/examples", "type": {"instanceSchema": EXAMPLES}}
    output = {"name": "model", "uri": f"{RUN}/{step}/s/model", "type": {"instanceSchema": "title: tfx.Model\n"}}
    return {
        "inputs": {"artifacts": {"examples": {"artifacts": [artifact]}}, "parameterValues": {"epochs": 3}},
        "outputs": {
            "artifacts": {"model": {"artifacts": [output]}},
            "outputFile": str(root / f"minio/bucket/kept/shop/run-7/{step}/s/output_metadata.json"),
        },
        **changes,
    }


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    monkeypatch.delenv(store.STORES_VARIABLE, raising=False)
    return tmp_path


def task_of(given: dict[str, Any], step: str = "Trainer", artifacts: str = "mirrored") -> Task:
    return Task(artifacts, step, json.dumps(given))


def test_artifacts_get_the_paths_of_their_mirrors(root: Path) -> None:
    mirrored = root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples"
    mirrored.mkdir(parents=True)
    task = task_of(executor_input(root))
    task.map_artifacts()
    assert task.input.inputs.artifacts["examples"].artifacts[0].uri == str(mirrored)
    model = task.input.outputs.artifacts["model"].artifacts[0].uri
    assert model == str(root / "minio/bucket/kept/shop/run-7/Trainer/s/model")
    assert Path(model).is_dir()
    assert task.original(f"see {model}/x") == f"see {RUN}/Trainer/s/model/x"
    assert task.run == "run-7"


def test_a_missing_input_is_named(root: Path) -> None:
    with pytest.raises(StepError, match=rf"input 'examples' \({RUN}/ImageTextExampleGen/s/examples\) is not at"):
        task_of(executor_input(root)).map_artifacts()


def test_what_an_earlier_attempt_left_is_removed(root: Path) -> None:
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True)
    stale = root / "minio/bucket/kept/shop/run-7/Trainer/s/model/stale"
    stale.mkdir(parents=True)
    task_of(executor_input(root)).map_artifacts()
    assert not stale.exists()


def test_an_output_that_cannot_be_written_is_named(root: Path) -> None:
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True)
    # A file where a folder is needed refuses everyone, root too.
    (root / "minio/bucket/kept/shop/run-7/Trainer").write_text("")
    with pytest.raises(StepError, match=rf"output 'model' \({RUN}/Trainer/s/model\) cannot be written"):
        task_of(executor_input(root)).map_artifacts()


def test_an_unknown_scheme_is_refused(root: Path) -> None:
    given = executor_input(root)
    given["outputs"]["artifacts"]["model"]["artifacts"][0]["uri"] = "oci://registry/model"
    given["inputs"]["artifacts"] = {}
    with pytest.raises(StoreError, match="unknown scheme 'oci://'"):
        task_of(given).map_artifacts()


def test_without_mirrors_gs_stays_and_nothing_else_is_taken(root: Path) -> None:
    task = task_of(executor_input(root), artifacts="native")
    assert task.is_native("gs://bucket/x")
    assert not task.is_native("minio://bucket/x")
    with pytest.raises(StepError, match="without mirrors, artifacts are at gs:// only"):
        task.map_artifacts()


def test_vertexs_run_is_found_in_its_output_file(root: Path) -> None:
    given = executor_input(root)
    given["outputs"]["outputFile"] = "gs://b/kept/4711/shop-2026/Trainer_-99/executor_output.json"
    assert task_of(given, artifacts="native").run == "shop-2026"


def test_runtime_parameters_go_to_their_places(root: Path) -> None:
    options = json.dumps({"epochs": 30, "seed": 1})
    given = executor_input(root)
    given["inputs"]["parameterValues"]["custom_config"] = json.dumps({"train_options": options, "code": "x"})
    task = task_of(given)
    entrypoint._set_json(task, ["custom_config", "train_options", "epochs"], int(task.take("epochs")))
    config = json.loads(task.parameters["custom_config"].string_value)
    assert json.loads(config["train_options"]) == {"epochs": 3, "seed": 1}
    assert "epochs" not in task.parameters
    with pytest.raises(StepError, match="compile the pipeline again"):
        entrypoint._set_json(task, ["custom_config", "absent", "epochs"], 1)


def test_the_output_has_uris_again(root: Path) -> None:
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True)
    task = task_of(executor_input(root))
    task.map_artifacts()
    path = task.input.outputs.artifacts["model"].artifacts[0].uri
    artifact = {"uri": path, "metadata": {"pushed_destination": f"{path}/1", "n": 2}}
    task.write_output({"artifacts": {"model": {"artifacts": [artifact]}}})
    restored = task.restore_output()["artifacts"]["model"]["artifacts"][0]
    assert restored == {
        "uri": f"{RUN}/Trainer/s/model",
        "metadata": {"pushed_destination": f"{RUN}/Trainer/s/model/1", "n": 2},
    }


def test_a_curated_schema_reaches_tfxs_executor(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way of a step: paths, TFX's own executor, URIs again, and the note for the summary."""
    monkeypatch.setenv(store.STORES_VARIABLE, str(root / "stores"))
    text = 'feature { name: "label" type: BYTES }\n'
    uri = f"{RUN}/ImportSchemaGen/s/schema"
    output_file = root / "minio/bucket/kept/shop/run-7/ImportSchemaGen/s/output_metadata.json"
    output_file.parent.mkdir(parents=True)
    output_file.write_text('{"parameterValues": {"schema_file": "of an attempt before"}}')
    schema = {"name": "schema", "uri": uri, "type": {"instanceSchema": "title: tfx.Schema\n"}}
    parameters = {"schema_file": "schema.pbtxt", "schema_text": text, "publish_directory": "minio://bucket/runs"}
    given = {
        "inputs": {"parameterValues": parameters},
        "outputs": {"artifacts": {"schema": {"artifacts": [schema]}}, "outputFile": str(output_file)},
    }
    executor = "tfx.components.schema_gen.import_schema_gen.executor.Executor"
    types = {"parameters": {"schema_file": {"parameterType": "STRING"}}}
    step = ["step", "--artifacts=mirrored", "--step=ImportSchemaGen", "--executor_class_path", executor]
    inputs = ["--json_serialized_invocation_args", json.dumps(given)]
    assert main([*step, *inputs, "--json_serialized_inputs_spec_args", json.dumps(types)]) == 0
    assert (root / "minio/bucket/kept/shop/run-7/ImportSchemaGen/s/schema/schema.pbtxt").read_text() == text
    assert json.loads(output_file.read_text())["artifacts"]["schema"]["artifacts"][0]["uri"] == uri
    note = json.loads((root / "stores/minio/bucket/runs/run-7/steps/ImportSchemaGen.json").read_text())
    assert note["artifacts"] == {"schema": uri}
    assert note["failure"] is None


def test_sources_digests_every_image(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.STORES_VARIABLE, str(root / "stores"))
    folder = root / "stores/minio/bucket/cat/7"
    folder.mkdir(parents=True)
    (folder / "catalogue.csv").write_text("image,description,label\na.png,text,x\n")
    (folder / "a.png").write_bytes(b"one")
    given = {
        "inputs": {
            "parameterValues": {
                "catalogue": "minio://bucket/cat/{SPAN}/catalogue.csv",
                "span": -1,
                "data_options": "{}",
            }
        },
        "outputs": {"outputFile": str(root / "minio/bucket/kept/shop/run-7/Sources/s/output_metadata.json")},
    }

    def sources() -> dict[str, Any]:
        arguments = ["sources", "--artifacts=mirrored", "--step=Sources", "--json_serialized_invocation_args"]
        assert main([*arguments, json.dumps(given)]) == 0
        return dict(json.loads(Path(given["outputs"]["outputFile"]).read_text())["parameterValues"])

    first = sources()
    assert (first["catalogue"], first["span"]) == ("minio://bucket/cat/7/catalogue.csv", 7)
    assert sources() == first
    (folder / "a.png").write_bytes(b"two")
    assert sources()["digest"] != first["digest"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("no json", "is no ExecutorInput"),
        (
            json.dumps({"inputs": {"parameterValues": {"catalogue": "ftp://x/y.csv", "data_options": "{}"}}}),
            "unknown scheme 'ftp://'",
        ),
        (
            json.dumps({"inputs": {"parameterValues": {"catalogue": "/absent/y.csv", "data_options": "{}"}}}),
            "there is no file '/absent/y.csv'",
        ),
    ],
)
def test_errors_are_one_line_and_an_exit_code(given: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sources", "--artifacts=mirrored", "--step=Sources", "--json_serialized_invocation_args", given]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("diptych: Sources failed: ")
    assert message in error
    assert "Traceback" not in error
