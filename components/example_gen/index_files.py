"""The index of each chunk in a file of its own, so that no runner of Beam holds the index of all records."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.storage import open_file, write_stream
from diptych.components.example_gen.record_index import ChunkIndex, ChunkSummary


class IndexFile(NamedTuple):
    """Where the index of a chunk is kept.

    Attributes:
        rows: number of rows of the chunk, rejects included.
        records: number of its records.
    """

    source_index: int
    first_row: int
    rows: int
    records: int
    uri: str


def keep_index(index: ChunkIndex, folder: str) -> IndexFile:
    """Writes the index of a chunk to a file in a folder."""
    chunk = index.summary.chunk
    uri = os.path.join(folder, f"{chunk.source_index:05d}-{chunk.first_row:010d}.npz")
    rest = json.dumps({"summary": asdict(index.summary), "labels": list(index.labels.items())}, default=_as_text)
    with write_stream(uri) as file:
        np.savez(file, entries=index.entries, rest=np.frombuffer(rest.encode(), np.uint8))
    return IndexFile(chunk.source_index, chunk.first_row, chunk.rows, len(index.entries), uri)


def read_index(uri: str) -> ChunkIndex:
    """The index of a chunk from its file."""
    with open_file(uri) as file, np.load(file, allow_pickle=False) as content:
        entries, rest = content["entries"], json.loads(content["rest"].tobytes())
    labels = {bytes.fromhex(digest): tuple(names) for digest, names in rest["labels"]}
    return ChunkIndex(make_summary(rest["summary"]), entries, labels)


def _as_text(digest: bytes) -> str:
    return digest.hex()


def make_summary(values: dict[str, Any]) -> ChunkSummary:
    """A summary from what ``dataclasses.asdict`` made of it, and JSON of that."""
    files = [(name, count) for name, count in values["files"]]
    return ChunkSummary(**{**values, "chunk": Chunk(**values["chunk"]), "files": files})


def write_index_files(files: Sequence[IndexFile], uri: str) -> None:
    """Writes a list of files down."""
    with write_stream(uri) as file:
        file.write(json.dumps(files).encode())


def read_index_files(uri: str) -> list[IndexFile]:
    """The files of a list that was written down."""
    with open_file(uri) as file:
        return [IndexFile(*values) for values in json.load(file)]
