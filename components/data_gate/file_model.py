"""The rule about files that tell the label: a decision tree of their format and size alone knows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from diptych.components.data_gate.findings import MAX_IDS, Finding, mention_ids
from diptych.components.data_gate.options import LabelFromFileRule
from diptych.components.data_gate.split_rows import ASPECT, SplitRows, fold_of, stride_over
from diptych.models import features
from diptych.models.baselines.classifier import indicate_labels
from diptych.models.counts import join_names, pluralize

KAPPA = "Cohen's kappa of a decision tree of the files' properties"

# Of more rows, as many are looked at, evenly spread; of more labels the most frequent ones.
_MAX_ROWS, _MAX_LABELS = 5_000, 100
# A label is judged if so many rows have it and as many have not.
_FEWEST_ROWS = 20
_FOLDS = 3
# Small enough for a tree to know no row by itself.
_LEAVES, _FEWEST_OF_LEAF = 64, 5

_Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class _Properties:
    """Properties of files that are tried together.

    Attributes:
        name: what people call them.
        feature: the feature of the finding; None if it is no single one.
        values: float64 ``[rows, properties]``.
    """

    name: str
    feature: str | None
    values: _Matrix


def check_label_from_file(splits: Mapping[str, SplitRows], rule: LabelFromFileRule) -> Iterator[Finding]:
    """Fits decision trees to format, size in pixels and bytes for each pixel, and judges them by rows held out.

    Held out is a third of the groups at a time. For each label, Cohen's kappa (J. Cohen, "A Coefficient of Agreement
    for Nominal Scales", 1960) says how well the tree tells its rows from all others: 0 is chance, 1 is without mistake.
    The first properties that tell a label are named, in the order from one to all of them.
    """
    if rule.severity == "ignore":
        return
    parts = list(splits.values())
    stride = stride_over(parts, _MAX_ROWS)
    labels = [row for rows in parts for row in rows.labels[::stride]]
    names = _judged_labels(labels)
    if not names:
        return
    given = indicate_labels(labels, names)
    ids = [row_id for rows in parts for row_id in rows.ids[::stride]]
    folds = np.array([fold_of(group, _FOLDS) for rows in parts for group in rows.groups[::stride]], np.intp)
    left = list(range(len(names)))
    for properties in _list_properties(parts, stride):
        kappas = _measure(properties.values, given, folds)
        told = [place for place in left if kappas[place] >= rule.kappa]
        left = [place for place in left if place not in told]
        if told:
            kappa_of = {names[place]: kappas[place] for place in told}
            named = [ids[row] for row in np.flatnonzero(given[:, told].any(axis=1))[:MAX_IDS]]
            yield _describe(properties, kappa_of, rule, named)


def _describe(
    properties: _Properties, told: Mapping[str, float], rule: LabelFromFileRule, ids: Sequence[str]
) -> Finding:
    ranked = sorted(told.items(), key=lambda item: (-item[1], item[0]))
    shown = join_names(f"'{label}' {kappa:.2f}" for label, kappa in ranked)
    message = (
        f"feature '{features.LABEL}': {pluralize(len(told), 'label')} can be told from the others by {properties.name} "
        f"alone (Cohen's kappa on rows held out: {shown}; "
        f"gate.label_from_file.kappa is {rule.kappa:g}): the model may learn where files come from, not what they "
        f"show{mention_ids(ids)}; take the files of all labels from the same sources, or bring them to one format and "
        "size before the catalogue is made"
    )
    return Finding(
        "label_from_file",
        rule.severity,
        message,
        properties.feature,
        measured=ranked[0][1],
        formula=KAPPA,
        threshold=rule.kappa,
        ids=tuple(ids),
    )


def _judged_labels(labels: Sequence[tuple[str, ...]]) -> list[str]:
    counts = Counter(chain.from_iterable(labels)).most_common(_MAX_LABELS)
    return [label for label, count in counts if _FEWEST_ROWS <= count <= len(labels) - _FEWEST_ROWS]


def _list_properties(parts: Sequence[SplitRows], stride: int) -> list[_Properties]:
    def number(name: str) -> _Matrix:
        return np.concatenate([rows.numbers[name][::stride] for rows in parts])

    width, height = number(features.WIDTH), number(features.HEIGHT)
    formats = [name for rows in parts for name in rows.texts[features.FORMAT][::stride]]
    of_format = (np.array(formats)[:, None] == np.unique(formats)).astype(np.float64)
    size = np.column_stack([width, height, number(ASPECT)])
    density = (number(features.FILE_BYTES) / np.maximum(width * height, 1))[:, None]
    return [
        _Properties("the format of the file", features.FORMAT, of_format),
        _Properties("the width and height of the image", features.WIDTH, size),
        _Properties("the file's bytes for each pixel", features.FILE_BYTES, density),
        _Properties("format, size and bytes of the file", None, np.hstack([of_format, size, density])),
    ]


def _measure(values: _Matrix, given: NDArray[np.bool_], folds: NDArray[np.intp]) -> list[float]:
    """How well a tree of the values tells each label, by the rows of each fold and a tree of those of the others."""
    from sklearn.metrics import cohen_kappa_score
    from sklearn.tree import DecisionTreeClassifier

    if (values == values[0]).all():
        return [0.0] * given.shape[1]
    found = np.zeros_like(given)
    for fold in np.unique(folds):
        held_out = folds == fold
        if held_out.all():
            return [0.0] * given.shape[1]
        tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, min_samples_leaf=_FEWEST_OF_LEAF, random_state=0)
        tree.fit(values[~held_out], given[~held_out])
        found[held_out] = tree.predict(values[held_out]).reshape(-1, given.shape[1])
    # A label that no row has and no tree finds has no kappa.
    return [float(np.nan_to_num(cohen_kappa_score(*pair))) for pair in zip(given.T, found.T, strict=True)]
