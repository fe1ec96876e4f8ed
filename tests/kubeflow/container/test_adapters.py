"""What steps need around TFX's executors: it is brought, put in its place, and taken away."""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.spans import path_in_catalogue
from diptych.kubeflow.container.adapters import ADAPTERS
from diptych.kubeflow.container.staging import catalogue_in_place, staged_catalogue
from diptych.kubeflow.container.task import StepError, Task
from diptych.pipeline.options.kubeflow import STEPS
from tests.kubeflow.container.steps import RUN, executor_input, make_task, write_catalogue


def test_every_adapter_belongs_to_a_step() -> None:
    assert set(ADAPTERS) <= set(STEPS)


def test_training_is_told_where_the_last_blessed_model_lies(root: Path) -> None:
    given = executor_input(root)
    config = {"train_options": json.dumps({"epochs": 30}), "push_directory": "minio://compiled/elsewhere"}
    given["inputs"]["parameterValues"] |= {"custom_config": json.dumps(config), "push_directory": str(root / "pushed")}
    task = make_task(given)
    with ADAPTERS["Trainer"](task):
        pass
    assert json.loads(task.parameters["custom_config"].string_value)["push_directory"] == str(root / "pushed")
    assert "push_directory" not in task.parameters


def ingestion_task(root: Path, catalogue: str, **changes: Any) -> Task:
    """The task ImageTextExampleGen with the parameters that it gets from Sources and the compiler."""
    found = {"catalogue": catalogue, "span": 7, "version": 2, "digest": "d", **changes}
    examples = {"name": "examples", "uri": f"{RUN}/ImageTextExampleGen/s/examples"}
    given = {
        "inputs": {"parameterValues": {**found, "data_options": "{}"}},
        "outputs": {"artifacts": {"examples": {"artifacts": [examples]}}},
    }
    return make_task(given, "ImageTextExampleGen")


def staged_catalogue_of(task: Task) -> str:
    """The catalogue that the parameters name to the executor."""
    from diptych.components.example_gen.executor import data_options

    names = ("input_base", "input_config", "data_options")
    return data_options({name: task.parameters[name].string_value for name in names}).catalogue


@pytest.mark.parametrize("uri", ["minio://bucket/cat/", "minio://bucket/cat"])
def test_a_folder_is_brought_without_what_lies_beside_it(root: Path, copied_stores: Path, uri: str) -> None:
    write_catalogue(copied_stores / "minio/bucket/cat")
    write_catalogue(copied_stores / "minio/bucket/other")
    task = ingestion_task(root, uri)
    with ADAPTERS["ImageTextExampleGen"](task):
        folder = staged_catalogue_of(task)
        assert sorted(os.listdir(folder)) == ["a.png", "catalogue.csv"]
        assert task.to_uri(f"{folder}a.png") == "minio://bucket/cat/a.png"
    assert not os.path.exists(folder)


def test_a_pattern_brings_the_folder_before_it(root: Path, copied_stores: Path) -> None:
    for span in ("1", "2"):
        write_catalogue(copied_stores / f"minio/bucket/cat/{span}")
    task = ingestion_task(root, "minio://bucket/cat/*/*.csv")
    with ADAPTERS["ImageTextExampleGen"](task):
        pattern = staged_catalogue_of(task)
        assert pattern.endswith("/*/*.csv")
        assert len(glob.glob(pattern)) == 2
        assert task.to_uri(pattern) == "minio://bucket/cat/*/*.csv"


def test_a_web_servers_catalogue_is_read_where_it_is(root: Path) -> None:
    task = ingestion_task(root, "https://example.com/cat/catalogue.csv")
    with ADAPTERS["ImageTextExampleGen"](task):
        assert staged_catalogue_of(task) == "https://example.com/cat/catalogue.csv"


@pytest.mark.parametrize(("version", "known"), [(2, {"span": 7, "version": 2}), (-1, {"span": 7})])
def test_span_and_version_are_kept_with_the_examples(
    root: Path, stores: Path, version: int, known: dict[str, int]
) -> None:
    write_catalogue(stores / "minio/bucket")
    task = ingestion_task(root, "minio://bucket/catalogue.csv", version=version)
    with ADAPTERS["ImageTextExampleGen"](task):
        pass
    metadata = dict(task.executor_input.outputs.artifacts["examples"].artifacts[0].metadata)
    assert metadata == {"input_fingerprint": "d", **known}
    numbers = {name: task.parameters[name].number_value for name in ("span", "version") if name in task.parameters}
    assert numbers == known


def test_without_mirrors_no_catalogue_is_copied(root: Path) -> None:
    task = make_task(executor_input(root), artifacts="native")
    with staged_catalogue(task, "gs://bucket/photos/") as catalogue:
        assert catalogue == "gs://bucket/photos/"
    with (
        pytest.raises(StepError, match="gs:// or https:// only"),
        staged_catalogue(task, "minio://bucket/catalogue.csv"),
    ):
        pass


@pytest.mark.parametrize("uri", ["minio://bucket/cat/", "minio://bucket/cat"])
def test_in_place_the_names_of_files_are_those_in_a_copy(root: Path, stores: Path, uri: str) -> None:
    write_catalogue(stores / "minio/bucket/cat")
    task = make_task(executor_input(root))
    place = catalogue_in_place(task, uri)
    assert place == f"{stores}/minio/bucket/cat/"
    assert task.to_uri(f"{place}a.png") == "minio://bucket/cat/a.png"
    with staged_catalogue(task, uri) as copied:
        assert path_in_catalogue(f"{copied}a.png", copied) == path_in_catalogue(f"{place}a.png", place) == "a.png"


def test_workers_of_an_engine_read_the_catalogue_where_it_is(root: Path, copied_stores: Path) -> None:
    write_catalogue(copied_stores / "minio/bucket/cat")
    task = make_task(executor_input(root), artifacts="remote")
    with staged_catalogue(task, "minio://bucket/cat") as catalogue:
        assert catalogue == f"{copied_stores}/minio/bucket/cat/"


def test_a_catalogue_that_is_not_mounted_is_told_in_place_too(root: Path) -> None:
    task = make_task(executor_input(root))
    assert catalogue_in_place(task, "https://example.com/c.csv") == "https://example.com/c.csv"
    assert catalogue_in_place(task, f"{root}/c.csv") == f"{root}/c.csv"
    with pytest.raises(StepError, match="there is no '/absent' in the step's container"):
        catalogue_in_place(task, "/absent/c.csv")
