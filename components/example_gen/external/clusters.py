"""Clusters of records that no split may part, and near duplicates."""

from __future__ import annotations

import os
from collections import Counter
from functools import partial

import numpy as np

from diptych.components.example_gen.external.blocks import Blocks, Decisions, nodes_of, place_of
from diptych.components.example_gen.external.exchange import (
    Exchange,
    add_links,
    hash_partitions,
    node_partitions,
)
from diptych.components.example_gen.external.grouping import KEYED_DTYPE, FirstOfKeys, add_keyed, load_keys
from diptych.components.example_gen.external.stages import Counts, Stage, StageRunner
from diptych.components.example_gen.external.star_components import find_roots, least_others
from diptych.models.images.hamming import hash_bands, pairs_in_bands

#: A perceptual hash, the band of its bits by which it is compared with others, and the first record that has it.
BAND_DTYPE = np.dtype([("band", "u1"), ("value", "<u8"), ("phash", "<u8"), ("node", "<i8")])
#: Two records that are near each other, and the root of the component that they belong to.
NEAR_DTYPE = np.dtype([("root", "<i8"), ("earlier", "<i8"), ("later", "<i8")])


def find_clusters(decisions: Decisions, name: str, runner: StageRunner) -> Exchange:
    """Joins the kept records with the same group, the same pixels or near pixels.

    Returns:
        For each block the place of each record that is not alone in its cluster, and the place of the cluster's root.
    """
    blocks, duplicates = decisions.blocks, decisions.blocks.data.duplicates
    links = [_link_equal(decisions, f"{name}-group", "group", runner)]
    if duplicates.exact != "keep":
        links.append(_link_equal(decisions, f"{name}-pixels", "pixels", runner))
    if duplicates.near == "together":
        links += _link_near(decisions, f"{name}-near", runner, by_place=True)
    stars = find_roots(links, os.path.join(blocks.folder, f"{name}-stars"), runner)
    roots = blocks.exchange(f"{name}-roots", writers=stars.partitions)
    runner.add(Stage(f"{name}-roots", stars.partitions, partial(_emit_roots, blocks, stars, roots)))
    runner.discard(*(exchange.folder for exchange in (*links, stars)))
    return roots


def _link_equal(decisions: Decisions, name: str, column: str, runner: StageRunner) -> Exchange:
    """Adds the stages that link kept records with the first one that has the same value of a column."""
    blocks = decisions.blocks
    keyed, links = blocks.exchange(f"{name}-keys", KEYED_DTYPE), blocks.exchange(name)
    runner.add(
        Stage(f"{name}-keys", blocks.count, partial(_emit_keys, decisions, column, keyed)),
        Stage(name, keyed.partitions, partial(_emit_links, keyed, links)),
    )
    runner.discard(keyed.folder)
    return links


def _emit_keys(decisions: Decisions, column: str, keyed: Exchange, block: int) -> Counts:
    keys, kept = load_keys(decisions.blocks, block, column), decisions.kept(block)
    if column == "group":
        kept = kept[keys[kept].any(axis=1)]
    with keyed.write(block) as writer:
        add_keyed(writer, keys[kept], decisions.blocks.places(block)[kept], keyed.partitions)
    return Counter()


def _emit_links(keyed: Exchange, links: Exchange, partition: int) -> Counts:
    """Links each record with the first one of its key."""
    first = FirstOfKeys(keyed.read(partition))
    with links.write(partition) as writer:
        for items in keyed.read(partition):
            roots = first.of(items)
            later = roots != items["node"]
            add_links(writer, items["node"][later], roots[later], links.partitions)
    return Counter()


def _emit_roots(blocks: Blocks, stars: Exchange, roots: Exchange, partition: int) -> Counts:
    least = least_others(stars.read(partition))
    own = np.minimum(least.nodes, least.others)
    with roots.write(partition) as writer:
        writer.add(blocks.of(least.nodes), least.nodes, own)
    return Counter()


def _link_near(decisions: Decisions, name: str, runner: StageRunner, by_place: bool) -> tuple[Exchange, Exchange]:
    """Adds the stages that link records whose perceptual hashes differ in few bits.

    Args:
        by_place: whether the nodes are places; else they are in the order in which records are preferred.

    Returns:
        Links between records of equal hashes and the first of them, and between the first records of near hashes.
    """
    blocks, distance = decisions.blocks, decisions.blocks.data.duplicates.distance
    keyed = blocks.exchange(f"{name}-keys", KEYED_DTYPE)
    # Each hash is compared by each of its bands.
    bands = blocks.exchange(f"{name}-bands", BAND_DTYPE, spread=distance + 1)
    equal, near = blocks.exchange(f"{name}-equal"), blocks.exchange(f"{name}-near", writers=bands.partitions)
    runner.add(
        Stage(f"{name}-keys", blocks.count, partial(_emit_hashes, decisions, by_place, keyed)),
        Stage(f"{name}-equal", keyed.partitions, partial(_emit_bands, distance, keyed, equal, bands)),
        Stage(f"{name}-near", bands.partitions, partial(_emit_near, distance, bands, near)),
    )
    runner.discard(keyed.folder, bands.folder)
    return equal, near


