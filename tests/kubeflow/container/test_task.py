"""A step's task: paths for URIs and back, and parameters in their places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.kubeflow.container.store import StoreError
from diptych.kubeflow.container.task import StepError, Task
from tests.conformance.recordings import FIRST_RUN, recorded_spec, recordings
from tests.kubeflow.container.steps import EXAMPLES, RUN, executor_input, make_task


def test_artifacts_get_the_paths_of_their_mirrors(root: Path) -> None:
    mirrored = root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples"
    mirrored.mkdir(parents=True)
    task = make_task(executor_input(root))
    task.map_artifacts()
    assert task.executor_input.inputs.artifacts["examples"].artifacts[0].uri == str(mirrored)
    model = task.executor_input.outputs.artifacts["model"].artifacts[0].uri
    assert model == str(root / "minio/bucket/kept/shop/run-7/Trainer/s/model")
    assert Path(model).is_dir()
    assert task.to_uri(f"see {model}/x") == f"see {RUN}/Trainer/s/model/x"


def test_outputs_that_are_not_the_steps_own_are_left_alone(root: Path) -> None:
    """Every recorded step has the file executor-logs among its outputs, which the launcher writes."""
    for recording in recordings():
        for step, given in recording.executor_inputs[FIRST_RUN].items():
            logs = given["outputs"]["artifacts"]["executor-logs"]["artifacts"][0]["uri"]
            own = set(given["outputs"]["artifacts"]) - {"executor-logs"}
            task = Task("mirrored", step, "run-7", json.dumps(given), own)
            task.executor_input.inputs.artifacts.clear()
            file = root / logs.replace("://", "/")
            file.parent.mkdir(parents=True)
            file.write_text("log")
            task.map_artifacts()
            assert set(task.executor_input.outputs.artifacts) == own
            assert file.read_text() == "log"
            assert task.log == logs


def test_inputs_get_their_types_from_the_components_definition() -> None:
    """KFP's driver hands them on as ``{"instanceSchema": ""}``."""
    inputs = recorded_spec()[0]["components"]["Report"]["inputDefinitions"]
    for recording in recordings():
        given = recording.step("Report")
        task = Task("mirrored", "Report", "run-7", json.dumps(given))
        task.fill_input_types(json.dumps(inputs))
        types = {
            name: lists.artifacts[0].type.instance_schema
            for name, lists in task.executor_input.inputs.artifacts.items()
        }
        assert types == {name: each["artifactType"]["instanceSchema"] for name, each in inputs["artifacts"].items()}


def test_a_type_that_is_there_stays(root: Path) -> None:
    task = make_task(executor_input(root))
    other = {"artifacts": {"examples": {"artifactType": {"instanceSchema": "title: tfx.Model\n"}}}}
    task.fill_input_types(json.dumps(other))
    assert task.executor_input.inputs.artifacts["examples"].artifacts[0].type.instance_schema == EXAMPLES


@pytest.mark.parametrize("given", ["", "[", "3", '{"inputs": 1}', "[" * 100_000])
def test_arguments_that_are_no_messages_of_kfp_are_named(root: Path, given: str) -> None:
    with pytest.raises(StepError, match="--json_serialized_invocation_args is no ExecutorInput: "):
        Task("mirrored", "Trainer", "run-7", given)
    with pytest.raises(StepError, match="--json_serialized_inputs_spec_args is no ComponentInputsSpec: "):
        make_task(executor_input(root)).fill_input_types(given.replace("inputs", "artifacts"))


def test_a_missing_input_is_named(root: Path) -> None:
    with pytest.raises(StepError, match=rf"input 'examples' \({RUN}/ImageTextExampleGen/s/examples\) is not at"):
        make_task(executor_input(root)).map_artifacts()


def test_what_an_earlier_attempt_left_is_removed(root: Path) -> None:
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True)
    stale = root / "minio/bucket/kept/shop/run-7/Trainer/s/model/stale"
    stale.mkdir(parents=True)
    make_task(executor_input(root)).map_artifacts()
    assert not stale.exists()


