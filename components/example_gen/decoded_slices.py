"""Slices of a catalogue that other machines decode: what they leave behind, and how ingestion reads it.

| file in the folder of a slice | content |
| --- | --- |
| ``<source>-<first row>.tfrecord`` | the records of a chunk, in order |
| ``<source>-<first row>.jsonl`` | a line for each row of the chunk, see ``result_as_json`` |
| ``<source>-<first row>.npy`` | the index of the chunk's records, an array of ``ENTRY_DTYPE`` |
| ``chunks.jsonl`` | a line for each chunk: its place, number of rows and records, and the sets of labels that occur |
| ``slice.json`` | the slice; it is written last |

Names of files are all that a slice says of places: it is read wherever it was copied to.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.records import RecordOptions
from diptych.components.catalogue.slices import Slice, slice_chunks
from diptych.components.catalogue.storage import open_file, write_stream
from diptych.components.example_gen.account import IngestionError
from diptych.components.example_gen.chunk_decoding import decode_chunk, json_line, read_json_lines, work_file
from diptych.components.example_gen.decoder_pool import DecoderPool
from diptych.components.example_gen.record_index import (
    ENTRY_DTYPE,
    ChunkIndex,
    ChunkSummary,
    digest_texts,
    write_records,
)
from diptych.models.images.options import ImageOptions
from diptych.models.scratch_folders import scratch_folder

_CHUNKS_FILE, _SLICE_FILE = "chunks.jsonl", "slice.json"
_COPY_BYTES = 8 << 20


def decode_slice(part: Slice, catalogue: Catalogue, image: ImageOptions, folder: str) -> None:
    """Decodes the rows of a slice.

    Args:
        folder: URI of an empty folder.

    Raises:
        CatalogueError: the catalogue cannot be read, or changed since it was cut.
    """
    options = RecordOptions(catalogue.data, image)
    with (
        scratch_folder() as scratch,
        DecoderPool(options, write_records) as pool,
        write_stream(os.path.join(folder, _CHUNKS_FILE)) as lines,
    ):
        for chunk, rows in slice_chunks(catalogue, part, scratch):
            index = decode_chunk(chunk, rows, catalogue.source_file(chunk.source), pool, scratch)
            _keep_chunk(index, folder)
            lines.write(json_line(_describe_chunk(index)))
    with write_stream(os.path.join(folder, _SLICE_FILE)) as file:
        file.write(json_line(asdict(part)))


def read_decoded_slice(folder: str, sources: Sequence[str]) -> Iterator[ChunkIndex]:
    """The index of each chunk of a slice.

    Args:
        folder: URI of its folder.
        sources: URIs of the catalogue's sources.

    Raises:
        IngestionError: a row of the slice is unaccounted for.
    """
    part, rows = _read_slice(folder), 0
    for line in read_json_lines(os.path.join(folder, _CHUNKS_FILE)):
        index = _read_chunk(line, folder, sources)
        rows += len(index.entries) + index.summary.rejects
        yield index
    if rows != part.rows:
        raise IngestionError(f"{part}: what was decoded has {rows:,} rows; run again without cache")


def check_decoded_slices(folders: Sequence[str], planned: Sequence[Slice]) -> None:
    """Checks that folders hold the slices of a catalogue, each once, in whatever order.

    Raises:
        IngestionError: one is missing, or there is another one.
    """
    found = {part: folder for folder in folders for part in [_read_slice(folder)]}
    if missing := [part for part in planned if part not in found]:
        raise IngestionError(f"{missing[0]} was not decoded; run again without cache")
    if len(folders) != len(planned):
        raise IngestionError(f"{len(folders)} slices were decoded where the catalogue has {len(planned)}; run again")


def _keep_chunk(index: ChunkIndex, folder: str) -> None:
    """Moves what was made of a chunk to the folder of its slice: its work files as one, the results and the index.

    How many work files there are depends on what went wrong on the way; the names in a slice's folder depend on its
    chunks alone, so that another attempt replaces all of them.
    """
    chunk = index.summary.chunk
    with write_stream(work_file(folder, chunk, ".tfrecord")) as whole:
        for name, _ in index.summary.files:
            with open(name, "rb") as piece:
                shutil.copyfileobj(piece, whole, _COPY_BYTES)
            os.remove(name)
    with write_stream(work_file(folder, chunk, ".jsonl")) as kept, open(index.summary.results, "rb") as results:
        shutil.copyfileobj(results, kept, _COPY_BYTES)
    os.remove(index.summary.results)
    with write_stream(work_file(folder, chunk, ".npy")) as table:
        np.save(table, index.entries, allow_pickle=False)


def _describe_chunk(index: ChunkIndex) -> dict[str, Any]:
    chunk = index.summary.chunk
    return {
        "source_index": chunk.source_index,
        "first_row": chunk.first_row,
        "rows": chunk.rows,
        "start": chunk.start,
        "stop": chunk.stop,
        "records": len(index.entries),
        "labels": sorted(index.labels.values()),
    }


def _read_chunk(line: dict[str, Any], folder: str, sources: Sequence[str]) -> ChunkIndex:
    """The index of a chunk from its line in the folder of a slice."""
    place = line["source_index"]
    chunk = Chunk(place, line["first_row"], line["rows"], sources[place], line["start"], line["stop"])
    with open_file(work_file(folder, chunk, ".npy")) as table:
        entries = np.load(table, allow_pickle=False)
    if entries.dtype != ENTRY_DTYPE or len(entries) != line["records"]:
        raise IngestionError(f"'{work_file(folder, chunk, '.npy')}' is no index of the slice; run again without cache")
    files = [(work_file(folder, chunk, ".tfrecord"), len(entries))] if len(entries) else []
    summary = ChunkSummary(chunk, files, chunk.rows - len(entries), work_file(folder, chunk, ".jsonl"))
    label_sets = [tuple(labels) for labels in line["labels"]]
    return ChunkIndex(summary, entries, {digest_texts(*labels): labels for labels in label_sets})


def _read_slice(folder: str) -> Slice:
    """The slice whose folder this is.

    Raises:
        IngestionError: it was not decoded to its end.
    """
    try:
        with open_file(os.path.join(folder, _SLICE_FILE)) as file:
            return Slice.from_json(json.load(file))
    except FileNotFoundError:
        message = f"'{folder}' is no decoded slice: it lacks {_SLICE_FILE}; run again without cache"
        raise IngestionError(message) from None
