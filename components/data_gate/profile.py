"""Profiles: summaries of a split that are small enough to keep, with which other splits are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from diptych.components.data_gate.findings import MAX_IDS
from diptych.components.data_gate.split_rows import CATEGORICAL_FEATURES, NUMERIC_FEATURES, Floats, SplitRows

_QUANTILES = 16
_MIDDLE_99_PERCENT = (0.005, 0.995)


class NumericProfile(BaseModel):
    """The distribution of a number.

    Attributes:
        edges: ascending bounds of bins: the quantiles 0, 1/16, ..., 1 without repeats. After a quantile that repeats
            comes the next greater float, so that the repeated value has a bin of its own.
        counts: the number of rows in each bin, as ``bin_counts`` gives it.
        low: the least value of the middle 99 % of the rows.
        high: the greatest value of the middle 99 % of the rows.
    """

    edges: list[float]
    counts: list[int]
    low: float
    high: float


class LabelProfile(BaseModel):
    """The number of rows of a label, and the ids of the first of them."""

    rows: int
    ids: list[str]


class SplitProfile(BaseModel):
    """The summary of a split.

    Attributes:
        rows: the number of rows.
        effective_sample_size: see ``SplitRows``.
        numbers: feature to its distribution.
        categories: feature to value to number of occurrences.
        labels: label to its rows.
        singleton_share: ``Vocabulary.singleton_share`` of train.
    """

    # The aliases are the keys of profiles.json.
    model_config = ConfigDict(populate_by_name=True)

    rows: int
    effective_sample_size: float = Field(alias="effective")
    numbers: dict[str, NumericProfile]
    categories: dict[str, dict[str, int]]
    labels: dict[str, LabelProfile]
    singleton_share: float | None = Field(alias="lone_words")


_PROFILES = TypeAdapter(dict[str, SplitProfile])


def dump_profiles(profiles: Mapping[str, SplitProfile]) -> bytes:
    """The profile of each split as JSON, the content of ``profiles.json``."""
    return _PROFILES.dump_json(dict(profiles), by_alias=True)


def parse_profiles(content: bytes) -> dict[str, SplitProfile]:
    """The profiles of ``dump_profiles``.

    Raises:
        ValueError: the content is not theirs.
    """
    return _PROFILES.validate_json(content)


def make_profile(rows: SplitRows, singleton_share: float | None) -> SplitProfile:
    """Summarises a split.

    Args:
        singleton_share: that of train's vocabulary.
    """
    return SplitProfile(
        rows=len(rows.ids),
        effective_sample_size=rows.effective_sample_size,
        numbers={name: _profile_number(rows.numbers[name]) for name in NUMERIC_FEATURES if rows.ids},
        categories={name: dict(sorted(count_values(rows, name).items())) for name in CATEGORICAL_FEATURES},
        labels={
            label: LabelProfile(rows=len(ids), ids=ids[:MAX_IDS]) for label, ids in sorted(rows.ids_by_label().items())
        },
        singleton_share=singleton_share,
    )


def count_values(rows: SplitRows, name: str) -> Counter[str]:
    """How often each value of a categorical feature occurs."""
    return Counter(value for values in rows.category_values(name) for value in values)


def bin_indices(values: Floats, edges: list[float]) -> NDArray[np.intp]:
    """The bin of each value: the number of edges that are not above it.

    Args:
        values: ``[n]``.
        edges: ascending.

    Returns:
        int ``[n]``, each 0 to the number of edges.
    """
    return np.searchsorted(np.asarray(edges), values, "right")


def bin_counts(values: Floats, edges: list[float]) -> NDArray[np.intp]:
    """The number of values in each bin, int ``[number of edges + 1]``."""
    return np.bincount(bin_indices(values, edges), minlength=len(edges) + 1)


def _profile_number(values: Floats) -> NumericProfile:
    quantiles = np.quantile(values, np.linspace(0, 1, _QUANTILES + 1), method="inverted_cdf")
    edges, repeats = np.unique(quantiles, return_counts=True)
    # Many rows may share a value, such as a width. In a bin of its own, a change of it by little is seen.
    shared = np.nextafter(edges[repeats > 1], np.inf)
    ordered = np.sort(np.concatenate([edges, shared])).tolist()
    low, high = np.quantile(values, _MIDDLE_99_PERCENT).tolist()
    return NumericProfile(edges=ordered, counts=bin_counts(values, ordered).tolist(), low=low, high=high)
