"""``diptych.yaml``: the composition of every room's options, and how it is loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from diptych.components.catalogue.options import DataOptions
from diptych.components.data_gate.options import GateOptions
from diptych.components.evaluator.options import EvaluateOptions
from diptych.models.errors import DiptychError, nearest
from diptych.models.images.options import ImageOptions
from diptych.models.labels import LabelOptions
from diptych.models.networks.options import IMAGENET, NetworkOptions, check_network
from diptych.models.options import Options
from diptych.models.text.options import TextOptions
from diptych.models.training.hyperparameters import check_space
from diptych.models.training.options import TrainOptions
from diptych.models.training.tune_options import TuneOptions
from diptych.pipeline.options.beam import BeamOptions
from diptych.pipeline.options.kubeflow import KubeflowOptions
from diptych.pipeline.options.push import PushOptions

_PATTERN = re.compile(r"://|[*?\[{]")
_PATHS = ("data.catalogue", "data.images_root", "data.schema_file", "push.directory", "model.image.weights")


class SettingsError(DiptychError):
    """The settings cannot be used; the message names the key and the remedy."""


class Settings(Options):
    """Everything a run is made of."""

    name: str = Field(
        "diptych",
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="Of the pipeline: lower-case letters, digits and dashes.",
    )
    data: DataOptions
    image: ImageOptions = ImageOptions()
    text: TextOptions = TextOptions()
    label: LabelOptions = LabelOptions()
    model: NetworkOptions = NetworkOptions()
    train: TrainOptions = TrainOptions()
    tune: TuneOptions | None = None
    evaluate: EvaluateOptions = EvaluateOptions()
    gate: GateOptions = GateOptions()
    push: PushOptions = PushOptions()
    beam: BeamOptions = BeamOptions()
    kubeflow: KubeflowOptions = KubeflowOptions()

    @model_validator(mode="after")
    def _rooms_agree(self) -> Settings:
        """What one room is told must suit what another one is."""
        several = self.data.label_separator is not None
        if several and self.train.task == "multiclass":
            raise ValueError(
                "data.label_separator gives a row several labels: set train.task: multilabel, or leave it out"
            )
        if not several and self.train.task == "multilabel":
            raise ValueError("train.task: multilabel: say in data.label_separator what stands between a row's labels")
        check_network(self.model, self.image, self.text.encoding == "sequence")
        if self.tune:
            check_space(self.tune, self.train, self.model)
        return self


def load_settings(path: str, overrides: Sequence[str] = ()) -> Settings:
    """Reads ``diptych.yaml``.

    Args:
        path: the file; the paths in it are relative to its folder.
        overrides: ``section.key=value`` with a YAML value; they win over the file.

    Raises:
        SettingsError: no such file, no YAML, an unknown key, a wrong value, or a file named in it that does not exist.
    """
    try:
        with open(path, encoding="utf-8") as file:
            values = yaml.safe_load(file)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{path} must hold keys and values, at least data.catalogue")
    values = _resolve_paths(values, os.path.dirname(os.path.abspath(path)))
    for override in overrides:
        _override(values, override)
    return check_settings(values, path)


def check_settings(values: Mapping[str, Any], source: str) -> Settings:
    """Checks settings given as a mapping; ``source`` names them in messages.

    Raises:
        SettingsError: as ``load_settings``.
    """
    try:
        settings = Settings(**values)
    except ValidationError as error:
        lines = [_explain(dict(problem)) for problem in error.errors()]
        raise SettingsError("\n".join(f"{source}: {line}" for line in lines)) from None
    for key, file in _named_files(settings):
        if not os.path.exists(file):
            raise SettingsError(f"{source}: {key}: there is no file '{file}'")
    return settings


def _named_files(settings: Settings) -> Iterator[tuple[str, str]]:
    data = settings.data
    tower = settings.model.image
    named = {
        "data.catalogue": data.catalogue,
        # Below a catalogue in a store, it is a folder there.
        "data.images_root": None if "://" in data.catalogue else data.images_root,
        "data.schema_file": data.schema_file,
        "model.image.weights": tower.weights if tower and tower.weights != IMAGENET else None,
    }
    # What a pattern matches is found when it is read.
    return ((key, file) for key, file in named.items() if file and not _PATTERN.search(file))


def _resolve_paths(values: dict[str, Any], folder: str) -> dict[str, Any]:
    """Paths in the file become absolute."""
    resolved = deepcopy(values)
    for path in _PATHS:
        *parents, key = path.split(".")
        part: Any = resolved
        for parent in parents:
            part = part.get(parent) if isinstance(part, dict) else None
        if not isinstance(part, dict) or not _is_local(part.get(key)):
            continue
        if path == "data.images_root" and "://" in str(part.get("catalogue")):
            # It lies below the catalogue's folder, in the store.
            continue
        part[key] = os.path.normpath(os.path.join(folder, os.path.expanduser(part[key])))
    return resolved


def _is_local(value: Any) -> bool:
    """Whether a value is a path on this machine."""
    return isinstance(value, str) and value not in ("", IMAGENET) and "://" not in value


def _override(values: dict[str, Any], override: str) -> None:
    path, separator, text = override.partition("=")
    if not separator or not path:
        raise SettingsError(f"--set {override}: write it as section.key=value, for example train.epochs=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"--set {override}: the value is not YAML: {error}") from None
    *parents, key = path.split(".")
    part = values
    for parent in parents:
        part = part.setdefault(parent, {})
        if not isinstance(part, dict):
            raise SettingsError(f"--set {override}: '{parent}' holds a value, not keys")
    if path in _PATHS and _is_local(value):
        value = os.path.abspath(os.path.expanduser(value))
    part[key] = value


def _explain(problem: dict[str, Any]) -> str:
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        valid = list(_options_at(location[:-1]).model_fields)
        return f"unknown key '{key}'; {nearest(location[-1], valid)}valid keys here: {', '.join(valid)}"
    if problem["type"] == "missing":
        return f"'{key}' is missing"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = "" if isinstance(problem["input"], (dict, Options)) else f" (given: {problem['input']!r})"
    return f"{key}: {message}{given}" if key else f"{message}{given}"


def _options_at(location: Sequence[str]) -> type[BaseModel]:
    """The options model at a place in the settings."""
    model: type[BaseModel] = Settings
    for part in location:
        annotation = model.model_fields[part].annotation
        choices = [a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)]
        model = choices[0]
    return model
