"""``diptych doctor``: finds what is missing or wrong in the installation, and says what to do."""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from diptych.models.images.pretrained.weights import find_pretrained_weights
from diptych.models.networks.choice import INSTALL_WEIGHTS

_LIBRARIES = (
    "tfx",
    "tensorflow",
    "keras",
    "apache-beam",
    "tensorflow-data-validation",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "ml-metadata",
    "kfp",
    "scikit-learn",
    "pillow",
    "pydantic",
    "protobuf",
    "numpy",
)

# TFX sets a component to None if one of its dependencies cannot be imported, and does not say so.
_COMPONENTS = {
    "tfx.components.statistics_gen.component": "StatisticsGen",
    "tfx.components.schema_gen.component": "SchemaGen",
    "tfx.components.example_validator.component": "ExampleValidator",
    "tfx.components.transform.component": "Transform",
    "tfx.components.trainer.component": "Trainer",
    "tfx.components.evaluator.component": "Evaluator",
    "tfx.components.pusher.component": "Pusher",
}
_MIN_FREE_BYTES = 5 * 2**30
_REINSTALL = "remove .venv and run 'make' again"


@dataclass(frozen=True)
class Problem:
    """Something that is missing or wrong, and what to do about it."""

    message: str
    remedy: str


def installed_versions() -> dict[str, str]:
    """The versions of Python, the system and the libraries; ``missing`` for a library that is not installed.

    And whether the weights are there that ``model.image.backbone: auto`` would take.
    """
    shown = {"python": platform.python_version(), "system": platform.platform()}
    for name in _LIBRARIES:
        try:
            shown[name] = version(name)
        except PackageNotFoundError:
            shown[name] = "missing"
    shown["ImageNet weights"] = "installed" if find_pretrained_weights() else f"none; {INSTALL_WEIGHTS}"
    return shown


def find_problems() -> Iterator[Problem]:
    """Checks the requirements of the package, the components of TFX, the disks, and the system."""
    yield from _check_requirements()
    yield from _check_components()
    yield from _check_disks()
    if sys.platform != "linux":
        yield Problem(f"{sys.platform} is untested", "use Linux, or a Linux container")


def _check_disks() -> Iterator[Problem]:
    places = {"here": (".", "choose another --output")}
    try:
        places["for temporary files"] = (tempfile.gettempdir(), "name another folder with the variable TMPDIR")
    except FileNotFoundError as error:
        yield Problem(str(error.strerror), "free some disk, or name another folder with the variable TMPDIR")
    for place, (folder, remedy) in places.items():
        free = shutil.disk_usage(folder).free
        if free < _MIN_FREE_BYTES:
            yield Problem(f"only {free / 2**30:.1f} GiB are free {place}", f"free some disk, or {remedy}")


def _check_requirements() -> Iterator[Problem]:
    for text in requires("diptych") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield Problem(f"{requirement.name} is not installed", _REINSTALL)
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            yield Problem(f"{requirement.name} {installed} does not meet '{requirement.specifier}'", _REINSTALL)


def _check_components() -> Iterator[Problem]:
    for module, name in _COMPONENTS.items():
        try:
            component = getattr(importlib.import_module(module), name, None)
        except ImportError as error:
            yield Problem(f"{name} cannot be imported: {error}", _REINSTALL)
            continue
        if component is None:
            yield Problem(f"TFX has no {name}: one of its dependencies is missing", _REINSTALL)
