"""The container image, built once for every test that looks into it or runs in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

# Without a kernel's help each layer is a copy of the whole.
DISK = 20e9
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Builder:
    """Buildah with a store of its own, in a folder that holds everything it writes."""

    folder: Path

    def buildah(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # vfs and chroot need no kernel module, no daemon and no runtime.
        store = ["--root", f"{self.folder}/store", "--runroot", f"{self.folder}/run", "--storage-driver", "vfs"]
        environment = {**os.environ, "TMPDIR": str(self.folder), "BUILDAH_ISOLATION": "chroot"}
        return subprocess.run(
            ["buildah", *store, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )

    def must(self, *arguments: str) -> str:
        done = self.buildah(*arguments)
        assert done.returncode == 0, f"buildah {' '.join(arguments)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout.strip()


@dataclass(frozen=True)
class Image:
    """The finished image.

    Attributes:
        root: its files.
        config: user, environment, labels.
    """

    builder: Builder
    container: str
    root: Path
    config: dict[str, Any]

    def run(
        self, *command: str, user: str | None = None, volumes: Mapping[Path, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in it, as the user that the image names or another one."""
        options = ["--user", user] if user else []
        options += [f"--volume={source}:{target}" for source, target in (volumes or {}).items()]
        return self.builder.buildah("run", *options, self.container, "--", *command)


def lacking() -> list[str]:
    """What this machine needs and has not, to build images."""
    if os.geteuid():
        return ["root's rights"]
    programs = [name for name in ("buildah", "debootstrap", "unshare") if not shutil.which(name)]
    if not programs and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return ["the right to mount"]
    if shutil.disk_usage(tempfile.gettempdir()).free < DISK:
        return [f"{DISK / 1e9:.0f} GB of free disk"]
    return programs


def mirror() -> list[str]:
    """Hands on where pip finds packages on this machine, and whom it trusts."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    settings = subprocess.run(pip, capture_output=True, text=True, check=False).stdout
    index = re.search(r"\.index-url='(.+)'", settings)
    options = [f"--build-arg=PIP_INDEX_URL={index[1]}"] if index else []
    return options + ([f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"] if os.path.exists(CERTIFICATES) else [])


def build(builder: Builder) -> Image:
    base = builder.must("from", "scratch")
    tree = builder.must("mount", base)
    include = "--include=python3,python3-venv,ca-certificates"
    # In a namespace of its own, whose mounts end with it.
    make = ["unshare", "--mount", "debootstrap", "--variant=minbase", include, "trixie", tree]
    made = subprocess.run(make, capture_output=True, text=True, check=False)
    if "Failed getting release" in made.stdout + made.stderr:
        pytest.skip("building the image needs Debian's mirror, which is out of reach")
    assert made.returncode == 0, made.stdout[-4000:] + made.stderr
    builder.must("commit", "--rm", base, "base")
    options = ["--layers=false", "--build-arg=BASE=localhost/base", "--tag=diptych"]
    builder.must("bud", *options, *mirror(), ".")
    container = builder.must("from", "diptych")
    config = json.loads(builder.must("inspect", "--type", "image", "diptych"))["OCIv1"]["config"]
    return Image(builder, container, Path(builder.must("mount", container)), config)


@pytest.fixture(scope="session")
def built_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image of ``kubeflow/Dockerfile`` on a base made of Debian's packages.

    The first test that asks for it waits minutes: whoever may be it needs a long ``pytest.mark.timeout``.
    """
    if missing := lacking():
        pytest.skip(f"building the image needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("image")
    try:
        yield build(Builder(folder))
    finally:
        shutil.rmtree(folder)
