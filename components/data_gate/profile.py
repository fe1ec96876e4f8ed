"""What is kept of a split, to compare others with: small, and JSON."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from diptych.components.data_gate.findings import MAX_IDS
from diptych.components.data_gate.rows import CATEGORIES, NUMBERS, Floats, Rows

_BINS = 16
_MIDDLE = (0.005, 0.995)


class NumberProfile(BaseModel):
    """How a number is distributed.

    Attributes:
        edges: its quantiles 0, 1/16, ..., 1, each once; after one that repeats, the next greater number.
        counts: of each of ``bins``.
        low: the least value of the middle 99 % of the rows.
        high: the greatest.
    """

    edges: list[float]
    counts: list[int]
    low: float
    high: float


class LabelProfile(BaseModel):
    """Rows of a label, and ids of the first of them."""

    rows: int
    ids: list[str]


class Profile(BaseModel):
    """A split in figures.

    Attributes:
        rows: how many.
        effective: see ``Rows.effective``.
        numbers: by feature.
        categories: feature to value to count.
        labels: by label.
        lone_words: the share of its words that only one group has; None without words.
    """

    rows: int
    effective: float
    numbers: dict[str, NumberProfile]
    categories: dict[str, dict[str, int]]
    labels: dict[str, LabelProfile]
    lone_words: float | None


def make_profile(rows: Rows, lone_words: float | None) -> Profile:
    """The figures of a split."""
    return Profile(
        rows=len(rows.ids),
        effective=rows.effective,
        numbers={name: _number(rows.numbers[name]) for name in NUMBERS if rows.ids},
        categories={name: dict(sorted(count_values(rows, name).items())) for name in CATEGORIES},
        labels={
            label: LabelProfile(rows=len(ids), ids=ids[:MAX_IDS]) for label, ids in sorted(rows.ids_by_label().items())
        },
        lone_words=lone_words,
    )


def count_values(rows: Rows, name: str) -> Counter[str]:
    """How often each value of a category occurs."""
    return Counter(value for values in rows.category(name) for value in values)


def bins(values: Floats, edges: list[float]) -> NDArray[np.intp]:
    """The bin of each value, int ``[n]``: how many edges are not above it.

    Args:
        values: ``[n]``.
    """
    return np.searchsorted(np.asarray(edges), values, "right")


def count_bins(values: Floats, edges: list[float]) -> NDArray[np.intp]:
    """int ``[edges + 1]``, how many values each of ``bins`` holds."""
    return np.bincount(bins(values, edges), minlength=len(edges) + 1)


def _number(values: Floats) -> NumberProfile:
    quantiles = np.quantile(values, np.linspace(0, 1, _BINS + 1), method="inverted_cdf")
    edges, repeats = np.unique(quantiles, return_counts=True)
    # A value that many rows share, such as a width, has a bin of its own and cannot hide beside its neighbours.
    shared = np.nextafter(edges[repeats > 1], np.inf)
    ordered = np.sort(np.concatenate([edges, shared])).tolist()
    low, high = np.quantile(values, _MIDDLE).tolist()
    return NumberProfile(edges=ordered, counts=count_bins(values, ordered).tolist(), low=low, high=high)
