"""The first record of each key, where the keys of all records are not held by anyone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from diptych.components.example_gen.external.blocks import Blocks, Decisions, Nodes, nodes_of, place_of, split_of
from diptych.components.example_gen.external.exchange import (
    Exchange,
    Items,
    ItemWriter,
    condense,
    hash_partitions,
    mix,
    starts_of,
)
from diptych.components.example_gen.external.stages import Counts, Stage, StageRunner
from diptych.components.example_gen.external.star_components import least_others

#: A record and the key by which it is grouped, 128 bits.
KEYED_DTYPE = np.dtype([("high", "<u8"), ("low", "<u8"), ("node", "<i8")])

Keys = NDArray[np.uint64]


def load_keys(blocks: Blocks, block: int, column: str) -> Keys:
    """The keys of the records of a block, uint64 ``[n, 2]``: of a digest, or of ``phash``."""
    values = blocks.load(block, column)
    return values if values.ndim == 2 else np.stack([values.view(np.uint64), np.zeros(len(values), np.uint64)], axis=1)


def add_keyed(writer: ItemWriter, keys: Keys, nodes: Nodes, partitions: int) -> None:
    """Adds records to the partitions of their keys."""
    high, low = keys.T
    writer.add(hash_partitions(high ^ mix(low), partitions), high, low, nodes)


class FirstOfKeys:
    """The first node of each key. It is held for each key once, however many records have it."""

    def __init__(self, keyed: Iterable[Items]) -> None:
        self.items = condense(keyed, KEYED_DTYPE, _first)
        self._high, self._low, self._nodes = (
            np.ascontiguousarray(self.items[name]) for name in KEYED_DTYPE.names or ()
        )

    def of(self, items: Items) -> Nodes:
        """The first node of the keys of items, all of them known."""
        places = np.searchsorted(self._high, items["high"])
        # Of different keys with the same first half there is hardly ever one.
        while len(wrong := np.flatnonzero(self._low[places] != items["low"])):
            places[wrong] += 1
        return self._nodes[places]


def _first(keyed: Items) -> Items:
    ordered = keyed[np.lexsort((keyed["node"], keyed["low"], keyed["high"]))]
    first: Items = ordered[starts_of(ordered["high"], ordered["low"])]
    return first


def find_repeated(
    decisions: Decisions, name: str, column: str, runner: StageRunner, within_split: bool = False
) -> Exchange:
    """Finds the records whose key an earlier one has, among those that are kept.

    Args:
        column: of the keys.
        within_split: whether an earlier one counts in the same declared split only.

    Returns:
        For each block the place of each such record and the first node of its key.
    """
    blocks = decisions.blocks
    keyed, found = blocks.exchange(f"{name}-keys", KEYED_DTYPE), blocks.exchange(name)
    runner.add(
        Stage(f"{name}-keys", blocks.count, partial(_emit_keys, decisions, column, within_split, keyed)),
        Stage(name, keyed.partitions, partial(_emit_repeated, blocks, keyed, found)),
    )
    runner.discard(keyed.folder)
    return found


def _emit_keys(decisions: Decisions, column: str, within_split: bool, keyed: Exchange, block: int) -> Counts:
    blocks, kept, splits = decisions.blocks, decisions.kept(block), decisions.splits(block)
    keys = load_keys(blocks, block, column)
    if within_split:
        keys[:, 0] ^= mix(splits.astype(np.uint64))
    with keyed.write(block) as writer:
        add_keyed(writer, keys[kept], nodes_of(blocks.places(block), splits)[kept], keyed.partitions)
    return Counter()


def _emit_repeated(blocks: Blocks, keyed: Exchange, found: Exchange, partition: int) -> Counts:
    first = FirstOfKeys(keyed.read(partition))
    count = 0
    with found.write(partition) as writer:
        for items in keyed.read(partition):
            originals = first.of(items)
            later = originals != items["node"]
            count += int(np.count_nonzero(later))
            places = place_of(items["node"][later])
            writer.add(blocks.of(places), places, originals[later])
    return Counter(found=count)


def find_latest(decisions: Decisions, roots: Exchange, runner: StageRunner) -> Exchange:
    """Finds the records whose cluster has one in a declared split that is judged later.

    Args:
        roots: see ``clusters.find_clusters``.

    Returns:
        For each block the place of each such record and the first node of that split.
    """
    blocks = decisions.blocks
    members, found = blocks.exchange("straddling-members"), blocks.exchange("straddling")
    runner.add(
        Stage("straddling-members", blocks.count, partial(_emit_members, decisions, roots, members)),
        Stage("straddling", members.partitions, partial(_emit_latest, blocks, members, found)),
    )
    runner.discard(roots.folder, members.folder)
    return found


def _emit_members(decisions: Decisions, roots: Exchange, members: Exchange, block: int) -> Counts:
    blocks = decisions.blocks
    nodes = nodes_of(blocks.places(block), decisions.splits(block))
    with members.write(block) as writer:
        for items in roots.read(block):
            partitions = hash_partitions(items["other"].astype(np.uint64), members.partitions)
            writer.add(partitions, items["other"], nodes[blocks.locate(block, items["node"])])
    return Counter()


def _emit_latest(blocks: Blocks, members: Exchange, found: Exchange, partition: int) -> Counts:
    latest = least_others(members.read(partition))
    with found.write(partition) as writer:
        for items in members.read(partition):
            best = latest.of(items["node"])
            other = split_of(best) != split_of(items["other"])
            places = place_of(items["other"][other])
            writer.add(blocks.of(places), places, best[other])
    return Counter()
