"""The Beam pipeline of ingestion: it makes TFRecord files for each split and an account of every row.

One worker reads each chunk of the catalogue, decodes its images and writes its records to work files. The index of all
records, a few bytes for each, is collected in one place, which finds the duplicates and chooses the split and shard of
every other record. Then each shard is put together from ranges of the work files. Records are serialised once. The
result does not depend on which worker does what, nor on when.
"""

from __future__ import annotations

import gzip
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import apache_beam as beam
import numpy as np

from diptych.components.artifacts import ACCOUNT_FILE, REJECTS_FILE, write_json
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.records import RecordOptions
from diptych.components.catalogue.storage import open_file, write_stream
from diptych.components.example_gen.account import (
    IngestionError,
    count_labels,
    count_unlabelled,
    describe_declared,
    list_rejects,
)
from diptych.components.example_gen.assignment import Assignment, assign_splits
from diptych.components.example_gen.chunk_decoding import decode_chunk, json_line, read_json_lines
from diptych.components.example_gen.decoded_slices import read_decoded_slice
from diptych.components.example_gen.decoder_pool import DecoderPool
from diptych.components.example_gen.record_index import ChunkIndex, write_records
from diptych.models import features
from diptych.models.counts import pluralize
from diptych.models.images.options import ImageOptions

_COPY_BYTES = 8 << 20


@dataclass(frozen=True)
class IngestionJob:
    """What is ingested, and where the result goes.

    Attributes:
        examples_uri: folder for ``Split-<split>/data-<shard>-of-<shards>.tfrecord``, or ``.tfrecord.gz``.
        rejects_uri: folder for ``rejects.jsonl`` and ``account.json``.
        slices: folders of the slices of the catalogue that other machines have decoded, which together hold all its
            rows; none where the rows are decoded here.
    """

    catalogue: Catalogue
    image: ImageOptions
    examples_uri: str
    rejects_uri: str
    slices: tuple[str, ...] = ()

    @property
    def options(self) -> RecordOptions:
        """The options by which rows become records."""
        return RecordOptions(self.catalogue.data, self.image)

    @property
    def is_compressed(self) -> bool:
        """Whether the TFRecord files are compressed by gzip."""
        return self.catalogue.data.compression == "gzip"

    @property
    def work_uri(self) -> str:
        """Folder of the work files, which is deleted at the end."""
        return os.path.join(self.examples_uri, ".ingestion")

    def shard_file(self, split: str, shard: int, shards: int) -> str:
        """URI of the TFRecord file of a shard."""
        ending = ".tfrecord.gz" if self.is_compressed else ".tfrecord"
        folder = os.path.join(self.examples_uri, f"Split-{split}")
        return os.path.join(folder, f"data-{shard:05d}-of-{shards:05d}{ending}")


def ingest(pipeline: beam.Pipeline, job: IngestionJob) -> None:
    """Adds the ingestion of a catalogue to a Beam pipeline."""
    assignment = (
        (_read_slices(pipeline, job) if job.slices else _decode_chunks(pipeline, job))
        | "CollectIndexes" >> beam.combiners.ToList()
        | "AssignSplits" >> beam.Map(assign_splits, job.catalogue.data)
    )
    written = (
        assignment
        | "ListShards" >> beam.FlatMap(list_shards)
        | "ShareShards" >> beam.Reshuffle()
        | "WriteShard" >> beam.Map(write_shard, job)
        | "CollectShards" >> beam.combiners.ToList()
    )
    _ = assignment | "WriteAccount" >> beam.Map(_write_account, beam.pvalue.AsSingleton(written), job)


def _decode_chunks(pipeline: beam.Pipeline, job: IngestionJob) -> beam.PCollection:
    """The index of each chunk of the catalogue, whose images are decoded here."""
    return (
        pipeline
        | "Sources" >> beam.Create(range(len(job.catalogue.sources)))
        | "ShareSources" >> beam.Reshuffle()
        | "CutSource" >> beam.FlatMap(job.catalogue.source_chunks, job.work_uri)
        | "ShareChunks" >> beam.Reshuffle()
        | "IngestChunk" >> beam.ParDo(IngestChunk(job))
    )


def _read_slices(pipeline: beam.Pipeline, job: IngestionJob) -> beam.PCollection:
    """The index of each chunk of the catalogue, from the slices that were decoded elsewhere."""
    return (
        pipeline
        | "Slices" >> beam.Create(job.slices)
        | "ShareSlices" >> beam.Reshuffle()
        | "ReadSlice" >> beam.FlatMap(read_decoded_slice, job.catalogue.sources)
    )


