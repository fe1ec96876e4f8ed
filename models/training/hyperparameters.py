"""Settings that a search has found, and how they take the place of those given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from diptych.models.errors import OptionsError
from diptych.models.networks.options import NetworkOptions
from diptych.models.options import Options
from diptych.models.training.options import TrainOptions
from diptych.models.training.tune_options import TuneOptions

AnyOptions = TypeVar("AnyOptions", bound=Options)


def with_hyperparameters(
    train: TrainOptions, network: NetworkOptions, values: Mapping[str, Any]
) -> tuple[TrainOptions, NetworkOptions]:
    """The options of ``train`` and ``model`` with some values in place of their own.

    Args:
        values: dotted settings key, such as ``train.learning_rate``, to its value.

    Raises:
        ValueError: there is no such key, or the options do not take the value.
    """
    return _with_values("train", train, values), _with_values("model", network, values)


def check_space(tune: TuneOptions, train: TrainOptions, network: NetworkOptions) -> None:
    """Whether each value that may be tried goes together with the settings.

    Raises:
        ValueError: one does not; the message names the key.
    """
    for key, value in tune.samples():
        with_hyperparameters(train, network, {key: value})


def encode_choices(values: Sequence[Any]) -> list[Any]:
    """The values of a list as KerasTuner holds them, which knows neither lists nor null, nor numbers of two kinds."""
    kinds = {type(value) for value in values}
    return list(values) if kinds in ({int}, {float}) else [json.dumps(value) for value in values]


def chosen_values(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings in what TFX's Tuner wrote: key to value.

    Args:
        config: of ``keras_tuner.HyperParameters``; None without a search.
    """
    found = (config or {}).get("values", {})
    # Hyperband keeps notes of its own among them.
    own = {key: value for key, value in found.items() if not key.startswith("tuner/")}
    return {key: json.loads(value) if isinstance(value, str) else value for key, value in own.items()}


def _with_values(section: str, options: AnyOptions, values: Mapping[str, Any]) -> AnyOptions:
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
