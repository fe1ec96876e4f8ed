"""Duplicates: which records repeat an earlier one, and which belong together so that no split may part them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from diptych.components.catalogue.options import DataOptions
from diptych.components.example_gen.record_index import IndexEntries
from diptych.models.images.hamming import pairs_within_hamming_distance

#: In the place of a reason: the record is kept.
KEPT = -1
#: Why a record is rejected; the numbers that ``find_duplicates`` returns are places in this list.
DUPLICATE_REASONS = ("duplicate_id", "duplicate", "near_duplicate", "straddling")

#: Places of records in the catalogue's order.
Places = NDArray[np.intp]


def find_duplicates(entries: IndexEntries, data: DataOptions) -> tuple[NDArray[np.int8], Places]:
    """Finds the records that are rejected because they repeat an earlier one.

    Args:
        entries: of all records, in the order in which they are preferred to be kept.

    Returns:
        For each record ``KEPT`` or its place in ``DUPLICATE_REASONS``, and the place of the record that it repeats; the
        place of a kept record is its own.
    """
    reasons = np.full(len(entries), KEPT, np.int8)
    originals = np.arange(len(entries))

    def reject(reason: str, places: Places, earlier: Places) -> None:
        reasons[places] = DUPLICATE_REASONS.index(reason)
        originals[places] = earlier

    if data.columns.id:
        reject("duplicate_id", *_later_occurrences(entries["id"], np.arange(len(entries))))
    kept = np.flatnonzero(reasons == KEPT)
    if data.duplicates.exact == "drop":
        reject("duplicate", *_later_occurrences(entries["pixels"][kept], kept))
    if data.duplicates.exact == "together":
        # A row that is repeated in another declared split is no needless one: the data gate must see it.
        for split in np.unique(entries["split"][kept]):
            of_split = kept[entries["split"][kept] == split]
            reject("duplicate", *_later_occurrences(entries["content"][of_split], of_split))
    if data.duplicates.near == "drop":
        kept = np.flatnonzero(reasons == KEPT)
        reject("near_duplicate", *_near_duplicates(entries["phash"][kept], data.duplicates.distance, kept))
    return reasons, originals


def join_clusters(entries: IndexEntries, data: DataOptions) -> NDArray[np.int32]:
    """The cluster of each record: records with the same group, the same pixels or near pixels share one."""
    count = len(entries)
    grouped = np.flatnonzero(entries["group"] != b"")
    links = [np.stack(_later_occurrences(entries["group"][grouped], grouped), axis=1)]
    if data.duplicates.exact != "keep":
        links.append(np.stack(_later_occurrences(entries["pixels"], np.arange(count)), axis=1))
    if data.duplicates.near == "together":
        links.append(pairs_within_hamming_distance(entries["phash"], data.duplicates.distance))
    ends = np.concatenate(links)
    graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(count, count))
    clusters: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return clusters


def _later_occurrences(values: NDArray[Any], places: Places) -> tuple[Places, Places]:
    """The places of values that occurred before, and for each the place of its first occurrence.

    Args:
        places: of the values.
    """
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    earlier = first[inverse.reshape(-1)]
    later = np.flatnonzero(earlier != np.arange(len(values)))
    return places[later], places[earlier[later]]


def _near_duplicates(hashes: NDArray[np.int64], distance: int, places: Places) -> tuple[Places, Places]:
    """The places of hashes that are near an earlier kept one, and for each the place of that one.

    Args:
        distance: differing bits up to which two hashes are near.
        places: of the hashes.
    """
    pairs = pairs_within_hamming_distance(hashes, distance)
    originals: dict[int, int] = {}
    # Pairs are taken in the order of their later members, so that it is known whether the earlier one is kept. Of equal
    # hashes only the first is paired with others: a hash equal to a dropped one repeats what that one repeats.
    for earlier, later in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))].tolist():
        if later in originals:
            continue
        if earlier not in originals:
            originals[later] = earlier
        elif hashes[earlier] == hashes[later]:
            originals[later] = originals[earlier]
    later_places = np.array(list(originals), np.intp)
    return places[later_places], places[np.array(list(originals.values()), np.intp)]
