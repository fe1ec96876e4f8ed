"""Decodes the rows of one chunk: its records go to work files, what became of each row to a file of results."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from diptych.components.catalogue.readers.rows import Chunk, Row, SourceFile
from diptych.components.catalogue.storage import open_file, write_stream
from diptych.components.example_gen.account import result_as_json, track_progress
from diptych.components.example_gen.decoder_pool import DecoderPool
from diptych.components.example_gen.record_index import ChunkIndex, ChunkIndexBuilder, IndexedRecord


def work_file(folder: str, chunk: Chunk, ending: str = "") -> str:
    """URI of a file of a chunk in a folder of work files; names are in the order of the chunks."""
    return os.path.join(folder, f"{chunk.source_index:05d}-{chunk.first_row:010d}{ending}")


def decode_chunk(
    chunk: Chunk, rows: Iterable[Row], source: SourceFile, pool: DecoderPool[IndexedRecord], folder: str
) -> ChunkIndex:
    """Writes the records of a chunk and the results of its rows to work files; returns the index of the records.

    Args:
        rows: of the chunk.
        source: their source.
        pool: of processes that run ``write_records``.
        folder: URI of the folder of the work files.

    Raises:
        CatalogueError: the chunk cannot be read.
    """
    results = work_file(folder, chunk, ".jsonl")
    builder = ChunkIndexBuilder(chunk, results)
    with write_stream(results) as lines:
        for result in track_progress(pool.process(rows, source, work_file(folder, chunk))):
            lines.write(json_line(result_as_json(result)))
            if isinstance(result, IndexedRecord):
                builder.add(result)
    return builder.build()


def json_line(value: dict[str, Any]) -> bytes:
    """A JSON object as a line of UTF-8. Characters that UTF-8 cannot hold are replaced: they are no reason to fail."""
    return (json.dumps(value, ensure_ascii=False) + "\n").encode(errors="replace")


def read_json_lines(uri: str) -> Iterator[dict[str, Any]]:
    """The objects of a file of such lines."""
    with open_file(uri) as lines:
        for line in lines:
            yield json.loads(line)
