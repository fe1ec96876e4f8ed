"""What becomes of the records of each block: the rejects and counts of it, and the shards of each split."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.storage import open_file, write_stream
from diptych.components.example_gen.account_file import write_account, write_rejects
from diptych.components.example_gen.assignment import Assignment, Original, count_shards, number_shards
from diptych.components.example_gen.duplicates import KEPT
from diptych.components.example_gen.external.blocks import Blocks, count_splits
from diptych.components.example_gen.external.exchange import Exchange
from diptych.components.example_gen.external.sharing import Splits
from diptych.components.example_gen.external.stages import Counts, Stage, StageRunner
from diptych.components.example_gen.ingestion_job import IngestionJob
from diptych.components.example_gen.record_index import NO_SPLIT
from diptych.components.example_gen.shards import Piece, WorkRecords, write_pieces
from diptych.models.features import SPLITS

#: A rejected record, and of the record that it repeats the row, the place of its source, and its declared split.
ORIGINAL_DTYPE = np.dtype([("place", "<i8"), ("row", "<u4"), ("source", "<i4"), ("declared", "i1")])


@dataclass(frozen=True)
class BlockAssignment(Assignment):
    """The assignment of the records of a block, of which those that they repeat may be in others.

    Attributes:
        originals: of rejected records, an array of ``ORIGINAL_DTYPE``, in the order of their places in the block.
        sources: URIs of the catalogue's sources.
        all_declared: ``declared_splits`` of all blocks.
    """

    originals: NDArray[Any]
    sources: Sequence[str]
    all_declared: list[int]

    @property
    def declared_splits(self) -> list[int]:
        """The splits that the catalogue declares for any record, of whatever block."""
        return self.all_declared

    def original_of(self, place: int) -> Original:
        """The record that a rejected one repeats."""
        _, row, source, declared = self.originals[np.searchsorted(self.originals["place"], place)].item()
        return Original(self.sources[source], row, declared)


class _Shard(NamedTuple):
    """A shard to write.

    Attributes:
        split: place in ``SPLITS``.
        shards: number of shards of the split.
        total: bytes of all records of the split.
        blocks: those that may hold records of it, each with the bytes of the split's records in the blocks before.
    """

    split: int
    number: int
    shards: int
    total: int
    blocks: list[tuple[int, int]]


@dataclass(frozen=True)
class Outcome:
    """Writes what has been decided.

    Attributes:
        splits: of all records.
    """

    job: IngestionJob
    splits: Splits

    @property
    def _blocks(self) -> Blocks:
        return self.splits.decisions.blocks

    def write(self, rows: int, runner: StageRunner) -> None:
        """Writes the shards, the rejects and the account.

        Args:
            rows: number of all rows of the catalogue.
        """
        blocks = self._blocks
        asked, answered = blocks.exchange("asked"), blocks.exchange("answered", ORIGINAL_DTYPE)
        final, _ = runner.run(
            Stage("final", blocks.count, partial(self._save_final, asked)),
            Stage("answered", blocks.count, partial(self._answer, asked, answered)),
        )
        shards = list(self._list_shards(final))
        declared = [number for number in range(len(SPLITS)) if final[f"declared/{number}"]]
        counts, written = runner.run(
            Stage("rejects", blocks.count, partial(self._write_rejects, answered, declared)),
            Stage("shards", len(shards), partial(self._write_shard, shards)),
        )
        with write_stream(self.job.rejects_file) as whole:
            for block in range(blocks.count):
                with open_file(self._part_file(block)) as part:
                    shutil.copyfileobj(part, whole)
        write_account(rows, counts, written.items(), self.job)

    def _save_final(self, asked: Exchange, block: int) -> Counts:
        """Keeps the split of each record; asks for what rejects repeat; counts records and bytes of each split."""
        blocks = self._blocks
        reasons, originals = self.splits.decisions.reasons(block)
        splits = self.splits.of(block)
        blocks.save(block, "final", splits)
        rejected = np.flatnonzero(reasons != KEPT)
        with asked.write(block) as writer:
            writer.add(blocks.of(originals[rejected]), originals[rejected], blocks.places(block)[rejected])
        sizes, declared = blocks.load(block, "bytes"), count_splits(blocks.load(block, "split"))
        counts = Counter({f"declared/{number}": count for number, count in declared.items()})
        for number in np.unique(splits[splits != NO_SPLIT]).tolist():
            of_split = sizes[splits == number]
            counts.update({f"records/{number}/{block}": len(of_split), f"bytes/{number}/{block}": int(of_split.sum())})
        return counts

    def _answer(self, asked: Exchange, answered: Exchange, block: int) -> Counts:
        """Tells the blocks of rejects what they repeat."""
        blocks = self._blocks
        rows, declared = blocks.load(block, "row"), blocks.load(block, "split")
        sources = np.array([summary.chunk.source_index for summary in blocks.load_summaries(block)], np.int32)
        source_of = sources[blocks.load(block, "chunk")]
        with answered.write(block) as writer:
            for items in asked.read(block):
                at, places = blocks.locate(block, items["node"]), items["other"]
                writer.add(blocks.of(places), places, rows[at], source_of[at], declared[at])
        return Counter()

    def _write_rejects(self, answered: Exchange, declared: list[int], block: int) -> Counts:
        blocks = self._blocks
        reasons, places = self.splits.decisions.reasons(block)
        originals = answered.read_all(block)
        originals["place"] = blocks.locate(block, originals["place"])
        assignment = BlockAssignment(
            chunks=blocks.load_summaries(block),
            chunk=blocks.load(block, "chunk"),
            row=blocks.load(block, "row"),
            size=blocks.load(block, "bytes"),
            label_sets=blocks.load_labels(block),
            label_set=blocks.load(block, "label_set"),
            reason=reasons,
            original=places,
            declared=blocks.load(block, "split"),
            split=blocks.load(block, "final"),
            shard=np.zeros(len(reasons), np.int32),
            shards=(),
            originals=np.sort(originals, order="place"),
            sources=self.job.catalogue.sources,
            all_declared=declared,
        )
        return write_rejects(assignment, self._part_file(block), self.job.catalogue)

    def _list_shards(self, sizes: Counts) -> Iterator[_Shard]:
        for split in range(len(SPLITS)):
            records, held = (
                [sizes[f"{what}/{split}/{block}"] for block in range(self._blocks.count)]
                for what in ("records", "bytes")
            )
            total, stops = sum(held), np.cumsum(held)
            count = count_shards(sum(records), total, self.job.catalogue.data.shards)
            for number in range(count if total else 0):
                # One more on either side, because the bounds of shards are rounded.
                first = np.searchsorted(stops, number * total / count - 1, side="left")
                last = np.searchsorted(stops - held, (number + 1) * total / count + 1, side="right")
                members = [(block, int(stops[block]) - held[block]) for block in range(first, last) if held[block]]
                yield _Shard(split, number, count, total, members)

    def _write_shard(self, shards: list[_Shard], task: int) -> Counts:
        """Puts a shard together; a shard without records is not written."""
        shard = shards[task]
        found = ((block, self._records_of(shard, block, before)) for block, before in shard.blocks)
        held = [(block, int(places[0]), int(places[-1]) + 1, len(places)) for block, places in found if len(places)]
        if not held:
            return Counter()
        pieces = chain.from_iterable(self._pieces(shard, *span) for span in held)
        write_pieces(self.job.shard_file(SPLITS[shard.split], shard.number, shard.shards), pieces, self.job)
        return Counter({SPLITS[shard.split]: sum(count for *_, count in held)})

    def _records_of(self, shard: _Shard, block: int, before: int) -> NDArray[np.intp]:
        """Where in a block the records of a shard are."""
        of_split = np.flatnonzero(self._blocks.load(block, "final") == shard.split)
        sizes = self._blocks.load(block, "bytes")[of_split]
        found: NDArray[np.intp] = of_split[number_shards(sizes, before, shard.total, shard.shards) == shard.number]
        return found

    def _pieces(self, shard: _Shard, block: int, start: int, stop: int, _: int) -> Iterator[Piece]:
        """The pieces of work files that hold the records of a shard, from one record of a block to another."""
        of_split = np.flatnonzero(self._blocks.load(block, "final")[start:stop] == shard.split) + start
        return WorkRecords(self._blocks.load_summaries(block), self._blocks.load(block, "bytes")).pieces(of_split)

    def _part_file(self, block: int) -> str:
        return os.path.join(self._blocks.folder, "rejects-files", f"{block:05d}.jsonl")
