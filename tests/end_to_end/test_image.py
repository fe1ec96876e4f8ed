"""The container image: built from kubeflow/Dockerfile, looked into, and run as a cluster would."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from diptych.kubeflow.compiler import build_spec
from diptych.kubeflow.local.platform import executor_configs
from diptych.kubeflow.local.simulate import Simulation
from diptych.kubeflow.local.step import Cluster
from diptych.kubeflow.spec import resolve_parameters
from diptych.kubeflow.task_options import platform_spec
from diptych.pipeline.demo.digits import write_digits_catalogue
from diptych.pipeline.settings import check_settings
from tests.end_to_end.conftest import ROOT, Image

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2700)]

# What an OpenShift-like cluster gives: a number without a name, and group 0.
SOMEONE = "12345:0"
LOCK = dict(re.findall(r"^([\w.-]+)==([\w.+-]+)", (ROOT / "requirements/tfx-1.21.txt").read_text(), re.MULTILINE))
TOOLS = ("cc", "gcc", "g++", "make", "pip", "pip3", "uv", "pytest", "mypy", "ruff")
SMOKE = """
import getpass
import tensorflow as tf
from tfx.components import Evaluator, StatisticsGen, Trainer, Transform
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
import farmhash
assert None not in (Evaluator, StatisticsGen, Trainer, Transform)
print(getpass.getuser(), int(tf.reduce_sum(tf.ones([3]))))
"""


def packages(image: Image) -> Path:
    return image.root / "opt/diptych/lib/python3.13/site-packages"


def test_the_user_has_no_rights_but_a_home(built_image: Image) -> None:
    assert built_image.config["User"] == "1000:0"
    script = 'id -u; id -g; cd; pwd; touch "$HOME/file" && rm "$HOME/file"; ! touch /opt/diptych/file 2>/dev/null'
    for user in (None, SOMEONE):
        done = built_image.run("sh", "-c", script, user=user)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [(user or "1000:0").partition(":")[0], "0", "/home/diptych"]


def test_only_root_writes_and_everyone_reads(built_image: Image) -> None:
    entries = [path for path in (built_image.root / "opt").rglob("*") if not path.is_symlink()]
    assert len(entries) > 10_000
    assert not [path for path in entries if path.stat().st_mode & 0o022 or not path.stat().st_mode & 0o004]


def test_no_tools_came_along(built_image: Image) -> None:
    done = built_image.run("sh", "-c", f"command -v python; command -v {' '.join(TOOLS)}")
    assert done.stdout.split() == ["/opt/diptych/bin/python"]
    assert not list(built_image.root.glob("root/.cache"))
    assert not list(built_image.root.glob("src"))
    assert not any((packages(built_image) / unused).exists() for unused in ("tensorflow/include", "clang"))


def test_the_packages_are_the_lock_without_the_extra_dev(built_image: Image) -> None:
    found = metadata.distributions(path=[str(packages(built_image))])
    installed: dict[str, str] = {canonicalize_name(each.metadata["Name"]): each.version for each in found}
    assert installed.pop("diptych") == built_image.config["Labels"]["org.opencontainers.image.version"]
    assert installed.items() <= LOCK.items()
    requirements = [Requirement(line) for line in metadata.requires("diptych") or []]
    extras = {
        extra: {canonicalize_name(each.name) for each in requirements if f'extra == "{extra}"' in str(each.marker)}
        for extra in ("dev", "pretrained")
    }
    assert {"pytest", "uv"} <= extras["dev"]
    assert not extras["dev"] & set(installed)
    assert extras["pretrained"] and extras["pretrained"] <= set(installed)
    assert built_image.config["Labels"]["diptych.tfx"] == LOCK["tfx"] == installed["tfx"]


def test_every_file_of_the_code_is_in_it(built_image: Image) -> None:
    for room in ("components", "kubeflow", "models", "pipeline"):
        ours, theirs = (
            {
                str(path.relative_to(top))
                for path in (top / room).rglob("*")
                if path.is_file() and "__pycache__" not in path.parts
            }
            for top in (ROOT, packages(built_image) / "diptych")
        )
        assert ours == theirs


def test_byte_code_is_ready_whatever_the_times_of_the_files(built_image: Image) -> None:
    for name in ("diptych/pipeline/cli/main.py", "tensorflow/__init__.py"):
        path = packages(built_image) / name
        code = path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc"
        assert code.read_bytes()[4:8] == b"\1\0\0\0"  # PEP 552: found by hash, and never checked


def test_the_command_line_works(built_image: Image) -> None:
    done = built_image.run("diptych", "--version", user=SOMEONE)
    assert done.stdout == f"diptych {built_image.config['Labels']['org.opencontainers.image.version']}\n", done.stderr
    assert "simulate" in built_image.run(*built_image.config["Cmd"]).stdout


def test_tfx_and_tensorflow_work(built_image: Image) -> None:
    done = built_image.run("python", "-c", SMOKE, user=SOMEONE)
    assert done.stdout == "diptych 3\n", done.stderr


def test_steps_of_the_compiled_pipeline_run_inside(built_image: Image, tmp_path: Path) -> None:
    catalogue = write_digits_catalogue(str(tmp_path / "stores/minio/shop/catalogue"))
    settings = check_settings(
        {
            "name": "digits",
            "data": {"catalogue": catalogue},
            "image": {"height": 32, "width": 32},
            "kubeflow": {
                "catalogue": "minio://shop/catalogue/catalogue.csv",
                "pipeline_root": "minio://shop/artifacts",
            },
        },
        "test",
    )
    spec = build_spec(settings, "kfp")
    dag = spec["components"]["pipeline"]["dag"]
    dag["tasks"] = {name: dag["tasks"][name] for name in ("Sources", "ImageTextExampleGen")}
    cluster = Cluster(
        executors=executor_configs(platform_spec(settings, spec)),
        image_root=str(built_image.root),
        user=int(SOMEONE.partition(":")[0]),
    )
    run = Simulation(spec, str(tmp_path), cluster).run(resolve_parameters(spec, {}))
    logs = {file.name: file.read_text()[-2000:] for file in (tmp_path / "runs" / run.id).glob("*.log")}
    assert {name: task.state for name, task in run.tasks.items()} == {
        "Sources": "COMPLETE",
        "ImageTextExampleGen": "COMPLETE",
        "Publish": "COMPLETE",
    }, logs
    rejects = tmp_path / "stores" / run.tasks["ImageTextExampleGen"].artifacts["rejects"]["uri"].replace("://", "/")
    assert json.loads((rejects / "account.json").read_text())["rows"] == 1797
    summary = tmp_path / "stores/minio/shop/artifacts/digits/runs" / run.id / "summary.json"
    assert json.loads(summary.read_text())["versions"]["tfx"] == LOCK["tfx"]
