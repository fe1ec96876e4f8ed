"""Describes the rows of the dataset: a contact sheet, extreme images, duplicates, groups and texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.report.duplicates import RowGroup, exact_duplicate_groups, near_duplicate_groups
from diptych.components.report.gallery import Gallery, make_gallery
from diptych.components.report.report_data import (
    DatasetProfile,
    DuplicateGroup,
    DuplicateSummary,
    ExtremeRows,
    GroupProfile,
)
from diptych.components.report.sampled_rows import IMAGE_MEASUREMENTS, SampledRows
from diptych.components.report.text_profile import profile_texts
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.natural_order import natural_key
from diptych.models.text.options import TextOptions

_MAX_LABELS, _ROWS_BY_LABEL = 24, 6
_EXTREME_ROWS = 5
_MAX_DUPLICATE_GROUPS, _ROWS_BY_DUPLICATE_GROUP = 10, 4
_MAX_SIZES = 400
_MAX_GROUPS_NAMED = 20


def profile_dataset(
    rows: SampledRows, examples_uri: str, image: ImageOptions, text: TextOptions | None, vocabulary: Collection[str]
) -> DatasetProfile:
    """Describes the rows, and reads the pictures of those that are displayed.

    Args:
        image: how the images are stored.
        text: how descriptions are split into terms; None if there are none.
        vocabulary: the terms that the model knows; if it is empty, those of train are taken.

    Raises:
        tf.errors.OpError: the examples cannot be read.
    """
    by_label = _choose_by_label(rows)
    extremes = {feature: _find_extremes(rows.values[feature]) for feature in IMAGE_MEASUREMENTS}
    digests = rows.values[features.SHA256]
    duplicates = {
        "exact": exact_duplicate_groups(digests),
        "near": near_duplicate_groups(rows.values[features.PHASH], digests),
    }
    displayed = {kind: _choose_groups(groups, rows) for kind, groups in duplicates.items()}
    chosen = [
        *(index for indices in by_label.values() for index in indices),
        *(index for ends in extremes.values() for indices in ends for index in indices),
        *(index for groups in displayed.values() for group in groups for index in _choose_rows(group, rows)),
    ]
    gallery = make_gallery(rows, chosen, examples_uri, image)
    descriptions, labels = rows.values[features.DESCRIPTION], rows.labels
    return DatasetProfile(
        read=len(rows),
        rows=rows.total,
        contact_sheet={label: [gallery.display(i) for i in indices] for label, indices in by_label.items()},
        sizes=_count_sizes(rows),
        formats={
            split: dict(Counter(formats).most_common())
            for split, formats in _by_split(rows, rows.values[features.FORMAT]).items()
        },
        extremes=[_display_extremes(feature, ends, gallery) for feature, ends in extremes.items() if any(ends)],
        duplicates=[
            _summarize_duplicates(kind, groups, displayed[kind], gallery) for kind, groups in duplicates.items()
        ],
        groups=_profile_groups(rows),
        text=profile_texts(_by_split(rows, descriptions), _by_split(rows, labels), text, vocabulary) if text else None,
    )


def _by_split(rows: SampledRows, values: Sequence[Any] | NDArray[Any]) -> dict[str, list[Any]]:
    present = [split for split in features.SPLITS if (rows.split == split).any()]
    return {split: [values[index] for index in rows.indices_of(split)] for split in present}


def _choose_by_label(rows: SampledRows) -> dict[str, list[int]]:
    """For each of the most frequent labels the indices of a few of its rows in train, evenly spread."""
    found: dict[str, list[int]] = {}
    for index in rows.indices_of(features.TRAIN).tolist():
        for label in rows.labels[index]:
            found.setdefault(label, []).append(index)
    frequent = sorted(found, key=lambda label: (-len(found[label]), natural_key(label)))[:_MAX_LABELS]
    return {label: found[label][:: max(1, len(found[label]) // _ROWS_BY_LABEL)][:_ROWS_BY_LABEL] for label in frequent}


def _find_extremes(values: NDArray[Any]) -> tuple[list[int], list[int]]:
    """The indices of the lowest and of the highest values; none if all values are equal."""
    if not len(values) or values.min() == values.max():
        return [], []
    order = np.argsort(values, kind="stable").tolist()
    return order[:_EXTREME_ROWS], order[::-1][:_EXTREME_ROWS]


def _display_extremes(feature: str, ends: tuple[list[int], list[int]], gallery: Gallery) -> ExtremeRows:
    values = gallery.rows.values[feature]

    def note(value: float) -> str:
        return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"

    lowest, highest = ([gallery.display(index, note(values[index])) for index in indices] for indices in ends)
    return ExtremeRows(feature, lowest, highest)


def _splits_of(group: RowGroup, rows: SampledRows) -> list[str]:
    return sorted(set(rows.split[group]), key=features.SPLITS.index)


def _choose_groups(groups: Sequence[RowGroup], rows: SampledRows) -> list[RowGroup]:
    """A few of the groups, those in several splits first: they matter most."""
    return sorted(groups, key=lambda group: -len(_splits_of(group, rows)))[:_MAX_DUPLICATE_GROUPS]


def _choose_rows(group: RowGroup, rows: SampledRows) -> list[int]:
    """The indices of a few rows of a group, one of each of its splits first."""
    seen: Counter[str] = Counter()
    ranked = []
    for index in group.tolist():
        split = rows.split[index]
        ranked.append((seen[split], features.SPLITS.index(split), index))
        seen[split] += 1
    return [index for *_, index in sorted(ranked)][:_ROWS_BY_DUPLICATE_GROUP]


def _summarize_duplicates(
    kind: str, groups: Sequence[RowGroup], displayed: Sequence[RowGroup], gallery: Gallery
) -> DuplicateSummary:
    rows = gallery.rows
    return DuplicateSummary(
        kind,
        groups=len(groups),
        rows=sum(map(len, groups)),
        across_splits=sum(len(_splits_of(group, rows)) > 1 for group in groups),
        displayed=[
            DuplicateGroup(
                rows=len(group),
                splits=_splits_of(group, rows),
                labels=sorted({label for index in group for label in rows.labels[index]}),
                displayed=[gallery.display(index) for index in _choose_rows(group, rows)],
            )
            for group in displayed
        ],
    )


def _count_sizes(rows: SampledRows) -> dict[tuple[int, int], int]:
    pairs = zip(rows.values[features.WIDTH].tolist(), rows.values[features.HEIGHT].tolist(), strict=True)
    return dict(Counter(pairs).most_common(_MAX_SIZES))


def _profile_groups(rows: SampledRows) -> GroupProfile | None:
    splits: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for group, split in zip(rows.values[features.GROUP], rows.split, strict=True):
        if group:
            splits.setdefault(group, set()).add(split)
            counts[group] += 1
    if not counts:
        return None
    across_splits = [group for group, of_group in splits.items() if len(of_group) > 1]
    return GroupProfile(len(counts), counts.total(), max(counts.values()), across_splits[:_MAX_GROUPS_NAMED])
