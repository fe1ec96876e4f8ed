"""The containers of a simulation: what may be an image, and what is removed from one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diptych.kubeflow.local.container import IMAGE_ENVIRONMENT, IMAGE_GROUP, IMAGE_USER, Container
from diptych.kubeflow.local.simulate import Simulation
from diptych.kubeflow.local.step import Cluster
from diptych.kubeflow.spec import SpecError
from tests.kubeflow.words_pipeline import make_spec
from tests.paths import ROOT


def test_a_folder_that_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="it lacks opt/diptych/bin/python"):
        Simulation(make_spec(), str(tmp_path), Cluster(image_root=str(tmp_path)))


def test_nothing_of_an_image_is_removed_but_volumes(tmp_path: Path) -> None:
    python = tmp_path / "image/opt/diptych/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    (tmp_path / "image/minio/bucket").mkdir(parents=True)
    Container(tmp_path / "container", str(tmp_path / "image")).remove_volumes()
    assert python.exists()
    assert not (tmp_path / "image/minio").exists()


def test_the_environment_of_the_image_is_that_of_the_dockerfile() -> None:
    text = (ROOT / "kubeflow/Dockerfile").read_text().replace("\\\n", " ")
    last = [line.split()[1:] for line in text.splitlines() if line.startswith("ENV ")][-1]
    assert dict(pair.split("=", 1) for pair in last) == IMAGE_ENVIRONMENT
    assert f"USER {IMAGE_USER}:{IMAGE_GROUP}\n" in text


def test_a_command_in_an_image_has_any_user_of_group_0(tmp_path: Path) -> None:
    (tmp_path / "stores").mkdir()
    container = Container(tmp_path / "container", str(tmp_path / "image"), user=os.getuid())
    container.make_volumes()
    command = container.command(["program"], tmp_path / "stores")
    assert any(f"chroot --userspec={os.getuid()}:0 " in part for part in command)
