"""The rule about declared splits: equal images, groups and similar images of which rows are in several of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from diptych.components.data_gate.findings import MAX_IDS, SHARE_OF_ROWS, Finding
from diptych.components.data_gate.options import NearDuplicatesRule, Severity, StraddlingRule
from diptych.components.data_gate.split_rows import SplitRows
from diptych.components.declared_account import DeclaredAccount
from diptych.models import features
from diptych.models.counts import join_names, pluralize
from diptych.models.images.hamming import pairs_within_hamming_distance

_REMEDY = "data.straddling: move or drop settles it, or mend the catalogue"
# A row of a later split, and one of an earlier split that it goes with; places in the rows of all splits.
_Pairs = Sequence[tuple[int, int]]


def check_straddling(
    splits: Mapping[str, SplitRows], declared: DeclaredAccount | None, rule: StraddlingRule, near: NearDuplicatesRule
) -> Iterator[Finding]:
    """Finds rows that a declared split has in common with an earlier one; both rows are named.

    Args:
        splits: split to its rows, in the order of ``SPLITS``.
        declared: the declared splits; None if Diptych split the rows, which parts neither equal images nor groups.
        near: its ``distance`` says what similar is; if it is on, it reports similar images by itself.
    """
    if declared is None:
        return
    rows = _AllRows(splits, declared)
    equal: _Pairs = [] if declared.ignores_equal_images else rows.pairs_of(rows.images)
    groups = rows.pairs_of(rows.groups)
    yield from _findings(rows, equal, "an image", rule.severity, rule.max, _REMEDY)
    yield from _findings(rows, groups, "a group", rule.severity, rule.max, _REMEDY)
    if rule.near != "ignore" and near.severity == "ignore":
        known = {place for place, _ in equal}
        similar = [pair for pair in rows.similar_pairs(near.distance) if pair[0] not in known]
        remedy = f"data.duplicates.near: together makes them one, and {_REMEDY}; or set gate.straddling.near: ignore"
        yield from _findings(rows, similar, "nearly an image", rule.near, 0.0, remedy)


class _AllRows:
    """The rows of all splits, one after another: first those that are declared to be train.

    Attributes:
        names: of the splits.
        number: place in ``names`` of each row's split.
        declared: place in ``SPLITS`` of the declared split of each row; that of a split that was taken from train is
            train.
    """

    def __init__(self, splits: Mapping[str, SplitRows], account: DeclaredAccount) -> None:
        declared = {split: features.SPLITS.index(split) * (split in account.examples) for split in splits}
        self.names = sorted(splits, key=lambda split: declared[split])
        ordered = [splits[split] for split in self.names]
        sizes = [len(rows.ids) for rows in ordered]
        self.number = np.repeat(np.arange(len(sizes)), sizes)
        self.declared = np.repeat([declared[split] for split in self.names], sizes)
        self.ids = [row_id for rows in ordered for row_id in rows.ids]
        self.images = [digest for rows in ordered for digest in rows.texts[features.SHA256]]
        # A row without a group has the digest of its image in the group's place.
        given = [group for rows in ordered for group in rows.groups]
        self.groups = [group if group != image else "" for group, image in zip(given, self.images, strict=True)]
        self.hashes = np.concatenate([rows.hashes for rows in ordered])

    def pairs_of(self, values: Sequence[str]) -> _Pairs:
        """Each row whose value an earlier split has, with the first row that has it; an empty value is none."""
        first: dict[str, int] = {}
        for place, value in enumerate(values):
            first.setdefault(value, place)
        pairs = ((place, first[value]) for place, value in enumerate(values) if value)
        return [(place, other) for place, other in pairs if self.declared[other] < self.declared[place]]

    def similar_pairs(self, distance: int) -> _Pairs:
        """Each row whose image is similar to one of an earlier split, with the first such row."""
        # Of equal hashes only the first is paired with others; the earlier row of a pair comes first.
        _, first, inverse = np.unique(self.hashes, return_index=True, return_inverse=True)
        earliest: NDArray[np.intp] = np.arange(len(self.hashes))
        left, right = pairs_within_hamming_distance(self.hashes, distance).T
        np.minimum.at(earliest, right, left)
        others = earliest[first[inverse.reshape(-1)]]
        straddling = np.flatnonzero(self.declared[others] < self.declared)
        return list(zip(straddling.tolist(), others[straddling].tolist(), strict=True))


def _findings(
    rows: _AllRows, pairs: _Pairs, what: str, severity: Severity, limit: float, remedy: str
) -> Iterator[Finding]:
    """A finding for each split that has more rows in common with earlier ones than the limit allows."""
    for number, split in enumerate(rows.names):
        of_split = [pair for pair in pairs if rows.number[pair[0]] == number]
        share = len(of_split) / max(int((rows.number == number).sum()), 1)
        if share <= limit:
            continue
        named = join_names(
            f"{rows.ids[place]} and, in '{rows.names[rows.number[other]]}', {rows.ids[other]}"
            for place, other in of_split
        )
        count = pluralize(len(of_split), "row")
        message = (
            f"split '{split}', as the catalogue declares it: {count} ({share:.1%}) with {what} that another "
            f"declared split has too: {named}; {remedy}"
        )
        ids = tuple(dict.fromkeys(rows.ids[place] for pair in of_split[:MAX_IDS] for place in pair))[:MAX_IDS]
        yield Finding("straddling", severity, message, None, split, share, SHARE_OF_ROWS, limit, ids)