class IngestChunk(beam.DoFn):
    """Writes the records of a chunk and the results of its rows; returns the index of the records."""

    def __init__(self, job: IngestionJob) -> None:
        self._job = job

    def setup(self) -> None:
        self._pool = DecoderPool(self._job.options, write_records)

    def teardown(self) -> None:
        self._pool.close()

    def process(self, chunk: Chunk) -> Iterator[ChunkIndex]:
        yield decode_chunk(chunk, self._job.catalogue, self._pool, self._job.work_uri)


@dataclass(frozen=True)
class Shard:
    """A TFRecord file to write.

    Attributes:
        number: of the shard in its split, from 0.
        count: number of shards of the split.
        pieces: work files in order, each with the ``[start, stop)`` ranges of bytes to copy from it, in order.
        records: number of records in the shard.
    """

    split: str
    number: int
    count: int
    pieces: list[tuple[str, list[tuple[int, int]]]]
    records: int


def list_shards(assignment: Assignment) -> Iterator[Shard]:
    """The shards of all splits."""
    files = [file for summary in assignment.chunks for file in summary.files]
    file_of = np.repeat(np.arange(len(files)), [count for _, count in files])
    stops = np.cumsum(assignment.size, dtype=np.int64)
    starts = stops - assignment.size
    # Positions count from the start of each file.
    before = starts[np.searchsorted(file_of, file_of)]
    starts, stops = starts - before, stops - before
    for number, (split, count) in enumerate(zip(features.SPLITS, assignment.shards, strict=True)):
        of_split = np.flatnonzero(assignment.split == number)
        for shard in np.unique(assignment.shard[of_split]).tolist():
            places = of_split[assignment.shard[of_split] == shard]
            pieces = []
            for members in np.split(places, np.flatnonzero(np.diff(file_of[places])) + 1):
                ranges = list(zip(starts[members].tolist(), stops[members].tolist(), strict=True))
                pieces.append((files[file_of[members[0]]][0], ranges))
            yield Shard(split, shard, count, pieces, len(places))


def write_shard(shard: Shard, job: IngestionJob) -> tuple[str, int]:
    """Puts a shard together from the work files; returns its split and its number of records."""
    name = job.shard_file(shard.split, shard.number, shard.count)
    with write_stream(name) as file, _compressed(file, job) as target:
        for work_file, ranges in shard.pieces:
            with open_file(work_file) as source:
                for start, stop in _join_ranges(ranges):
                    source.seek(start)
                    _copy(source, target, stop - start)
    return shard.split, shard.records


def _compressed(file: BinaryIO, job: IngestionJob) -> BinaryIO:
    if not job.is_compressed:
        return file
    # Without a time of modification, equal records give equal files.
    return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0))


def _join_ranges(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Joins ranges that follow each other, up to ``_COPY_BYTES``."""
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
        raise IngestionError(f"a work file lacks {pluralize(size - len(content), 'byte')}: is the disk full? Run again")
    target.write(content)


def _write_account(assignment: Assignment, written: list[tuple[str, int]], job: IngestionJob) -> None:
    """Writes the rejects and the account of all rows.

    Args:
        written: split and number of records of each shard.
    """
    rejects: Counter[str] = Counter()
    unlabelled: Counter[str] = Counter()
    with write_stream(os.path.join(job.rejects_uri, REJECTS_FILE)) as file:
        for reject in list_rejects(assignment, job.catalogue, lambda summary: read_json_lines(summary.results)):
            rejects[reject.reason] += 1
            unlabelled.update(count_unlabelled([reject]))
            file.write(json_line(reject.as_json()))
    examples = dict.fromkeys(features.SPLITS, 0)
    for split, count in written:
        examples[split] += count
    declared = describe_declared(assignment, unlabelled, job.catalogue)
    account = {
        "rows": assignment.rows,
        "examples": examples,
        "rejects": dict(sorted(rejects.items())),
        "labels": count_labels(assignment),
        "declared": declared.model_dump() if declared else None,
        # The records alone do not tell the shape of raw pixels, nor whether one label could be several.
        "image": job.image.model_dump(),
        "descriptions": job.catalogue.data.columns.description is not None,
        "task": "multilabel" if job.catalogue.data.has_several_labels else "multiclass",
    }
    write_json(job.rejects_uri, ACCOUNT_FILE, account)
