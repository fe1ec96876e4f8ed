"""Splits by the hash of each cluster's key: what ``splits`` does in memory, for any number of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from diptych.components.example_gen.duplicates import KEPT
from diptych.components.example_gen.external.blocks import Blocks, Decisions
from diptych.components.example_gen.external.clusters import find_clusters
from diptych.components.example_gen.external.exchange import Exchange, Items, condense, node_partitions, starts_of
from diptych.components.example_gen.external.stages import Counts, Stage, StageRunner
from diptych.components.example_gen.external.star_components import least_others
from diptych.components.example_gen.external.strata import Strata
from diptych.components.example_gen.record_index import NO_SPLIT
from diptych.components.example_gen.splits import hash_position, share_ratios
from diptych.models.features import SPLITS, TRAIN

#: A record of a cluster: its key, and whether it is declared to be elsewhere than in train. Merged ones have the first
#: key and place, the number of all, and whether any is.
MEMBER_DTYPE = np.dtype(
    [("root", "<i8"), ("high", "<u8"), ("low", "<u8"), ("place", "<i8"), ("size", "<i8"), ("fixed", "?")]
)
#: A record, the first one of its cluster by key and place, their number, and whether the cluster is shared out.
LEADER_DTYPE = np.dtype([("place", "<i8"), ("leader", "<i8"), ("size", "<i8"), ("shared", "?")])

_TRAIN = SPLITS.index(TRAIN)


@dataclass(frozen=True)
class Splits:
    """The splits of all records.

    Attributes:
        followers: for each block the place and the split of records that are not the first of their cluster. The others
            have theirs in the column ``chosen``. None if all are as declared.
    """

    decisions: Decisions
    followers: Exchange | None = None

    def of(self, block: int) -> NDArray[np.int8]:
        """The split of each record of a block; ``NO_SPLIT`` if it is rejected."""
        blocks = self.decisions.blocks
        if not self.followers:
            reasons, _ = self.decisions.reasons(block)
            return np.where(reasons == KEPT, self.decisions.splits(block), NO_SPLIT).astype(np.int8)
        splits: NDArray[np.int8] = blocks.load(block, "chosen")
        for items in self.followers.read(block):
            splits[blocks.locate(block, items["node"])] = items["other"]
        return splits


def share_out(decisions: Decisions, missing: Sequence[int], runner: StageRunner) -> Splits:
    """Chooses the split of the kept records: as declared, else by their cluster.

    Args:
        missing: the splits, as places in ``SPLITS``, that no record is declared to be in; at least one.
    """
    blocks, strata = decisions.blocks, Strata(decisions.blocks, missing)
    roots = find_clusters(decisions, "clusters", runner)
    members, leaders = blocks.exchange("members", MEMBER_DTYPE), blocks.exchange("leaders", LEADER_DTYPE)
    sharing = _Sharing(decisions, tuple(missing))
    runner.add(
        Stage("members", blocks.count, partial(sharing.emit_members, roots, members)),
        Stage("leaders", members.partitions, partial(_emit_leaders, blocks, members, leaders)),
    )
    shared = Stage("shared", blocks.count, partial(sharing.save_shared, leaders))
    if blocks.data.stratify:
        (labels,) = runner.run(shared)
        strata.find_bounds(labels, runner)
    else:
        runner.add(shared)
    led, followers, chosen = (blocks.exchange(name) for name in ("led", "followers", "followers-splits"))
    runner.add(
        Stage("chosen", blocks.count, partial(sharing.choose, strata, led, followers)),
        Stage("followers-splits", led.partitions, partial(_emit_followers, blocks, led, followers, chosen)),
    )
    runner.discard(*(exchange.folder for exchange in (roots, members, leaders, led, followers)))
    return Splits(decisions, chosen)


@dataclass(frozen=True)
class _Sharing:
    """The tasks of blocks.

    Attributes:
        missing: see ``share_out``.
    """

    decisions: Decisions
    missing: tuple[int, ...]

    def emit_members(self, roots: Exchange, members: Exchange, block: int) -> Counts:
        """Adds the records that are not alone to the partitions of their clusters."""
        blocks = self.decisions.blocks
        keys, fixed = _cluster_keys(blocks, block), self._fixed(block)
        with members.write(block) as writer:
            for items in roots.read(block):
                at, owners = blocks.locate(block, items["node"]), items["other"]
                partitions = node_partitions(owners, members.partitions)
                writer.add(partitions, owners, *keys[at].T, items["node"], np.ones(len(at), np.int64), fixed[at])
        return Counter()

    def save_shared(self, leaders: Exchange, block: int) -> Counts:
        """Keeps leader, size and position of each cluster; counts labels of the records that are shared out."""
        blocks = self.decisions.blocks
        leader, size = blocks.places(block), np.ones(len(blocks.places(block)), np.int64)
        is_shared = ~self._fixed(block)
        for items in leaders.read(block):
            at = blocks.locate(block, items["place"])
            leader[at], size[at], is_shared[at] = items["leader"], items["size"], items["shared"]
        shared = np.intersect1d(np.flatnonzero(is_shared), self.decisions.kept(block))
        leads = shared[leader[shared] == blocks.places(block)[shared]]
        keys = _cluster_keys(blocks, block)[leads].astype(">u8").tobytes()
        hashed = (hash_position(keys[start : start + 16], blocks.data.seed) for start in range(0, len(keys), 16))
        for name, values in {"leader": leader, "size": size, "shared": shared, "leads": leads}.items():
            blocks.save(block, name, values)
        blocks.save(block, "position", np.fromiter(hashed, np.float64, len(leads)))
        return _count_labels(blocks, block, shared) if blocks.data.stratify else Counter()

    def choose(self, strata: Strata, led: Exchange, followers: Exchange, block: int) -> Counts:
        """Chooses the splits of those that lead their cluster, and tells them to the partitions of their followers."""
        blocks, decisions = self.decisions.blocks, self.decisions
        chosen, kept = np.full(len(blocks.places(block)), NO_SPLIT, np.int8), decisions.kept(block)
        leader, size, shared, leads = (blocks.load(block, name) for name in ("leader", "size", "shared", "leads"))
        chosen[kept] = decisions.splits(block)[kept]
        chosen[shared] = NO_SPLIT
        positions = blocks.load(block, "position")
        splits, ratios = share_ratios(self.missing, blocks.data)
        bounds = strata.bounds(block, leads) if blocks.data.stratify else ratios[None]
        chosen[leads] = splits[(positions[:, None] >= bounds).sum(axis=1)]
        blocks.save(block, "chosen", chosen)
        places = blocks.places(block)
        several = leads[size[leads] > 1]
        with led.write(block) as writer:
            writer.add(node_partitions(places[several], led.partitions), places[several], chosen[several])
        follow = shared[leader[shared] != places[shared]]
        with followers.write(block) as writer:
            writer.add(node_partitions(leader[follow], followers.partitions), leader[follow], places[follow])
        return Counter()

    def _fixed(self, block: int) -> NDArray[np.bool_]:
        """Whether records stay as declared: where some are declared, those that are not in train."""
        splits = self.decisions.splits(block)
        return splits != _TRAIN if len(self.missing) < len(SPLITS) else np.zeros(len(splits), bool)


def _cluster_keys(blocks: Blocks, block: int) -> NDArray[np.uint64]:
    """The key of each record: its group, or its pixels without one."""
    groups = blocks.load(block, "group")
    return np.where(groups.any(axis=1)[:, None], groups, blocks.load(block, "pixels"))


def _count_labels(blocks: Blocks, block: int, shared: NDArray[np.intp]) -> Counts:
    label_sets = blocks.load_labels(block)
    counts: Counts = Counter()
    for labels, count in zip(label_sets, np.bincount(blocks.load(block, "label_set")[shared]).tolist(), strict=False):
        counts.update(dict.fromkeys(labels, count) if count else {})
    return counts


def _emit_leaders(blocks: Blocks, members: Exchange, leaders: Exchange, partition: int) -> Counts:
    clusters = condense(members.read(partition), MEMBER_DTYPE, _merge)
    with leaders.write(partition) as writer:
        for items in members.read(partition):
            found = clusters[np.searchsorted(clusters["root"], items["root"])]
            writer.add(blocks.of(items["place"]), items["place"], found["place"], found["size"], ~found["fixed"])
    return Counter()


def _merge(members: Items) -> Items:
    if not len(members):
        return members
    ordered = members[np.lexsort((members["place"], members["low"], members["high"], members["root"]))]
    starts = np.flatnonzero(starts_of(ordered["root"]))
    merged: Items = ordered[starts]
    merged["size"] = np.add.reduceat(ordered["size"], starts)
    merged["fixed"] = np.logical_or.reduceat(ordered["fixed"], starts)
    return merged


def _emit_followers(blocks: Blocks, led: Exchange, followers: Exchange, chosen: Exchange, partition: int) -> Counts:
    splits = least_others(led.read(partition))
    with chosen.write(partition) as writer:
        for items in followers.read(partition):
            writer.add(blocks.of(items["other"]), items["other"], splits.of(items["node"]))
    return Counter()
