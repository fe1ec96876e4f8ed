"""Connected components of a graph that no worker holds whole.

Large-star and small-star of R. Kiveris, S. Lattanzi, V. Mirrokni, V. Rastogi, S. Vassilvitskii, "Connected Components
in MapReduce and Beyond" (2014), in turn, until no link changes: then each node of a component is linked with its least
node, its root, and with nothing else. Links never become more, and a path of n nodes takes about log2(n) rounds.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from diptych.components.example_gen.external.exchange import (
    LINK_DTYPE,
    Exchange,
    Items,
    add_links,
    condense,
    node_partitions,
    starts_of,
)
from diptych.components.example_gen.external.stages import Counts, Stage, StageRunner

Nodes = NDArray[np.int64]


def find_roots(links: Sequence[Exchange], folder: str, runner: StageRunner) -> Exchange:
    """Links each node of a graph with the root of its component, and each root with the nodes of its component.

    Args:
        links: of the graph, each in both directions and in the partition of its first node; at least one exchange, and
            all of as many partitions.
        folder: URI of a folder for the links.
    """
    name, partitions = os.path.basename(folder), links[0].partitions
    stars, number = list(links), 0
    while True:
        number += 1
        large, small = (
            Exchange(os.path.join(folder, f"{number:03d}-{kind}"), LINK_DTYPE, partitions, partitions)
            for kind in ("large", "small")
        )
        changes = runner.run(
            Stage(f"{name}-{number:03d}-large", partitions, partial(_large_star, stars, large)),
            Stage(f"{name}-{number:03d}-small", partitions, partial(_small_star, large, small)),
        )
        runner.discard(large.folder, *(star.folder for star in stars if number > 1))
        if not sum(count["changed"] for count in changes):
            return small
        stars = [small]


def _large_star(links: Sequence[Exchange], found: Exchange, task: int) -> Counts:
    """Links the greater neighbours of each node with the least of the node and its neighbours."""
    least = least_others(_read(links, task))
    changed = 0
    with found.write(task) as writer:
        for items in _read(links, task):
            greater = items[items["other"] > items["node"]]
            roots = np.minimum(greater["node"], least.of(greater["node"]))
            changed += int(np.count_nonzero(roots != greater["node"]))
            writer.add(node_partitions(greater["other"], found.partitions), greater["other"], roots)
    return Counter(changed=changed)


def _small_star(links: Exchange, found: Exchange, task: int) -> Counts:
    """Links each node and its neighbours, all of them less, with the least of these."""
    least = least_others(links.read(task))
    changed = 0
    with found.write(task) as writer:
        add_links(writer, least.nodes, least.others, found.partitions)
        for items in links.read(task):
            roots = least.of(items["node"])
            moved = items["other"] != roots
            changed += int(np.count_nonzero(moved))
            add_links(writer, items["other"][moved], roots[moved], found.partitions)
    return Counter(changed=changed)


def _read(exchanges: Iterable[Exchange], task: int) -> Iterable[Items]:
    return (items for exchange in exchanges for items in exchange.read(task))


class LeastOthers:
    """The least of the nodes that each node is linked with.

    Attributes:
        nodes: sorted.
        others: of each node.
    """

    def __init__(self, links: Items) -> None:
        self.nodes: Nodes = np.ascontiguousarray(links["node"])
        self.others: Nodes = np.ascontiguousarray(links["other"])

    def of(self, nodes: Nodes) -> Nodes:
        """The least other of nodes that are all known."""
        return self.others[np.searchsorted(self.nodes, nodes)]

    def get(self, nodes: Nodes, default: Nodes) -> Nodes:
        """The least other of nodes, or a default of each."""
        if not len(self.nodes):
            return default
        places = np.minimum(np.searchsorted(self.nodes, nodes), len(self.nodes) - 1)
        found: Nodes = np.where(self.nodes[places] == nodes, self.others[places], default)
        return found


def least_others(links: Iterable[Items]) -> LeastOthers:
    """The least other of each node. It is held for each node once, however many links there are."""
    return LeastOthers(condense(links, LINK_DTYPE, _least))


def _least(links: Items) -> Items:
    ordered = links[np.lexsort((links["other"], links["node"]))]
    least: Items = ordered[starts_of(ordered["node"])]
    return least
