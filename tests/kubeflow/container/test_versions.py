"""Versions in the push directory: the newest is brought, another one is added, and no attempt adds it twice."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from diptych.components.artifacts import PROFILES_FILE, STATISTICS_FILE
from diptych.components.catalogue import remote
from diptych.kubeflow.container import store, versions
from diptych.kubeflow.container.adapters import ADAPTERS
from diptych.kubeflow.container.task import Task
from tests.components.data_gate.rows import make_statistics, write_accepted
from tests.components.evaluator.model_cards import write_whole_model
from tests.kubeflow.container.steps import RUN, executor_input, make_task

PUSHED = "minio://bucket/pushed"
MODEL_FILE = "saved_model.pb"


def push_task(root: Path, step: str, push_directory: str = PUSHED, run_folder: bool = True, **parameters: Any) -> Task:
    """A task that gets the push directory as a parameter, and writes an output ``evaluation`` or ``pushed_model``."""
    given = executor_input(root, step)
    (root / "minio/bucket/kept/shop/run-7/ImageTextExampleGen/s/examples").mkdir(parents=True, exist_ok=True)
    published = {"publish_directory": "minio://bucket/runs"} if run_folder else {}
    destination = json.dumps({"filesystem": {"base_directory": "minio://compiled/elsewhere"}})
    parameters = {"push_destination": destination, **parameters} if step == "Pusher" else parameters
    given["inputs"]["parameterValues"] = {"push_directory": push_directory, **published, **parameters}
    output = given["outputs"]["artifacts"].pop("model")
    given["outputs"]["artifacts"]["pushed_model" if step == "Pusher" else "evaluation"] = output
    task = make_task(given, step)
    task.map_artifacts()
    return task


def write_model(folder: Path, text: str = "model") -> None:
    (folder / "variables").mkdir(parents=True)
    (folder / "variables/index").write_text(text)
    (folder / MODEL_FILE).write_text(text)


def write_statistics(folder: Path, text: str) -> None:
    write_accepted(folder, {}, make_statistics(text))


@contextmanager
def gate(task: Task) -> Iterator[Path]:
    """The folder of accepted statistics as the executor of DataGate finds it."""
    with ADAPTERS["DataGate"](task):
        yield Path(task.parameters["push_directory"].string_value) / "accepted"


def push(task: Task, version: str, text: str = "model") -> dict[str, Any]:
    """Does what TFX's Pusher does, and returns what the ExecutorOutput says of the pushed model."""
    with ADAPTERS["Pusher"](task):
        destination = json.loads(task.parameters["push_destination"].string_value)["filesystem"]["base_directory"]
        assert os.listdir(destination) == []
        write_model(Path(destination) / version, text)
        metadata = {"pushed": 1, "pushed_destination": f"{destination}/{version}", "pushed_version": version}
        task.write_output({"artifacts": {"pushed_model": {"artifacts": [{"metadata": metadata}]}}})
    pushed: dict[str, Any] = task.restore_output_uris()["artifacts"]["pushed_model"]["artifacts"][0]["metadata"]
    return pushed


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_the_gate_gets_the_last_accepted_data_and_leaves_the_next(root: Path, stores: Path) -> None:
    accepted = stores / "minio/bucket/pushed/accepted"
    write_statistics(accepted / "9", "older")
    write_statistics(accepted / "10", "newer")
    task = push_task(root, "DataGate")
    with gate(task) as folder:
        assert names(folder) == ["10"]
        write_statistics(folder / "11", "newest")
    assert task.to_uri(f"{folder}/11") == f"{PUSHED}/accepted/11"
    assert sorted(names(accepted)) == ["10", "11", "9"]
    assert (accepted / "11" / STATISTICS_FILE).read_bytes() == make_statistics("newest")


def test_a_step_that_fails_leaves_nothing(root: Path, stores: Path) -> None:
    with pytest.raises(RuntimeError, match="the gate stops"), gate(push_task(root, "DataGate")) as folder:
        write_statistics(folder / "1", "bad")
        raise RuntimeError("the gate stops")
    assert not folder.exists()
    assert not (stores / "minio/bucket/pushed").exists()


