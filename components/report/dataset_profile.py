"""What the rows themselves say: pictures by label, the worst ones, duplicates, groups, texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.report.duplicates import exact_groups, near_groups
from diptych.components.report.report_data import (
    DuplicateGroup,
    Duplicates,
    GroupFacts,
    Picture,
    RowFacts,
    Shown,
    Worst,
)
from diptych.components.report.rows import HEALTH, Rows
from diptych.components.report.texts import text_facts
from diptych.components.report.thumbnails import read_pictures
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.text.options import TextOptions

_LABELS, _PER_LABEL = 24, 6
_WORST = 6
_GROUPS, _PER_GROUP = 10, 4
_SIZES = 400
_PARTED = 20

Groups = Sequence[NDArray[np.int64]]


@dataclass(frozen=True)
class Gallery:
    """Makes rows to look at of numbers of rows, and knows afterwards whose pictures are needed."""

    rows: Rows
    places: dict[str, list[int]]

    def show(self, number: int, note: str = "") -> Shown:
        """A row, its picture yet to come."""
        split, place = self.rows.split[number], int(self.rows.place[number])
        self.places.setdefault(split, []).append(place)
        values = self.rows.values
        label = ", ".join(self.rows.labels[number])
        shown = Shown(values[features.ID][number], split, label, values[features.DESCRIPTION][number], note)
        return _Waiting(**vars(shown), place=place)


@dataclass(frozen=True)
class _Waiting(Shown):
    """A row whose picture is yet to be read."""

    place: int = 0


def row_facts(
    rows: Rows, examples_uri: str, image: ImageOptions, text: TextOptions, vocabulary: Collection[str]
) -> RowFacts:
    """Looks at the rows, and reads the pictures that are worth it.

    Raises:
        tf.errors.OpError: the examples cannot be read.
    """
    gallery = Gallery(rows, {})
    sheet = {label: [gallery.show(n) for n in some] for label, some in _by_label(rows).items()}
    worst = [one for feature in HEALTH if (one := _worst(rows, feature, gallery.show))]
    digests, hashes = rows.values[features.SHA256], rows.values[features.PHASH]
    kinds = {"exact": exact_groups(digests), "near": near_groups(hashes, digests)}
    duplicates = [_duplicates(kind, groups, rows, gallery.show) for kind, groups in kinds.items()]
    pictures = read_pictures(examples_uri, gallery.places, image)

    def filled(some: Iterable[Shown]) -> list[Shown]:
        return [with_picture(one, pictures) for one in some]

    texts, labels = _by_split(rows, rows.values[features.DESCRIPTION]), _by_split(rows, rows.labels)
    return RowFacts(
        read=len(rows),
        rows=rows.total,
        sheet={label: filled(some) for label, some in sheet.items()},
        sizes=_sizes(rows),
        formats={
            split: dict(Counter(some).most_common())
            for split, some in _by_split(rows, rows.values[features.FORMAT]).items()
        },
        worst=[replace(one, lowest=filled(one.lowest), highest=filled(one.highest)) for one in worst],
        duplicates=[replace(k, shown=[replace(g, shown=filled(g.shown)) for g in k.shown]) for k in duplicates],
        groups=_groups(rows),
        text=text_facts(texts, labels, text, vocabulary),
    )


def with_picture(shown: Shown, pictures: Mapping[tuple[str, int], Picture]) -> Shown:
    """The row, with its picture if it was read."""
    picture = pictures.get((shown.split, shown.place)) if isinstance(shown, _Waiting) else None
    return Shown(shown.id, shown.split, shown.label, shown.description, shown.note, picture)


def _by_split(rows: Rows, values: Sequence[Any] | NDArray[Any]) -> dict[str, list[Any]]:
    return {split: [values[n] for n in rows.of(split)] for split in features.SPLITS if (rows.split == split).any()}


def _by_label(rows: Rows) -> dict[str, list[int]]:
    """A few rows, evenly spread over those of train, of each of the most frequent labels."""
    found: dict[str, list[int]] = {}
    for number in rows.of(features.TRAIN):
        for label in rows.labels[number]:
            found.setdefault(label, []).append(int(number))
    frequent = sorted(found, key=lambda label: (-len(found[label]), label))[:_LABELS]
    return {label: found[label][:: max(1, len(found[label]) // _PER_LABEL)][:_PER_LABEL] for label in frequent}


def _worst(rows: Rows, feature: str, show: Callable[[int, str], Shown]) -> Worst | None:
    values = rows.values[feature]
    if not len(values) or values.min() == values.max():
        return None
    order = np.argsort(values, kind="stable")

    def shown(numbers: NDArray[np.int64]) -> list[Shown]:
        return [
            show(int(number), f"{values[number]:,.0f}" if values[number] >= 1000 else f"{values[number]:.4g}")
            for number in numbers
        ]

    return Worst(feature, shown(order[:_WORST]), shown(order[::-1][:_WORST]))


def _duplicates(kind: str, groups: Groups, rows: Rows, show: Callable[[int], Shown]) -> Duplicates:
    splits = [sorted(set(rows.split[group]), key=features.SPLITS.index) for group in groups]
    # What lies in several splits matters most.
    order = sorted(range(len(groups)), key=lambda place: -len(splits[place]))[:_GROUPS]
    shown = []
    for place in order:
        labels = sorted({label for number in groups[place] for label in rows.labels[number]})
        some = [show(int(number)) for number in _one_of_each_split_first(groups[place], rows)[:_PER_GROUP]]
        shown.append(DuplicateGroup(len(groups[place]), splits[place], labels, some))
    across = sum(len(some) > 1 for some in splits)
    return Duplicates(kind, len(groups), sum(map(len, groups)), across, shown)


def _one_of_each_split_first(group: NDArray[np.int64], rows: Rows) -> list[int]:
    seen: Counter[str] = Counter()
    ranks = []
    for number in group.tolist():
        split = rows.split[number]
        ranks.append((seen[split], features.SPLITS.index(split), number))
        seen[split] += 1
    return [number for *_, number in sorted(ranks)]


def _sizes(rows: Rows) -> dict[tuple[int, int], int]:
    pairs = zip(rows.values[features.WIDTH].tolist(), rows.values[features.HEIGHT].tolist(), strict=True)
    return dict(Counter((int(width), int(height)) for width, height in pairs).most_common(_SIZES))


def _groups(rows: Rows) -> GroupFacts | None:
    splits: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for group, split in zip(rows.values[features.GROUP], rows.split, strict=True):
        if group:
            splits.setdefault(group, set()).add(split)
            counts[group] += 1
    if not counts:
        return None
    parted = [group for group, some in splits.items() if len(some) > 1]
    return GroupFacts(len(counts), counts.total(), max(counts.values()), parted[:_PARTED])
