"""Slices of the test split by values of a feature, or by buckets of them.

TFMA slices by whole values only, and of SQL, with which it could do more, TFX 1.21 has lost the parser. So a sliced
feature that has buckets is given to TFMA as one more feature, under a name that says its bounds: TFX calls the
extractor by its import path and hands it nothing but TFMA's configuration.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.api import model_eval_lib
from tensorflow_model_analysis.extractors import extractor, slice_key_extractor

from diptych.components.evaluator.options import SliceOptions

_BY = " by "

Bounds = Sequence[float]


def feature_key(slice_: SliceOptions) -> str:
    """What TFMA calls the sliced feature."""
    if slice_.buckets is None:
        return slice_.feature
    return slice_.feature + _BY + ",".join(f"{bound:.17g}" for bound in slice_.buckets)


def slice_name(key: Iterable[tuple[str, Any]]) -> str:
    """``feature=value`` of one of TFMA's slices; empty for the whole split."""
    return ", ".join(f"{name.partition(_BY)[0]}={value}" for name, value in key)


def bucket_name(value: float, bounds: Bounds) -> str:
    """In words, the bucket that a value falls into; a bound belongs to the bucket above it."""
    place = bisect_right(bounds, value)
    if place == 0:
        return f"below {bounds[0]:g}"
    if place == len(bounds):
        return f"{bounds[-1]:g} or more"
    return f"{bounds[place - 1]:g} to below {bounds[place]:g}"


def custom_extractors(eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any) -> list[Any]:
    """TFMA's own extractors, and before it slices, one that adds the features of buckets."""
    extractors = list(
        model_eval_lib.default_extractors(
            eval_shared_model=eval_shared_model, eval_config=eval_config, tensor_adapter_config=tensor_adapter_config
        )
    )
    keys = sorted({key for spec in eval_config.slicing_specs for key in spec.feature_keys if _BY in key})
    names = [one.stage_name for one in extractors]
    place = names.index(slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME)
    extractors.insert(place, extractor.Extractor(stage_name="Buckets", ptransform=_AddBuckets(keys)))
    return extractors


class _AddBuckets(beam.PTransform):
    """Extracts of one example each -> the same with the buckets' features."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__()
        self._keys = keys

    def expand(self, extracts: Any) -> Any:
        return extracts | "AddBuckets" >> beam.Map(add_buckets, self._keys)


def add_buckets(extracts: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Extracts of one example, with one more feature for each of the keys that ``feature_key`` made for buckets."""
    features = dict(extracts[constants.FEATURES_KEY])
    for key in keys:
        name, _, bounds = key.partition(_BY)
        features[key] = _buckets(features.get(name), [float(bound) for bound in bounds.split(",")])
    return {**extracts, constants.FEATURES_KEY: features}


def _buckets(values: Any, bounds: Bounds) -> Any:
    if values is None:
        return None
    # A feature that the schema gives no shape is sparse.
    numbers = np.ravel(getattr(values, "values", values))
    return np.array([bucket_name(number, bounds) for number in numbers.tolist()], dtype=object)