def test_an_output_that_cannot_be_written_is_named(root: Path) -> None:
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True)
    # A file where a folder is needed refuses everyone, root too.
    (root / "minio/bucket/kept/shop/run-7/Trainer").write_text("")
    with pytest.raises(StepError, match=rf"output 'model' \({RUN}/Trainer/s/model\) cannot be written"):
        make_task(executor_input(root)).map_artifacts()


def test_an_unknown_scheme_is_refused(root: Path) -> None:
    given = executor_input(root)
    given["outputs"]["artifacts"]["model"]["artifacts"][0]["uri"] = "oci://registry/model"
    given["inputs"]["artifacts"] = {}
    with pytest.raises(StoreError, match="unknown scheme 'oci://'"):
        make_task(given).map_artifacts()


def test_without_mirrors_gs_stays_and_nothing_else_is_taken(root: Path) -> None:
    task = make_task(executor_input(root), artifacts="native")
    assert task.is_native("gs://bucket/x")
    assert not task.is_native("minio://bucket/x")
    with pytest.raises(StepError, match="without mirrors, artifacts are at gs:// only"):
        task.map_artifacts()


def test_what_is_used_in_its_store_is_emptied_there(root: Path, stores: Path) -> None:
    folder = stores / "minio/bucket/kept/shop/run-7"
    (folder / "ImageTextExampleGen/s/examples").mkdir(parents=True)
    (folder / "ImageTextExampleGen/s/examples/file").touch()
    (folder / "Trainer/s/model/stale").mkdir(parents=True)
    task = make_task(executor_input(root), artifacts="remote")
    task.map_artifacts()
    path = task.executor_input.outputs.artifacts["model"].artifacts[0].uri
    assert path == str(folder / "Trainer/s/model")
    assert not (folder / "Trainer/s/model").exists()
    assert task.to_uri(path) == f"{RUN}/Trainer/s/model"
    assert not (root / "minio").exists()
    assert not task.is_native("gs://bucket/x")


def test_runtime_parameters_go_to_their_places(root: Path) -> None:
    options = json.dumps({"epochs": 30, "seed": 1})
    given = executor_input(root)
    given["inputs"]["parameterValues"]["custom_config"] = json.dumps({"train_options": options, "code": "x"})
    task = make_task(given)
    task.set_json_parameter(["custom_config", "train_options", "epochs"], int(task.pop_parameter("epochs")))
    config = json.loads(task.parameters["custom_config"].string_value)
    assert json.loads(config["train_options"]) == {"epochs": 3, "seed": 1}
    assert "epochs" not in task.parameters
    with pytest.raises(StepError, match="compile the pipeline again"):
        task.set_json_parameter(["custom_config", "absent", "epochs"], 1)


def test_the_output_has_uris_again(root: Path) -> None:
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True)
    task = make_task(executor_input(root))
    task.map_artifacts()
    path = task.executor_input.outputs.artifacts["model"].artifacts[0].uri
    artifact = {"uri": path, "metadata": {"pushed_destination": f"{path}/1", "n": 2}}
    task.write_output({"artifacts": {"model": {"artifacts": [artifact]}}})
    restored = task.restore_output_uris()["artifacts"]["model"]["artifacts"][0]
    assert restored == {
        "uri": f"{RUN}/Trainer/s/model",
        "metadata": {"pushed_destination": f"{RUN}/Trainer/s/model/1", "n": 2},
    }


def test_a_parameter_is_given_as_json(root: Path) -> None:
    given = executor_input(root)
    values = {"text": "a", "number": 3, "list": [{"rows": 4}, {"rows": 5}], "object": {"rows": 4, "source": "c.csv"}}
    given["inputs"]["parameterValues"] = values
    task = make_task(given)
    assert {name: task.pop_parameter(name) for name in values} == values
    assert task.pop_parameter("text") is None
