"""The wheel installs ``diptych`` and nothing else, so that PyPI's ``kubeflow`` and a person's ``models`` still work."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import pytest

from tests.paths import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

UV = [sys.executable, "-m", "uv", "--quiet"]
#: PyPI's SDK of Kubeflow, whose package is ``kubeflow``, and what it is generated from.
KUBEFLOW_SDK = ["kubeflow==0.5.0", "kubeflow-trainer-api==2.3.0", "kubeflow-katib-api==0.19.0"]
ROOMS = ("components", "kubeflow", "models", "pipeline")
#: Of the demo's dataset: what any machine, Python, numpy, OpenCV and TFX must make of the same files.
DEMO_DIGEST = "63fca48cfb54b8102bbe8a14a96ab8a5d599ca348de92384b3203d1aefead168"


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it, of a copy of what git tracks."""
    checkout = tmp_path_factory.mktemp("checkout")
    tracked = run("git", "ls-files", "-z", "--", "src", "pyproject.toml", "README.md", *ROOMS).split("\0")
    for name in filter(None, tracked):
        target = checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to(os.readlink(ROOT / name))
        else:
            target.write_bytes((ROOT / name).read_bytes())
    output = tmp_path_factory.mktemp("built")
    run(*UV, "build", "--offline", "--no-build-isolation", "--python", sys.executable, "--out-dir", output, checkout)
    return output


@pytest.fixture(scope="module")
def person(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, PyPI's ``kubeflow`` and a package ``models`` of a person's own.

    The dependencies are those of this environment: installing TensorFlow again would test nothing of ours. Their folder
    is read without its ``.pth`` files, so that the editable install in it is not seen.
    """
    folder = tmp_path_factory.mktemp("person")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "--quiet"]
    install = [*pip, "install", "--no-deps", "--retries", "1"]
    sdk = subprocess.run([*install, *KUBEFLOW_SDK], capture_output=True, text=True, check=False)
    if sdk.returncode and "connection" in sdk.stderr:
        pytest.skip("PyPI is out of reach, from which this test installs the package kubeflow")
    assert sdk.returncode == 0, sdk.stderr
    # Last, so that it would overwrite what it collides with.
    run(*install, next(built.glob("*.whl")))
    (packages / "models").mkdir()
    (packages / "models/__init__.py").write_text("NAME = 'mine'\n")
    (folder / "work/models").mkdir(parents=True)
    (folder / "work/models/__init__.py").write_text("NAME = 'mine too'\n")
    return folder


def test_nothing_else_is_at_top_level(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    tops = {PurePosixPath(name).parts[0] for name in names}
    assert tops == {"diptych", f"diptych-{version('diptych')}.dist-info"}


def test_the_wheel_holds_every_file_of_the_four_folders(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        packed = {name.removeprefix("diptych/") for name in wheel.namelist() if name.startswith("diptych/")}
    tracked = set(filter(None, run("git", "ls-files", "-z", "--", *ROOMS).split("\0")))
    assert packed == tracked | {"__init__.py", "__main__.py", "py.typed"}


def test_the_sdist_holds_files_and_no_links(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        members = sdist.getmembers()
    assert not [member.name for member in members if member.issym() or member.islnk()]
    assert any(member.name.endswith("src/diptych/models/dataset.py") for member in members)


def test_a_checkout_is_imported_by_one_name_and_one_path(tmp_path: Path) -> None:
    code = "import diptych.models.dataset as module; print(module.__name__, module.__file__)"
    assert run(sys.executable, "-c", code, cwd=tmp_path).split() == [
        "diptych.models.dataset",
        str(ROOT / "models/dataset.py"),
    ]
    for room in ROOMS:
        done = subprocess.run([sys.executable, "-c", f"import {room}"], cwd=tmp_path, capture_output=True, check=False)
        assert b"ModuleNotFoundError" in done.stderr


def test_our_packages_and_a_persons_live_side_by_side(person: Path) -> None:
    python = person / "bin/python"
    ours = "from diptych.models.dataset import read_dataset; print(read_dataset.__module__)"
    assert run(python, "-c", ours, cwd=person / "work").strip() == "diptych.models.dataset"
    assert run(python, "-c", "import models; print(models.NAME)", cwd=person).strip() == "mine"
    assert run(python, "-c", "import models; print(models.NAME)", cwd=person / "work").strip() == "mine too"
    theirs = "import kubeflow, diptych.kubeflow; from kubeflow.trainer import TrainerClient; print(kubeflow.__file__)"
    assert Path(run(python, "-c", theirs, cwd=person).strip()).parent.parent.name == "site-packages"


@pytest.mark.promise("The demo's dataset has the same digest on both generations of TFX and Python")
def test_the_command_line_works_beside_them(person: Path) -> None:
    assert "submit" in run(person / "bin/diptych", "--help", cwd=person / "work")
    shown = run(person / "bin/diptych", "demo", "--output", "demo", "--set", "train.epochs=1", cwd=person / "work")
    assert "1,797 = 1,797 examples + 0 rejects" in shown
    digest = run(person / "bin/diptych", "digest", "demo", cwd=person / "work")
    assert digest == f"{DEMO_DIGEST}  train 1,442, val 187, test 168\n"