def test_what_was_stored_in_part_is_passed_over_and_named(
    root: Path, stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted = stores / "minio/bucket/pushed/accepted"
    write_statistics(accepted / "9", "whole")
    (accepted / "10").mkdir()
    (accepted / "10" / PROFILES_FILE).write_text("the other file is missing")
    write_statistics(accepted / "11", "its profiles are cut")
    (accepted / "11" / PROFILES_FILE).write_text('{"train": {"rows"')
    with gate(push_task(root, "DataGate")) as folder:
        assert names(folder) == ["9"]
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"diptych: in {PUSHED}/accepted, '11' is passed over, because it is not whole: ")
    assert f"'{PROFILES_FILE}' is damaged" in first
    assert f"'10' is passed over, because it is not whole: '{STATISTICS_FILE}' is missing" in second


def test_a_repeated_gate_compares_with_the_same_data_and_adds_nothing(root: Path, stores: Path) -> None:
    """The pod of the first attempt was lost after it had stored what it accepted."""
    accepted = stores / "minio/bucket/pushed/accepted"
    write_statistics(accepted / "9", "of the last run")
    for version in ("11", "12"):
        with gate(push_task(root, "DataGate")) as folder:
            assert names(folder) == ["9"]
            write_statistics(folder / version, "of this run")
    assert names(accepted) == ["11", "9"]


def test_a_stop_stays_a_stop(root: Path, stores: Path) -> None:
    """What another run has accepted meanwhile does not change what these data are compared with."""
    accepted = stores / "minio/bucket/pushed/accepted"
    write_statistics(accepted / "9", "of the last run")
    for _ in range(2):
        with pytest.raises(RuntimeError), gate(push_task(root, "DataGate")) as folder:
            assert names(folder) == ["9"]
            raise RuntimeError("the gate stops")
        if not (accepted / "10").exists():
            write_statistics(accepted / "10", "of another run")
    assert names(accepted) == ["10", "9"]


def test_the_evaluator_gets_the_newest_whole_model_and_names_it_by_its_uri(root: Path, stores: Path) -> None:
    write_whole_model(stores / "minio/bucket/pushed/7")
    write_model(stores / "minio/bucket/pushed/8", "no graph")
    task = push_task(root, "Evaluator")
    evaluation = Path(task.executor_input.outputs.artifacts["evaluation"].artifacts[0].uri)
    with ADAPTERS["Evaluator"](task):
        scratch = Path(task.parameters["push_directory"].string_value)
        assert names(scratch) == ["7"]
        (evaluation / "decision.json").write_text(json.dumps({"reasons": [f"better than {scratch}/7"]}))
    decision = json.loads((evaluation / "decision.json").read_text())
    assert decision == {"reasons": [f"better than {PUSHED}/7"]}


def test_a_pushed_model_is_stored(root: Path, stores: Path) -> None:
    write_model(stores / "minio/bucket/pushed/7")
    task = push_task(root, "Pusher")
    pushed = push(task, "8", "next model")
    assert pushed == {"pushed": 1, "pushed_destination": f"{PUSHED}/8", "pushed_version": "8"}
    assert (stores / "minio/bucket/pushed/8/variables/index").read_text() == "next model"
    assert "push_directory" not in task.parameters


