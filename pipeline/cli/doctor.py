"""``diptych doctor``: what is installed, what is missing, and what to do."""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

_SHOWN = (
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

# TFX replaces a component whose dependency is missing by None, without a word.
_COMPONENTS = {
    "tfx.components.statistics_gen.component": "StatisticsGen",
    "tfx.components.schema_gen.component": "SchemaGen",
    "tfx.components.example_validator.component": "ExampleValidator",
    "tfx.components.transform.component": "Transform",
    "tfx.components.trainer.component": "Trainer",
    "tfx.components.evaluator.component": "Evaluator",
    "tfx.components.pusher.component": "Pusher",
}
_ENOUGH_BYTES = 5 * 2**30
_REINSTALL = "remove .venv and run 'make' again"


@dataclass(frozen=True)
class Symptom:
    """Something that is missing or wrong, and what to do about it."""

    problem: str
    remedy: str


def versions() -> dict[str, str]:
    """Python, system and library versions; a library that is not there is ``missing``."""
    shown = {"python": platform.python_version(), "system": platform.platform()}
    for name in _SHOWN:
        try:
            shown[name] = version(name)
        except PackageNotFoundError:
            shown[name] = "missing"
    return shown


def examine() -> Iterator[Symptom]:
    """Every requirement against what is installed, every TFX component, and the disk."""
    for text in requires("diptych") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Symptom(f"{requirement.name} is not installed", _REINSTALL)
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield Symptom(f"{requirement.name} {found} does not meet '{requirement.specifier}'", _REINSTALL)
    for module, name in _COMPONENTS.items():
        try:
            component = getattr(importlib.import_module(module), name, None)
        except ImportError as error:
            yield Symptom(f"{name} cannot be imported: {error}", _REINSTALL)
            continue
        if component is None:
            yield Symptom(f"TFX has no {name}: one of its dependencies is missing", _REINSTALL)
    free = shutil.disk_usage(".").free
    if free < _ENOUGH_BYTES:
        yield Symptom(f"only {free / 2**30:.1f} GiB are free here", "free some disk, or choose another --output")
    if sys.platform != "linux":
        yield Symptom(f"{sys.platform} is untested", "use Linux, or a Linux container")
