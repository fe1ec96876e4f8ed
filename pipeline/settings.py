"""The settings of a run: the options of all parts in one model, which is read from ``diptych.yaml``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError, model_validator

from diptych.components.catalogue.options import Columns, DataOptions
from diptych.components.catalogue.yaml_values import parse_yaml
from diptych.components.data_gate.options import GateOptions
from diptych.components.evaluator.options import EvaluateOptions
from diptych.models.credentials import mask_credentials
from diptych.models.errors import DiptychError, nearest
from diptych.models.features import DESCRIPTION
from diptych.models.images.options import ImageOptions
from diptych.models.labels import LabelOptions
from diptych.models.networks.options import IMAGENET, NetworkOptions, check_network
from diptych.models.options import Options
from diptych.models.os_errors import explain_cause
from diptych.models.text.options import TextOptions
from diptych.models.training.hyperparameters import check_search_space
from diptych.models.training.options import TrainOptions
from diptych.models.training.tune_options import TuneOptions
from diptych.pipeline.options.beam import BeamOptions
from diptych.pipeline.options.kubeflow import KubeflowOptions
from diptych.pipeline.options.push import PushOptions
from diptych.pipeline.override_values import read_override_value

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
    text: TextOptions | None = TextOptions()
    label: LabelOptions = LabelOptions()
    model: NetworkOptions = NetworkOptions()
    train: TrainOptions = TrainOptions()
    tune: TuneOptions | None = None
    evaluate: EvaluateOptions = EvaluateOptions()
    gate: GateOptions = GateOptions()
    push: PushOptions = PushOptions()
    beam: BeamOptions = BeamOptions()
    kubeflow: KubeflowOptions = KubeflowOptions()

    @model_validator(mode="before")
    @classmethod
    def _leave_texts_out(cls, values: Any) -> Any:
        """Where there are no descriptions, the sections about them are null unless they are given."""
        if not isinstance(values, Mapping) or not _has_no_descriptions(values.get("data")):
            return values
        model = values.get("model", {})
        filled = {"text": None, **model} if isinstance(model, Mapping) else model
        return {"text": None, **values, "model": filled}

    @model_validator(mode="before")
    @classmethod
    def _task_follows_labels(cls, values: Any) -> Any:
        """Where rows may have several labels, the task is multilabel unless another is given, which is then refused."""
        if not isinstance(values, Mapping) or not _has_several_labels(values.get("data")):
            return values
        train = values.get("train", {})
        return {**values, "train": {"task": "multilabel", **train}} if isinstance(train, Mapping) else values

    @model_validator(mode="after")
    def _check_texts(self) -> Settings:
        has_descriptions = self.data.columns.description is not None
        if self.text and not has_descriptions:
            raise ValueError(
                "text says how descriptions are encoded, and data.columns.description is null: leave text out, or name "
                "the column of the descriptions"
            )
        if not self.text and has_descriptions:
            raise ValueError(
                f"text is null, and data.columns.description is '{self.data.columns.description}': leave text out and "
                "set model.text: null for a network that ignores the descriptions, or set data.columns.description: "
                "null for a dataset without any"
            )
        if not has_descriptions and DESCRIPTION in {slice_.feature for slice_ in self.evaluate.slices}:
            raise ValueError(
                "evaluate.slices: no example has a description, for data.columns.description is null: slice by "
                "something else"
            )
        if self.data.missing_descriptions == "keep" and not has_descriptions:
            raise ValueError(
                "data.missing_descriptions: keep is for rows that lack a description, and data.columns.description is "
                "null: leave it out, or name the column of the descriptions"
            )
        return self

    @model_validator(mode="after")
    def _check_sections_agree(self) -> Settings:
        has_several_labels = self.data.has_several_labels
        if has_several_labels and self.train.task == "multiclass":
            raise ValueError(
                "data.several_labels and data.label_separator give a row several labels: set train.task: multilabel, "
                "or leave it out"
            )
        if not has_several_labels and self.train.task == "multilabel":
            raise ValueError(
                "train.task: multilabel: set data.several_labels, or say in data.label_separator what stands between a "
                "row's labels"
            )
        check_network(self.model, (self.image.height, self.image.width), self.text.kind if self.text else None)
        if self.tune:
            check_search_space(self.tune, self.train, self.model)
        return self


def _has_several_labels(data: Any) -> bool:
    if isinstance(data, DataOptions):
        return data.has_several_labels
    return isinstance(data, Mapping) and bool(data.get("several_labels") or data.get("label_separator"))


def _has_no_descriptions(data: Any) -> bool:
    """Whether ``data.columns.description`` is given as null; the data are what is validated later."""
    if isinstance(data, DataOptions):
        return data.columns.description is None
    columns = data.get("columns") if isinstance(data, Mapping) else None
    if isinstance(columns, Columns):
        return columns.description is None
    return isinstance(columns, Mapping) and "description" in columns and columns["description"] is None


def load_settings(path: str, overrides: Sequence[str] = ()) -> Settings:
    """Reads a settings file.

    Args:
        path: a YAML file; paths in it are relative to its folder.
        overrides: ``section.key=value``, used instead of the file's, with a value as ``read_override_value`` reads it;
            paths in them are relative to the working directory.

    Raises:
        SettingsError: the file is missing or no YAML, has an unknown key or a wrong value, or names a file that does
            not exist.
    """
    try:
        with open(path, encoding="utf-8") as file:
            values = parse_yaml(file)
    except OSError as error:
        raise SettingsError(f"'{path}': {explain_cause(error)}") from None
    except ValueError as error:
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
        settings = Settings.model_validate(values)
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
        value, part[key] = part[key], os.path.normpath(os.path.join(folder, os.path.expanduser(part[key])))
        sign = re.search(r"[*?\[]", folder)
        if path == "data.catalogue" and sign and part[key].startswith(folder) and not os.path.exists(part[key]):
            raise SettingsError(
                f"data.catalogue: there is no file '{value}' in '{folder}', and it cannot be a pattern there: the "
                f"'{sign[0]}' in the folder's name would match other folders too; rename the folder"
            )
    return resolved


def _is_local(value: Any) -> bool:
    """Whether the value of a key in ``_PATHS`` is a path on this machine."""
    return isinstance(value, str) and value not in ("", IMAGENET) and "://" not in value


def _apply_override(values: dict[str, Any], override: str) -> None:
    """Sets the value of one key in place."""
    path, separator, text = override.partition("=")
    if not separator or not path:
        raise SettingsError(f"--set {override}: write it as section.key=value, for example train.epochs=5")
    value = read_override_value(text)
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
    parts = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        return _describe_unknown_key(_without_types(parts[:-1]), parts[-1])
    key = ".".join(_without_types(parts))
    if problem["type"] == "missing":
        return f"'{key}' is missing"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = "" if isinstance(problem["input"], (dict, Options)) else f" (given: {problem['input']!r})"
    return mask_credentials(f"{key}: {message}{given}" if key else f"{message}{given}")


def _without_types(location: Sequence[str]) -> list[str]:
    """A place without what pydantic adds where a value may have several types: "list[any]", "function-after[...]"."""
    return [part for part in location if "[" not in part]


def _describe_unknown_key(section: Sequence[str], name: str) -> str:
    valid = list(_options_at(section).model_fields)
    key = ".".join([*section, name])
    return f"unknown key '{key}'; {nearest(name, valid)}valid keys here: {', '.join(valid)}"


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
