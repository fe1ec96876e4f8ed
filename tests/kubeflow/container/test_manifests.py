"""A step leaves manifests in the store, and reads no input that is not as its step wrote it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.kubeflow.container import store
from diptych.kubeflow.container.manifests import check_inputs, store_manifests
from diptych.kubeflow.container.task import StepError, Task
from diptych.models.manifests import Manifest
from tests.kubeflow.container.steps import RUN, executor_input, make_task

URI = f"{RUN}/ImageTextExampleGen/s/examples"
FILE = "Split-train/data-00000-of-00001.tfrecord"


@pytest.fixture
def task(root: Path, stores: Path) -> Task:
    """A task whose input has come to its mirror, and whose executor has written a model."""
    file = root / URI.replace("minio://", "minio/") / FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"records")
    made = make_task(executor_input(root))
    made.map_artifacts()
    store.write_file(f"{URI}.manifest.json", Manifest.of_folder(str(file.parent.parent)).to_json().encode())
    model = Path(made.executor_input.outputs.artifacts["model"].artifacts[0].uri)
    (model / "saved_model.pb").write_bytes(b"graph")
    return made


def input_file(task: Task) -> Path:
    return Path(task.executor_input.inputs.artifacts["examples"].artifacts[0].uri, FILE)


def test_a_whole_input_is_read_without_a_word(task: Task, caplog: pytest.LogCaptureFixture) -> None:
    check_inputs(task)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b"rec"), "has 3 bytes, not 7"),
        (lambda path: path.write_bytes(b"rEcords"), "does not hold what its step wrote"),
    ],
    ids=["deleted", "truncated", "flipped"],
)
def test_a_damaged_input_names_file_step_and_remedy(task: Task, damage: Callable[[Path], None], said: str) -> None:
    damage(input_file(task))
    with pytest.raises(StepError) as raised:
        check_inputs(task)
    assert str(raised.value) == (
        f"input 'examples' of Trainer is damaged: '{URI}/{FILE}' {said}; "
        "run again without cache, and ImageTextExampleGen makes it anew"
    )


@pytest.mark.parametrize("content", [None, b"{"])
def test_an_input_without_a_manifest_is_read_and_that_is_logged(
    task: Task, stores: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = stores / f"{URI}.manifest.json".replace("minio://", "minio/")
    manifest.unlink()
    if content is not None:
        manifest.write_bytes(content)
    check_inputs(task)
    assert "input 'examples' is not checked: " in caplog.text


def test_the_manifest_of_an_output_lies_beside_it_in_the_store(task: Task, stores: Path) -> None:
    store_manifests(task)
    model = Path(task.executor_input.outputs.artifacts["model"].artifacts[0].uri)
    manifest = Manifest.from_json(store.read_file(f"{RUN}/Trainer/s/model.manifest.json"))
    assert list(manifest.files) == ["saved_model.pb"]
    assert manifest.find_damage(str(model)) == []
    assert sorted(path.name for path in model.iterdir()) == ["saved_model.pb"]


def test_a_store_that_takes_no_manifest_fails_no_step(
    task: Task, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(uri: str, content: bytes) -> None:
        raise store.StoreError(f"cannot write '{uri}'")

    monkeypatch.setattr(store, "write_file", refuse)
    with caplog.at_level(logging.WARNING):
        store_manifests(task)
    assert "no later step can check output 'model': cannot write" in caplog.text
