"""A step's task: paths for URIs and back, and parameters in their places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diptych.kubeflow.container.store import StoreError
from diptych.kubeflow.container.task import StepError
from tests.kubeflow.container.steps import RUN, executor_input, make_task


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
    assert task.run_id == "run-7"


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


def test_vertexs_run_is_found_in_its_output_file(root: Path) -> None:
    given = executor_input(root)
    given["outputs"]["outputFile"] = "gs://b/kept/4711/shop-2026/Trainer_-99/executor_output.json"
    assert make_task(given, artifacts="native").run_id == "shop-2026"


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