def test_a_second_attempt_reports_the_version_of_the_first(
    root: Path, stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = push(push_task(root, "Pusher"), "8")
    assert push(push_task(root, "Pusher"), "9") == first
    assert names(stores / "minio/bucket/pushed") == ["8"]
    assert "was stored by an earlier attempt" in capsys.readouterr().err


def test_a_second_attempt_completes_what_the_first_one_began(
    root: Path, stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(versions.store, "upload_folder", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            push(push_task(root, "Pusher"), "8")
    assert push(push_task(root, "Pusher"), "9")["pushed_version"] == "8"
    assert names(stores / "minio/bucket/pushed/8") == [MODEL_FILE, "variables"]


def test_another_model_or_another_run_is_another_version(root: Path, stores: Path) -> None:
    push(push_task(root, "Pusher"), "8")
    given = push_task(root, "Pusher")
    given.run_folder = "minio://bucket/runs/run-8"
    assert push(given, "9")["pushed_version"] == "9"
    other = push_task(root, "Pusher")
    other.map_path(other.executor_input.inputs.artifacts["examples"].artifacts[0].uri, f"{RUN}/Trainer/t/model")
    assert push(other, "10")["pushed_version"] == "10"
    assert names(stores / "minio/bucket/pushed") == ["10", "8", "9"]


def test_a_new_version_is_the_newest_whatever_the_clock_says(root: Path, stores: Path) -> None:
    write_model(stores / "minio/bucket/pushed/100")
    assert push(push_task(root, "Pusher"), "8")["pushed_version"] == "101"


def test_without_a_publish_directory_nothing_is_remembered(root: Path, stores: Path) -> None:
    push(push_task(root, "Pusher", run_folder=False), "8")
    assert push(push_task(root, "Pusher", run_folder=False), "9")["pushed_version"] == "9"


def test_a_model_that_is_not_blessed_is_not_stored(root: Path, stores: Path) -> None:
    task = push_task(root, "Pusher")
    with ADAPTERS["Pusher"](task):
        pass
    assert not (stores / "minio/bucket/pushed").exists()


def test_a_directory_that_tensorflow_reaches_gets_models_too(root: Path, stores: Path) -> None:
    directory = root / "mounted"
    assert push(push_task(root, "Pusher", str(directory)), "8")["pushed_destination"] == f"{directory}/8"
    assert names(directory) == ["8"]


def test_the_file_that_makes_a_model_is_stored_last(root: Path, stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that watches the folder takes it for a model as soon as the file is there."""
    stored: list[str] = []
    write_stream = store.transfer.write_stream

    def watched(uri: str) -> Any:
        stored.append(uri)
        return write_stream(uri)

    monkeypatch.setattr(store, "transfer", SimpleNamespace(**vars(store.transfer)))
    monkeypatch.setattr("diptych.components.catalogue.transfer.write_stream", watched)
    push(push_task(root, "Pusher"), "8")
    names = [os.path.basename(uri) for uri in stored if "/pushed/" in uri]
    assert names[-2:] == ["index", MODEL_FILE]


class Killed(BaseException):
    """A step was killed."""


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of a push directory in a store that cannot rename, which steps take for another ``minio://``."""
    import fsspec

    monkeypatch.setitem(store.MIRROR_FOLDERS, "memory", "memory")
    yield "memory://bucket/pushed"
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def put_until(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a store take no file any more from that of a number on, as from a step that was killed."""
    numbers, put = count(1), remote.Store.put

    def counted(self: remote.Store, local: str, uri: str) -> None:
        if next(numbers) >= number:
            raise Killed
        put(self, local, uri)

    monkeypatch.setattr(remote.Store, "put", counted)


@pytest.mark.promise(
    "A step on Kubeflow that is killed while it pushes leaves no part of a model that is taken for one"
)
def test_a_step_that_is_killed_leaves_a_whole_version_for_every_reader(
    root: Path, memory: str, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    write_whole_model(tmp_path / "model")
    for number in count(1):
        directory = f"{memory}/{number}"
        store.upload_folder(str(tmp_path / "model"), f"{directory}/7", last=MODEL_FILE)
        task = push_task(root, "Pusher", directory, run_folder=False)
        with pytest.MonkeyPatch.context() as patched, suppress(Killed):
            put_until(number, patched)
            with ADAPTERS["Pusher"](task):
                place = json.loads(task.parameters["push_destination"].string_value)["filesystem"]["base_directory"]
                shutil.copytree(tmp_path / "model", f"{place}/8")
                metadata = {"pushed_destination": f"{place}/8"}
                task.write_output({"artifacts": {"pushed_model": {"artifacts": [{"metadata": metadata}]}}})
        newest = versions.bring_newest(directory, versions.MODELS, str(tmp_path / str(number)))
        assert newest in ("7", "8")
        assert files_in(tmp_path / str(number) / newest) == files_in(tmp_path / "model")
        if newest == "8":
            break
        # What is there of a further version is no model to TensorFlow Serving.
        assert not store.is_file(f"{directory}/8/{MODEL_FILE}")
    # To claim the number, and to store each file.
    assert number == 1 + 1 + len(files_in(tmp_path / "model"))
    record_property("figure", f"killed at each of {number - 1} files that it stores: a whole model was found")


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
