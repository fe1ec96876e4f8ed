"""Slices of the test split by the values of a feature, or by buckets of its values.

TFMA slices by single values only (the SQL parser with which it could do more is missing in TFX 1.21). So an extractor
adds a feature that holds the bucket's name, and the key of that feature spells the bounds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.extractors import extractor, slice_key_extractor

from diptych.components.evaluator.options import SliceOptions

_BY = " by "

Bounds = Sequence[float]


def slice_feature_key(slice_: SliceOptions) -> str:
    """The key of the feature that TFMA slices by: its name, or ``<name> by <bound>,<bound>`` if it has buckets."""
    if slice_.buckets is None:
        return slice_.feature
    return slice_.feature + _BY + ",".join(f"{bound:.17g}" for bound in slice_.buckets)


def slice_name(key: Iterable[tuple[str, Any]]) -> str:
    """The name of a slice, ``feature=value``; empty for the whole split.

    Args:
        key: TFMA's slice key, pairs of feature key and value.
    """
    return ", ".join(f"{name.partition(_BY)[0]}={value}" for name, value in key)


def bucket_name(value: float, bounds: Bounds) -> str:
    """The name of the bucket that a value is in. A bound belongs to the bucket above it."""
    place = bisect_right(bounds, value)
    if place == 0:
        return f"below {bounds[0]:g}"
    if place == len(bounds):
        return f"{bounds[-1]:g} or more"
    return f"{bounds[place - 1]:g} to below {bounds[place]:g}"


def add_bucket_extractor(extractors: Sequence[Any], eval_config: Any) -> list[Any]:
    """TFMA's default extractors, and, before the one that slices, one that adds the features of buckets."""
    keys = sorted({key for spec in eval_config.slicing_specs for key in spec.feature_keys if _BY in key})
    names = [stage.stage_name for stage in extractors]
    place = names.index(slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME)
    buckets = extractor.Extractor(stage_name="Buckets", ptransform=_AddBuckets(keys))
    return [*extractors[:place], buckets, *extractors[place:]]


class _AddBuckets(beam.PTransform):
    """Adds the features of buckets to extracts of one example each."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__()
        self._keys = keys

    def expand(self, extracts: Any) -> Any:
        return extracts | "AddBuckets" >> beam.Map(add_bucket_names, self._keys)


def add_bucket_names(extracts: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Adds the names of buckets to the extracts of an example.

    Args:
        keys: keys that ``slice_feature_key`` made of features with buckets.
    """
    features = dict(extracts[constants.FEATURES_KEY])
    for key in keys:
        name, _, bounds = key.partition(_BY)
        features[key] = _bucket_names(features.get(name), [float(bound) for bound in bounds.split(",")])
    return {**extracts, constants.FEATURES_KEY: features}


def _bucket_names(values: Any, bounds: Bounds) -> Any:
    if values is None:
        return None
    # A feature is sparse if the schema gives it no shape.
    numbers = np.ravel(getattr(values, "values", values))
    return np.array([bucket_name(number, bounds) for number in numbers.tolist()], dtype=object)
