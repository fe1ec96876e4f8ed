"""The containers of a simulation: what may be an image, and what is removed from one."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.kubeflow.local.launcher import Launcher
from diptych.kubeflow.local.simulate import Simulation
from diptych.kubeflow.spec import SpecError
from tests.kubeflow.words_pipeline import make_spec


def test_a_folder_that_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="it lacks opt/diptych/bin/python"):
        Simulation(make_spec(), str(tmp_path), image_root=str(tmp_path))


def test_nothing_of_an_image_is_removed_but_volumes(tmp_path: Path) -> None:
    python = tmp_path / "image/opt/diptych/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    (tmp_path / "image/minio/bucket").mkdir(parents=True)
    Launcher(tmp_path / "stores", tmp_path / "container", str(tmp_path / "image")).remove_volumes()
    assert python.exists()
    assert not (tmp_path / "image/minio").exists()
