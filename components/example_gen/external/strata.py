"""Bounds between the parts of each stratum, where a stratum may have more clusters than memory holds."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.storage import open_file, write_stream
from diptych.components.example_gen.external.blocks import Blocks
from diptych.components.example_gen.external.exchange import Exchange, Partitions
from diptych.components.example_gen.external.stages import Counts, Stage, StageRunner
from diptych.components.example_gen.splits import least_rank, rank_labels, share_ratios, stratum_bounds

#: A cluster of a stratum.
CLUSTER_DTYPE = np.dtype([("stratum", "<i4"), ("position", "<f8"), ("size", "<i8")])
#: A cluster of a stratum that several partitions hold, and how many rows it and those before it have.
EDGE_DTYPE = np.dtype([("stratum", "<i4"), ("position", "<f8"), ("rows", "<i8")])

#: Of a stratum that several partitions hold, the number of its rows in each of them.
Rows = Mapping[int, Mapping[int, int]]


class Strata:
    """The strata of a catalogue: a label each, by rank.

    Clusters are ordered by stratum and position over all partitions: so each partition holds whole strata, but for the
    first and the last of it. Positions are distributed uniformly, and how many rows have a label is known, so each
    partition gets about as many as any other.
    """

    def __init__(self, blocks: Blocks, missing: Sequence[int]) -> None:
        """Describes them.

        Args:
            missing: see ``share_ratios``.
        """
        self._blocks, self._ratios = blocks, share_ratios(missing, blocks.data)[1]

    def find_bounds(self, frequency: Mapping[str, int], runner: StageRunner) -> None:
        """Finds the bounds of each stratum and writes them down.

        Args:
            frequency: of each label among the records that are shared out.
        """
        blocks, ranks = self._blocks, rank_labels(frequency)
        with write_stream(self._file("ranks.json")) as file:
            file.write(json.dumps(ranks).encode())
        self._save("frequency", np.array([frequency[label] for label in ranks], np.int64))
        clusters = blocks.exchange("strata", CLUSTER_DTYPE)
        _, sums = runner.run(
            Stage("strata", blocks.count, partial(self._emit_clusters, clusters)),
            Stage("strata-bounds", blocks.count, partial(self._bound_whole, clusters)),
        )
        rows: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for name, count in sums.items():
            stratum, partition = map(int, name.split("/"))
            rows[stratum][partition] = count
        runner.run(Stage("strata-edges", blocks.count, partial(self._save_edges, clusters, dict(rows))))
        runner.discard(clusters.folder)
        bounds = np.zeros((len(ranks), len(self._ratios)))
        edges = [np.empty(0, EDGE_DTYPE)]
        for partition in range(blocks.count):
            bounds[blocks.load(partition, "whole_strata")] = blocks.load(partition, "whole_bounds")
            edges.append(blocks.load(partition, "edges"))
        for stratum, found in _by_stratum(np.concatenate(edges)):
            bounds[stratum] = stratum_bounds(found["position"], found["rows"], self._ratios)
        self._save("bounds", bounds)

    def bounds(self, block: int, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """The bounds for some records of a block, ``[n, parts - 1]``."""
        bounds: NDArray[np.float64] = self._load("bounds")[self._strata(block, places)]
        return bounds

    def _emit_clusters(self, clusters: Exchange, block: int) -> Counts:
        leads, positions = (self._blocks.load(block, name) for name in ("leads", "position"))
        strata, sizes = self._strata(block, leads), self._blocks.load(block, "size")[leads]
        with clusters.write(block) as writer:
            writer.add(self._partitions(strata, positions), strata, positions, sizes)
        return Counter()

    def _bound_whole(self, clusters: Exchange, partition: int) -> Counts:
        """Keeps the bounds of the strata that no other partition holds; counts the rows of the others."""
        whole, bounds = [], [np.empty((0, len(self._ratios)))]
        rows: Counts = Counter()
        for stratum, is_whole, found in self._sorted(clusters, partition):
            if is_whole:
                whole.append(stratum)
                bounds.append(stratum_bounds(found["position"], np.cumsum(found["size"]), self._ratios)[None])
            else:
                rows[f"{stratum}/{partition}"] = int(found["size"].sum())
        self._blocks.save(partition, "whole_strata", np.array(whole, np.int32))
        self._blocks.save(partition, "whole_bounds", np.concatenate(bounds))
        return rows

    def _save_edges(self, clusters: Exchange, rows: Rows, partition: int) -> Counts:
        """Keeps the clusters, of strata that other partitions hold too, between which a bound may lie."""
        kept = [np.empty(0, EDGE_DTYPE)]
        for stratum, is_whole, found in self._sorted(clusters, partition):
            if is_whole:
                continue
            before = sum(count for other, count in rows[stratum].items() if other < partition)
            edges = np.empty(len(found), EDGE_DTYPE)
            edges["stratum"], edges["position"] = stratum, found["position"]
            edges["rows"] = before + np.cumsum(found["size"])
            below = np.searchsorted(edges["rows"] / sum(rows[stratum].values()), self._ratios, side="right")
            # A bound lies after the last cluster below the ratio, or after the next one. Those that follow them, or
            # precede them, may be in another partition, of which they are the first or the last ones.
            near = (below[:, None] + np.arange(-1, 3)).reshape(-1)
            ends = np.array([0, 1, len(found) - 2, len(found) - 1])
            kept.append(edges[np.unique(np.clip(np.concatenate([near, ends]), 0, len(found) - 1))])
        self._blocks.save(partition, "edges", np.concatenate(kept))
        return Counter()

    def _sorted(self, clusters: Exchange, partition: int) -> Iterator[tuple[int, bool, NDArray[Any]]]:
        """Each stratum of a partition, whether no other one holds it, and its clusters by position."""
        items = clusters.read_all(partition)
        strata = np.unique(items["stratum"])
        first, last = (self._partitions(strata, np.full(len(strata), end)) for end in (0.0, 1.0))
        ordered = items[np.lexsort((items["position"], items["stratum"]))]
        for is_whole, (stratum, found) in zip((first == last).tolist(), _by_stratum(ordered), strict=True):
            yield stratum, is_whole, found

    def _partitions(self, strata: NDArray[Any], positions: NDArray[np.float64]) -> Partitions:
        """The partition of clusters, which rises with stratum and position."""
        frequency = self._load("frequency")
        before = np.cumsum(frequency) - frequency
        share = (before[strata] + positions * frequency[strata]) / frequency.sum()
        partitions: Partitions = np.minimum(share * self._blocks.count, self._blocks.count - 1).astype(np.intp)
        return partitions

    def _strata(self, block: int, places: NDArray[np.intp]) -> NDArray[np.int32]:
        with open_file(self._file("ranks.json")) as file:
            ranks = json.load(file)
        # Labels of records that are not shared out may have no rank.
        known = [labels if ranks.keys() >= set(labels) else () for labels in self._blocks.load_labels(block)]
        strata = np.array([least_rank(labels, ranks) if labels else -1 for labels in known], np.int32)
        found: NDArray[np.int32] = strata[self._blocks.load(block, "label_set")[places]]
        return found

    def _save(self, name: str, values: NDArray[Any]) -> None:
        with write_stream(self._file(f"{name}.npy")) as file:
            np.save(file, values, allow_pickle=False)

    def _load(self, name: str) -> NDArray[Any]:
        with open_file(self._file(f"{name}.npy")) as file:
            values: NDArray[Any] = np.load(file, allow_pickle=False)
        return values

    def _file(self, name: str) -> str:
        return os.path.join(self._blocks.folder, "strata-files", name)


def _by_stratum(items: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Each stratum with its items, which are ordered by stratum."""
    for part in np.split(items, np.flatnonzero(np.diff(items["stratum"])) + 1) if len(items) else ():
        yield int(part["stratum"][0]), part
