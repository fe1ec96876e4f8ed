"""The Beam pipeline of ingestion: a catalogue in, TFRecord files per split and an account of every row out.

Each chunk of the catalogue is read, decoded and written to a work file by one worker; a few bytes of each record go
to one place, where it is decided which are duplicates and which split and file each of the others goes to; then each
file is put together from ranges of the work files. Records are serialised once. Nothing depends on which worker does
what, nor on when it is done.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import apache_beam as beam
import numpy as np

from diptych.components.artifacts import ACCOUNT_FILE, REJECTS_FILE, write_json
from diptych.components.catalogue.readers.kinds import find_kind, images_root, list_sources, make_reader
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.records import Recipe, Source
from diptych.components.catalogue.spans import name_below
from diptych.components.catalogue.storage import open_file, write_stream
from diptych.components.example_gen.account import (
    IngestionError,
    Resolution,
    all_rejects,
    count_labels,
    resolve_tables,
    row_line,
    with_progress,
)
from diptych.components.example_gen.row_tables import Stored, Table, TableBuilder, store_rows
from diptych.components.example_gen.workers import Workers
from diptych.models import features

_COPY_BYTES = 8 << 20


@dataclass(frozen=True)
class Plan:
    """What is ingested, and where to.

    Attributes:
        examples_uri: gets ``Split-<split>/data-<shard>-of-<shards>.tfrecord``, or ``.tfrecord.gz``.
        rejects_uri: gets ``rejects.jsonl`` and ``account.json``.
    """

    recipe: Recipe
    examples_uri: str
    rejects_uri: str

    @property
    def work_uri(self) -> str:
        """Where work files lie; deleted at the end."""
        return os.path.join(self.examples_uri, ".ingestion")

    def spool_file(self, source_index: int) -> str:
        return os.path.join(self.work_uri, f"{source_index:05d}.jsonl")

    def records_file(self, chunk: Chunk) -> str:
        """How the URIs of the files begin that hold the chunk's records."""
        return os.path.join(self.work_uri, f"{chunk.source_index:05d}-{chunk.first_row:010d}")

    def rows_file(self, chunk: Chunk) -> str:
        """One line for each row: its reject, or who it is."""
        return self.records_file(chunk) + ".jsonl"

    def split_file(self, split: str, shard: int, shards: int) -> str:
        ending = ".tfrecord.gz" if self.recipe.data.compression == "gzip" else ".tfrecord"
        folder = os.path.join(self.examples_uri, f"Split-{split}")
        return os.path.join(folder, f"data-{shard:05d}-of-{shards:05d}{ending}")


