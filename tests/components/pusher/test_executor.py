"""Pusher pushes a model as a whole or not at all."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from diptych.components.version_store import list_versions
from tests.components.evaluator.model_cards import write_whole_model
from tests.kills import is_killed


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Model."""
    folder = tmp_path_factory.mktemp("trainer") / "model"
    write_whole_model(folder / "Format-Serving", value=2.0)
    return folder


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was pushed before."""
    return Path(write_whole_model(tmp_path_factory.mktemp("earlier") / "7", value=1.0))


def push(model: Path, directory: Path | str, blessed: bool = True, artifact: Path | None = None) -> Any:
    """Runs the executor; returns the PushedModel, which by default lies beside the directory."""
    from tfx.types import standard_artifacts

    from diptych.components.pusher.executor import PusherExecutor

    artifacts = {"model": standard_artifacts.Model(), "blessing": standard_artifacts.ModelBlessing()}
    artifacts["model"].uri = str(model)
    artifacts["blessing"].set_int_custom_property("blessed", int(blessed))
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(artifact or f"{directory}-artifact")
    PusherExecutor().Do(
        {"model": [artifacts["model"]], "model_blessing": [artifacts["blessing"]]},
        {"pushed_model": [pushed]},
        {"push_destination": json.dumps({"filesystem": {"base_directory": str(directory)}})},
    )
    return pushed


def same_files(first: Path, second: Path) -> bool:
    names = [sorted(os.path.relpath(path, root) for path in root.rglob("*")) for root in (first, second)]
    files = [name for name in names[0] if (first / name).is_file()]
    return names[0] == names[1] and filecmp.cmpfiles(first, second, files, shallow=False)[0] == files


def test_a_blessed_model_is_pushed_and_the_output_says_where(model: Path, tmp_path: Path) -> None:
    pushed = push(model, tmp_path / "pushed")
    (version,) = (tmp_path / "pushed").iterdir()
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(version)
    assert pushed.get_string_custom_property("pushed_version") == version.name
    assert same_files(model / "Format-Serving", version)
    assert same_files(model / "Format-Serving", Path(pushed.uri))


def pushed_version(model: Path, directory: Path) -> int:
    return int(push(model, directory).get_string_custom_property("pushed_version"))


def test_another_model_is_a_greater_version(model: Path, earlier: Path, tmp_path: Path) -> None:
    """The number is the time in seconds, and less time than that passes."""
    shutil.copytree(earlier, tmp_path / "other" / "Format-Serving")
    models = [model, tmp_path / "other", model]
    versions = [pushed_version(each, tmp_path / "pushed") for each in models]
    assert versions == sorted(set(versions))
    assert [
        same_files(each / "Format-Serving", tmp_path / "pushed" / str(version))
        for each, version in zip(models, versions, strict=True)
    ] == 3 * [True]


@pytest.mark.parametrize("store", ["local", "memory"])
def test_what_the_last_version_holds_is_not_pushed_again(store: str, model: Path, tmp_path: Path) -> None:
    """As after a run that was killed before it noted what it had pushed."""
    directory = str(tmp_path / "pushed") if store == "local" else f"memory://{tmp_path}/pushed"
    first, again = (push(model, directory, artifact=tmp_path / name) for name in ("first", "again"))
    assert again.get_int_custom_property("pushed") == 1
    for name in ("pushed_destination", "pushed_version"):
        assert again.get_string_custom_property(name) == first.get_string_custom_property(name)
    assert list_versions(directory) == [first.get_string_custom_property("pushed_destination")]
    assert same_files(model / "Format-Serving", tmp_path / "again")


def test_a_last_version_that_is_damaged_is_followed_by_a_whole_one(model: Path, tmp_path: Path) -> None:
    first = pushed_version(model, tmp_path / "pushed")
    (tmp_path / "pushed" / str(first) / "saved_model.pb").write_bytes(b"")
    second = pushed_version(model, tmp_path / "pushed")
    assert second > first
    assert same_files(model / "Format-Serving", tmp_path / "pushed" / str(second))


def test_a_model_that_is_not_blessed_is_not_pushed(model: Path, tmp_path: Path) -> None:
    assert push(model, tmp_path / "pushed", blessed=False).get_int_custom_property("pushed") == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.promise("A push that is killed at any moment leaves the model of before or the further one, never a part")
def test_a_push_that_is_killed_leaves_a_whole_model_for_every_reader(
    model: Path, earlier: Path, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    push(model, tmp_path / "imports")
    for number in count(1):
        directory = tmp_path / str(number) / "pushed"
        shutil.copytree(earlier, directory / "7")
        killed = is_killed(lambda at=directory: push(model, at), number)
        check_readers(directory, model / "Format-Serving", earlier)
        if not killed:
            break
    assert len(list(directory.iterdir())) == 2
    # To write and to sync each file, at least.
    assert number > 2 * sum(path.is_file() for path in model.rglob("*"))
    record_property("figure", f"killed at each of {number - 1} operations on files: 4 readers found a whole model")


def check_readers(directory: Path, model: Path, earlier: Path) -> None:
    """Evaluator, ``diptych predict``, a step on Kubeflow and TensorFlow Serving find whole models."""
    from diptych.components.evaluator.executor import BLESSED, find_models
    from diptych.kubeflow.container.versions import MODELS, bring_newest
    from diptych.pipeline.predict.pushed_model import find_pushed_model

    versions = sorted((path for path in directory.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))
    assert [same_files(path, model if path.name != "7" else earlier) for path in versions] in ([True], [True, True])
    newest = str(versions[-1])
    found, notes = find_models(str(model), str(directory))
    assert (found[BLESSED].folder, notes) == (newest, [])
    assert find_pushed_model(str(directory.parent)) == newest
    brought = directory.parent / "brought"
    assert bring_newest(str(directory), MODELS, str(brought)) == versions[-1].name
    assert same_files(brought / versions[-1].name, versions[-1])