def _emit_hashes(decisions: Decisions, by_place: bool, keyed: Exchange, block: int) -> Counts:
    kept, nodes = decisions.kept(block), decisions.blocks.places(block)
    if not by_place:
        nodes = nodes_of(nodes, decisions.splits(block))
    with keyed.write(block) as writer:
        add_keyed(writer, load_keys(decisions.blocks, block, "phash")[kept], nodes[kept], keyed.partitions)
    return Counter()


def _emit_bands(distance: int, keyed: Exchange, equal: Exchange, bands: Exchange, partition: int) -> Counts:
    """Links equal hashes, and adds the first record of each hash to the partition of each of its bands."""
    _emit_links(keyed, equal, partition)
    first = FirstOfKeys(keyed.read(partition)).items
    with bands.write(partition) as writer:
        for band, values in enumerate(hash_bands(first["high"], distance) if distance else ()):
            of_band = np.full(len(values), band, np.uint8)
            partitions = hash_partitions(values ^ np.uint64(band << 56), bands.partitions)
            writer.add(partitions, of_band, values, first["high"], first["node"])
    return Counter()


def _emit_near(distance: int, bands: Exchange, near: Exchange, partition: int) -> Counts:
    items = bands.read_all(partition)
    with near.write(partition) as writer:
        for band in np.unique(items["band"]):
            of_band = items[items["band"] == band]
            for pairs in pairs_in_bands(of_band["phash"], of_band["value"], distance):
                nodes = of_band["node"][pairs]
                add_links(writer, nodes[:, 0], nodes[:, 1], near.partitions)
    return Counter()


def find_near_duplicates(decisions: Decisions, runner: StageRunner) -> tuple[Exchange, Exchange]:
    """Finds the kept records that are near an earlier one which stays.

    Whether a record stays depends on those before it: this is the lexicographically first maximal independent set,
    which cannot be found in few parallel steps (S. A. Cook, "A Taxonomy of Problems with Fast Parallel Algorithms",
    1985). But records that nothing links do not depend on each other. So the components of the graph are found first,
    and each is decided by one worker, which holds the links of this component.

    Returns:
        For each block the place of each such record and the node that it is near: of records whose hash is the first of
        its value, and of all others.
    """
    blocks, name = decisions.blocks, "near"
    equal, near = _link_near(decisions, name, runner, by_place=False)
    stars = find_roots([near], os.path.join(blocks.folder, f"{name}-stars"), runner)
    rooted = blocks.exchange(f"{name}-rooted", NEAR_DTYPE)
    decided, dropped, repeated = (blocks.exchange(f"{name}-{end}") for end in ("decided", "dropped", "repeated"))
    runner.add(
        Stage(f"{name}-rooted", blocks.count, partial(_emit_rooted, near, stars, rooted)),
        Stage(f"{name}-dropped", blocks.count, partial(_emit_dropped, blocks, rooted, decided, dropped)),
        Stage(f"{name}-repeated", blocks.count, partial(_emit_repeated, blocks, equal, decided, repeated)),
    )
    runner.discard(*(exchange.folder for exchange in (near, equal, stars, rooted, decided)))
    return dropped, repeated


def _emit_rooted(near: Exchange, stars: Exchange, rooted: Exchange, partition: int) -> Counts:
    """Adds each link to the partition of its component."""
    least = least_others(stars.read(partition))
    with rooted.write(partition) as writer:
        for items in near.read(partition):
            items = items[items["node"] < items["other"]]
            roots = np.minimum(items["node"], least.of(items["node"]))
            writer.add(node_partitions(roots, rooted.partitions), roots, items["node"], items["other"])
    return Counter()


def _emit_dropped(blocks: Blocks, rooted: Exchange, decided: Exchange, dropped: Exchange, partition: int) -> Counts:
    links = np.unique(rooted.read_all(partition)[["later", "earlier"]])
    originals: dict[int, int] = {}
    # In the order of their later members, so that it is known whether the earlier one stays.
    for later, earlier in links.tolist():
        if later not in originals and earlier not in originals:
            originals[later] = earlier
    nodes, firsts = (np.array(list(values), np.int64) for values in (originals.keys(), originals.values()))
    with decided.write(partition) as writer:
        writer.add(node_partitions(nodes, decided.partitions), nodes, firsts)
    with dropped.write(partition) as writer:
        writer.add(blocks.of(place_of(nodes)), place_of(nodes), firsts)
    return Counter()


def _emit_repeated(blocks: Blocks, equal: Exchange, decided: Exchange, repeated: Exchange, partition: int) -> Counts:
    """A record whose hash an earlier one has repeats that one, or what that one repeats."""
    originals = least_others(decided.read(partition))
    with repeated.write(partition) as writer:
        for items in equal.read(partition):
            items = items[items["node"] < items["other"]]
            places = place_of(items["other"])
            writer.add(blocks.of(places), places, originals.get(items["node"], items["node"]))
    return Counter()
