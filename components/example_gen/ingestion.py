"""The Beam pipeline of ingestion: it makes TFRecord files for each split and an account of every row.

One worker reads each chunk of the catalogue, decodes its images and writes its records to work files. The index of all
records, a few bytes for each, is collected in one place, which finds the duplicates and chooses the split and shard of
every other record. Then each shard is put together from ranges of the work files. Records are serialised once. The
result does not depend on which worker does what, nor on when.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apache_beam as beam

from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.example_gen.account_file import write_account, write_rejects
from diptych.components.example_gen.assignment import Assignment, assign_splits
from diptych.components.example_gen.chunk_decoding import decode_chunk
from diptych.components.example_gen.decoded_slices import read_decoded_slice
from diptych.components.example_gen.decoder_pool import DecoderPool
from diptych.components.example_gen.index_files import IndexFile, keep_index, read_index, write_index_files
from diptych.components.example_gen.ingestion_job import IngestionJob
from diptych.components.example_gen.record_index import ChunkIndex, write_records
from diptych.components.example_gen.shards import list_shards, write_shard


def ingest(pipeline: beam.Pipeline, job: IngestionJob) -> None:
    """Adds the ingestion of a catalogue to a Beam pipeline.

    If there are more records than memory is to hold, only ``job.index_list`` is written, besides the work files: the
    rest is for ``diptych.components.example_gen.external``.
    """
    assignment = (
        (_read_slices(pipeline, job) if job.slices else _decode_chunks(pipeline, job))
        | "KeepIndex" >> beam.Map(_keep_index, job)
        | "CollectIndexes" >> beam.combiners.ToList()
        | "AssignSplits" >> beam.FlatMap(_assign_in_memory, job)
    )
    written = (
        assignment
        | "ListShards" >> beam.FlatMap(list_shards)
        | "ShareShards" >> beam.Reshuffle()
        | "WriteShard" >> beam.Map(write_shard, job)
        | "CollectShards" >> beam.combiners.ToList()
    )
    _ = assignment | "WriteAccount" >> beam.Map(_write_account, beam.pvalue.AsSingleton(written), job)


def _keep_index(index: ChunkIndex, job: IngestionJob) -> IndexFile:
    with job.wanted():
        return keep_index(index, job.index_uri)


def _assign_in_memory(files: Sequence[IndexFile], job: IngestionJob) -> Iterator[Assignment]:
    """Yields the assignment of all records, or nothing if they are too many."""
    if sum(file.records for file in files) > job.catalogue.data.limits.most_rows_in_memory:
        write_index_files(sorted(files), job.index_list)
        return
    yield assign_splits((read_index(file.uri) for file in files), job.catalogue.data)


def _write_account(assignment: Assignment, written: list[tuple[str, int]], job: IngestionJob) -> None:
    """Writes the rejects and the account of all rows.

    Args:
        written: split and number of records of each shard.
    """
    counts = write_rejects(assignment, job.rejects_file, job.catalogue)
    write_account(assignment.rows, counts, written, job)


def _decode_chunks(pipeline: beam.Pipeline, job: IngestionJob) -> beam.PCollection:
    """The index of each chunk of the catalogue, whose images are decoded here."""
    return (
        pipeline
        | "Sources" >> beam.Create(range(len(job.catalogue.sources)))
        | "ShareSources" >> beam.Reshuffle()
        | "CutSource" >> beam.FlatMap(_cut_source, job)
        | "ShareChunks" >> beam.Reshuffle()
        | "IngestChunk" >> beam.ParDo(IngestChunk(job))
    )


def _cut_source(source: int, job: IngestionJob) -> Iterator[Chunk]:
    """The chunks of a source. Workers do this first: here it is seen whether they reach the store."""
    with job.wanted():
        yield from job.catalogue.source_chunks(source, job.work_uri)


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
        catalogue = self._job.catalogue
        source = catalogue.source_file(chunk.source)
        with self._job.wanted():
            index = decode_chunk(chunk, catalogue.read(chunk), source, self._pool, self._job.work_uri)
        yield index
