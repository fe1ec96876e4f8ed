"""The containers of a simulation: what may be an image, and what is removed from one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
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


# What stands for Python in a file system that has nothing but a shell: it tells who runs it, where and how.
PYTHON = """#!/bin/sh
while read -r key real effective rest; do
    case $key in Uid:|Gid:) echo "$key $effective";; esac
done < /proc/self/status
echo "$PWD ${SECRET_OF_THE_CALLER:-none} $USER"
echo kept > "$DIPTYCH_STORES/file"
"""


def make_file_system(root: Path) -> None:
    """Makes the root file system of an image with a shell and a home."""
    linked = subprocess.run(["ldd", "/bin/sh"], capture_output=True, text=True, check=True).stdout
    for file in ("/bin/sh", *re.findall(r"(/\S+) \(0x", linked)):
        (root / file[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / file[1:])
    python = root / "opt/diptych/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    (root / "home/diptych").mkdir(parents=True)
    (root / "home/diptych").chmod(0o770)


def may_mount() -> bool:
    return os.geteuid() == 0 and not subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode


@pytest.mark.skipif(not may_mount(), reason="chroot and mounts need root's rights")
@pytest.mark.parametrize("user", [1000, 12345])
def test_in_an_image_a_step_has_any_user_of_group_0(user: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    make_file_system(tmp_path / "image")
    spec = make_spec()
    dag = spec["components"]["both"]["dag"]
    dag["tasks"] = {"write": dag["tasks"]["write"]}
    run = Simulation(spec, str(tmp_path), Cluster(image_root=str(tmp_path / "image"), user=user)).run({"word": "hi"})
    log = (tmp_path / "runs" / run.id / "write-1.log").read_text()
    assert log.splitlines() == [f"Uid: {user}", "Gid: 0", "/home/diptych none diptych"]
    assert run.state == "SUCCEEDED"
    assert (tmp_path / "stores/file").stat().st_uid == user
    logs = run.tasks["write"].artifacts["executor-logs"]["uri"]
    assert (tmp_path / "stores" / logs.replace("://", "/")).read_text() == log
