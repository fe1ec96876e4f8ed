"""``diptych doctor``: finds what is missing or wrong in the installation, and says what to do."""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

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
    """The versions of Python, the system and the libraries; ``missing`` for a library that is not installed."""
    shown = {"python": platform.python_version(), "system": platform.platform()}
    for name in _LIBRARIES:
        try:
            shown[name] = version(name)
        except PackageNotFoundError:
            shown[name] = "missing"
    return shown


def find_problems() -> Iterator[Problem]:
    """Checks the requirements of the package, the components of TFX, the free disk space, and the system."""
    yield from _check_requirements()
    yield from _check_components()
    free = shutil.disk_usage(".").free
    if free < _MIN_FREE_BYTES:
        yield Problem(f"only {free / 2**30:.1f} GiB are free here", "free some disk, or choose another --output")
    if sys.platform != "linux":
        yield Problem(f"{sys.platform} is untested", "use Linux, or a Linux container")


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
