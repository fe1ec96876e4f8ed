"""Hyperparameters that Tuner found, and how they replace values of the settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeVar

from pydantic import ValidationError

from diptych.models.errors import OptionsError
from diptych.models.networks.options import NetworkOptions
from diptych.models.options import Options
from diptych.models.training.options import TrainOptions
from diptych.models.training.tune_options import TuneOptions

AnyOptions = TypeVar("AnyOptions", bound=Options)


def apply_hyperparameters(
    train: TrainOptions, network: NetworkOptions, values: Mapping[str, Any]
) -> tuple[TrainOptions, NetworkOptions]:
    """The options of ``train`` and ``model`` with some values replaced.

    Args:
        values: the key of a setting, such as ``train.learning_rate``, to its value.

    Raises:
        OptionsError: there is no such setting, or it does not take the value.
    """
    return _replace_values("train", train, values), _replace_values("model", network, values)


def check_search_space(tune: TuneOptions, train: TrainOptions, network: NetworkOptions) -> None:
    """Checks that each value of the search space is valid together with the other settings.

    Raises:
        OptionsError: one is not; the message names its key.
    """
    for key, value in tune.extreme_values():
        apply_hyperparameters(train, network, {key: value})


def encode_choices(values: Sequence[Any]) -> list[Any]:
    """The values as KerasTuner takes them: as JSON, unless all are int or all are float.

    KerasTuner takes neither lists nor None, nor values of different types.
    """
    types = {type(value) for value in values}
    return list(values) if types in ({int}, {float}) else [json.dumps(value) for value in values]


def read_settings(keys: Iterable[str], train: TrainOptions, network: NetworkOptions) -> dict[str, Any]:
    """The values that settings have, as KerasTuner takes them: the inverse of ``apply_hyperparameters``."""
    tree = {"train": train.model_dump(mode="json"), "model": network.model_dump(mode="json")}
    values = {key: reduce(lambda part, name: part[name], key.split("."), tree) for key in keys}
    return {key: encode_choices([value])[0] for key, value in values.items()}


def hyperparameter_values(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings in the hyperparameters that TFX's Tuner wrote: key to value.

    Args:
        config: the config of ``keras_tuner.HyperParameters``; None without a Tuner.
    """
    values = (config or {}).get("values", {})
    # The search adds values of its own.
    settings = {key: value for key, value in values.items() if not key.startswith("tuner/")}
    return {key: json.loads(value) if isinstance(value, str) else value for key, value in settings.items()}


def _replace_values(section: str, options: AnyOptions, values: Mapping[str, Any]) -> AnyOptions:
    tree: Any = options.model_dump()
    for key, value in values.items():
        first, *parents, last = key.split(".")
        if first != section:
            continue
        part: Any = tree
        for parent in parents:
            part = part.get(parent) if isinstance(part, dict) else None
        if not isinstance(part, dict) or last not in part:
            valid = f" valid keys there: {', '.join(part)}" if isinstance(part, dict) else ""
            raise OptionsError(f"tune.space: there is no setting '{key}';{valid}")
        part[last] = value
    try:
        return type(options).model_validate(tree)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join([section, *map(str, problem["loc"])])
        raise OptionsError(f"tune.space: {place}: {problem['msg']} (given: {problem['input']!r})") from None