def ingest(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Adds the ingestion of ``plan`` to a Beam pipeline."""
    tables = (
        pipeline
        | "Catalogue" >> beam.Create([plan.recipe.data])
        | "ListSources" >> beam.FlatMap(lambda data: enumerate(list_sources(data)))
        | "ShareSources" >> beam.Reshuffle()
        | "Cut" >> beam.FlatMap(_cut, plan)
        | "ShareChunks" >> beam.Reshuffle()
        | "Ingest" >> beam.ParDo(IngestChunk(plan))
    )
    decision = tables | "Gather" >> beam.combiners.ToList() | "Resolve" >> beam.Map(resolve_tables, plan.recipe.data)
    written = (
        decision
        | "Assign" >> beam.FlatMap(assign)
        | "ShareShards" >> beam.Reshuffle()
        | "WriteShard" >> beam.Map(write_shard, plan)
        | "Written" >> beam.combiners.ToList()
    )
    _ = decision | "Account" >> beam.Map(_account, beam.pvalue.AsSingleton(written), plan)


def _cut(numbered: tuple[int, str], plan: Plan) -> Iterator[Chunk]:
    source_index, source = numbered
    data = plan.recipe.data
    reader = make_reader(find_kind(data))
    return reader.cut(source, source_index, data, plan.spool_file(source_index))


class IngestChunk(beam.DoFn):
    """Chunk -> Table; writes the chunk's records and its lines about rows."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def setup(self) -> None:
        self._workers = Workers(self._plan.recipe, store_rows)
        self._reader = make_reader(find_kind(self._plan.recipe.data))

    def teardown(self) -> None:
        self._workers.close()

    def process(self, chunk: Chunk) -> Iterator[Table]:
        plan, data = self._plan, self._plan.recipe.data
        source = Source(name_below(chunk.source, data.catalogue), images_root(chunk.source, data))
        rows = self._reader.read(chunk, data)
        builder = TableBuilder(chunk)
        with write_stream(plan.rows_file(chunk)) as lines:
            for built in with_progress(self._workers.build(rows, source, plan.records_file(chunk))):
                lines.write(_line(row_line(built)))
                if isinstance(built, Stored):
                    builder.add(built)
        yield builder.table()


def _line(value: dict[str, Any]) -> bytes:
    # A text that is no Unicode is no reason to lose its row.
    return (json.dumps(value, ensure_ascii=False) + "\n").encode(errors="replace")


@dataclass(frozen=True)
class Shard:
    """One file to write.

    Attributes:
        pieces: work files and, for each, the ``[start, stop)`` bytes to take from it, in order.
        records: how many records these are.
    """

    split: str
    number: int
    count: int
    pieces: list[tuple[str, list[tuple[int, int]]]]
    records: int


def assign(resolution: Resolution) -> Iterator[Shard]:
    """The files to write."""
    decision = resolution.decision
    files = [file for part in resolution.parts for file in part.files]
    of_file = np.repeat(np.arange(len(files)), [count for _, count in files])
    stops = np.cumsum(decision.size, dtype=np.int64)
    starts = stops - decision.size
    # Each file begins at zero.
    before = starts[np.searchsorted(of_file, of_file)]
    starts, stops = starts - before, stops - before
    for number, (split, count) in enumerate(zip(features.SPLITS, decision.shards, strict=True)):
        of_split = np.flatnonzero(decision.split == number)
        for shard in np.unique(decision.shard[of_split]).tolist():
            places = of_split[decision.shard[of_split] == shard]
            pieces = []
            for members in np.split(places, np.flatnonzero(np.diff(of_file[places])) + 1):
                ranges = list(zip(starts[members].tolist(), stops[members].tolist(), strict=True))
                pieces.append((files[of_file[members[0]]][0], ranges))
            yield Shard(split, shard, count, pieces, len(places))


def write_shard(shard: Shard, plan: Plan) -> tuple[str, int]:
    """Copies ranges of work files to one file; returns its split and how many records it holds."""
    name = plan.split_file(shard.split, shard.number, shard.count)
    with write_stream(name) as file, _compressed(file, plan) as target:
        for work_file, ranges in shard.pieces:
            with open_file(work_file) as source:
                for start, stop in _joined(ranges):
                    source.seek(start)
                    _copy(source, target, stop - start)
    return shard.split, shard.records


def _compressed(file: BinaryIO, plan: Plan) -> BinaryIO:
    if plan.recipe.data.compression == "none":
        return file
    # Without a time in it, equal records give equal files.
    return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0))


def _joined(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbouring ranges as one."""
    whole: tuple[int, int] | None = None
    for start, stop in ranges:
        if whole is not None and whole[1] == start and stop - whole[0] <= _COPY_BYTES:
            whole = (whole[0], stop)
            continue
        if whole is not None:
            yield whole
        whole = (start, stop)
    if whole is not None:
        yield whole


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    content = source.read(size)
    if len(content) != size:
        raise IngestionError(f"a work file lacks {size - len(content)} bytes: is the disk full? Run again")
    target.write(content)


def _account(resolution: Resolution, written: list[tuple[str, int]], plan: Plan) -> None:
    """Writes the rejects and the account of all rows."""
    rejects: Counter[str] = Counter()
    with write_stream(os.path.join(plan.rejects_uri, REJECTS_FILE)) as file:
        for reject in all_rejects(resolution, lambda chunk: _read_lines(plan.rows_file(chunk))):
            rejects[reject.reason] += 1
            file.write(_line(reject.as_json()))
    examples = dict.fromkeys(features.SPLITS, 0)
    for split, count in written:
        examples[split] += count
    account = {
        "rows": sum(part.chunk.rows for part in resolution.parts),
        "examples": examples,
        "rejects": dict(sorted(rejects.items())),
        "labels": count_labels(resolution),
        # What records alone do not tell: the shape of raw pixels, and whether one label could be several.
        "image": plan.recipe.image.model_dump(),
        "task": "multilabel" if plan.recipe.data.label_separator else "multiclass",
    }
    write_json(plan.rejects_uri, ACCOUNT_FILE, account)


def _read_lines(uri: str) -> Iterator[dict[str, Any]]:
    with open_file(uri) as lines:
        for line in lines:
            yield json.loads(line)
