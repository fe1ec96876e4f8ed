"""The settings of a run: the options of all parts in one model, which is read from ``diptych.yaml``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, get_args, get_origin

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
from diptych.models.training.hyperparameters import check_search_space
from diptych.models.training.options import TrainOptions
from diptych.models.training.tune_options import TuneOptions
from diptych.pipeline.options.beam import BeamOptions
from diptych.pipeline.options.kubeflow import KubeflowOptions
from diptych.pipeline.options.push import PushOptions

# Keys whose values are paths.
_PATHS = ("data.catalogue", "data.images_root", "data.schema_file", "push.directory", "model.image.weights")


class SettingsError(DiptychError):
    """The settings are wrong; the message names the key and the remedy."""


class Settings(Options):
    """All options of a run, one section for each part of the pipeline."""

    name: str = Field(
        "diptych",
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="Name of the pipeline: lower-case letters, digits and dashes.",
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
    def _check_sections_agree(self) -> Settings:
        has_several_labels = self.data.label_separator is not None
        if has_several_labels and self.train.task == "multiclass":
            raise ValueError(
                "data.label_separator gives a row several labels: set train.task: multilabel, or leave it out"
            )
        if not has_several_labels and self.train.task == "multilabel":
            raise ValueError("train.task: multilabel: say in data.label_separator what stands between a row's labels")
        check_network(self.model, (self.image.height, self.image.width), self.text.encoding == "sequence")
        if self.tune:
            check_search_space(self.tune, self.train, self.model)
        return self


def load_settings(path: str, overrides: Sequence[str] = ()) -> Settings:
    """Reads a settings file.

    Args:
        path: a YAML file; paths in it are relative to its folder.
        overrides: ``section.key=value`` with a value in YAML, used instead of the file's; paths in them are relative to
            the working directory.

    Raises:
        SettingsError: the file is missing or no YAML, has an unknown key or a wrong value, or names a file that does
            not exist.
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
        _apply_override(values, override)
    return check_settings(values, path)


def check_settings(values: Mapping[str, Any], source: str) -> Settings:
    """Makes settings of a mapping from keys to values.

    Args:
        source: the name of the settings in messages.

    Raises:
        SettingsError: a key is unknown, a value is wrong, or a file that is named does not exist.
    """
    try:
        settings = Settings(**values)
    except ValidationError as error:
        lines = [_describe_problem(dict(problem)) for problem in error.errors()]
        raise SettingsError("\n".join(f"{source}: {line}" for line in lines)) from None
    for key, file in _named_files(settings):
        if not os.path.exists(file):
            raise SettingsError(f"{source}: {key}: there is no file '{file}'")
    return settings


def _named_files(settings: Settings) -> Iterator[tuple[str, str]]:
    """The files and folders that must exist, each with the key that names it."""
    data = settings.data
    tower = settings.model.image
    named = {
        "data.catalogue": data.catalogue,
        # Of a catalogue in an object store, it is a folder in the store.
        "data.images_root": None if "://" in data.catalogue else data.images_root,
        "data.schema_file": data.schema_file,
        "model.image.weights": tower.weights if tower and tower.weights != IMAGENET else None,
    }
    # Whether something matches a pattern, and what a store has, is only known when the catalogue is read.
    return ((key, file) for key, file in named.items() if file and not re.search(r"://|[*?\[{]", file))


def _resolve_paths(values: dict[str, Any], folder: str) -> dict[str, Any]:
    """A copy of the values in which relative paths are absolute."""
    resolved = deepcopy(values)
    for path in _PATHS:
        *parents, key = path.split(".")
        part: Any = resolved
        for parent in parents:
            part = part.get(parent) if isinstance(part, dict) else None
        if not isinstance(part, dict) or not _is_local(part.get(key)):
            continue
        if path == "data.images_root" and "://" in str(part.get("catalogue")):
            # It is relative to the catalogue's folder in the store.
            continue
        part[key] = os.path.normpath(os.path.join(folder, os.path.expanduser(part[key])))
    return resolved


def _is_local(value: Any) -> bool:
    """Whether the value of a key in ``_PATHS`` is a path on this machine."""
    return isinstance(value, str) and value not in ("", IMAGENET) and "://" not in value


def _apply_override(values: dict[str, Any], override: str) -> None:
    """Sets the value of one key in place."""
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


def _describe_problem(problem: dict[str, Any]) -> str:
    """The message for an entry of pydantic's ``ValidationError.errors()``."""
    # Of a value that may have several types, pydantic adds the name of one: "list[any]", "function-after[...]".
    location = [str(part) for part in problem["loc"] if "[" not in str(part)]
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
    """The options class of a section, given the keys that lead to it."""
    model: type[BaseModel] = Settings
    for part in location:
        # A part that is no field is a key of a mapping, or a position in a list.
        if field := model.model_fields.get(part):
            model = next(_options_in(field.annotation), model)
    return model


def _options_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The options classes in a type annotation such as ``dict[str, StepResources] | None``."""
    if get_origin(annotation) is None and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _options_in(argument)
