"""``python -m benchmarks.split_paths PATH INDEXES FOLDER NEAR``: one way to find duplicates and splits."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from diptych.components.catalogue.options import DataOptions, DuplicateOptions
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.example_gen.assignment import assign_splits
from diptych.components.example_gen.external.assigning import decide
from diptych.components.example_gen.external.blocks import RECORDS_PER_BLOCK, plan_blocks
from diptych.components.example_gen.external.exchange import mix
from diptych.components.example_gen.external.stages import StageRunner
from diptych.components.example_gen.index_files import (
    IndexFile,
    keep_index,
    read_index,
    read_index_files,
    write_index_files,
)
from diptych.components.example_gen.record_index import ENTRY_DTYPE, NO_SPLIT, ChunkIndex, ChunkSummary, digest_texts

RESULT_FILE = "result.json"
_LIST_FILE = "chunks.json"
_ROWS_PER_CHUNK, _ROWS_PER_FILE = 4096, 32
_LABELS = [(f"label {number}",) for number in range(20)]


def write_indexes(folder: Path, rows: int) -> None:
    """Writes the indexes of chunks as decoding leaves them: 2 % of images equal, 1 % near, half in groups of three."""
    files = [
        keep_index(_make_index(start, min(start + _ROWS_PER_CHUNK, rows)), str(folder))
        for start in range(0, rows, _ROWS_PER_CHUNK)
    ]
    write_index_files(files, str(folder / _LIST_FILE))


def _make_index(start: int, stop: int) -> ChunkIndex:
    random, numbers = np.random.default_rng(start), np.arange(start, stop, dtype=np.uint64)
    earlier = random.integers(0, max(start, 1), len(numbers), np.uint64)
    chance = random.random(len(numbers))
    pictures = np.where(chance < 0.02, earlier, numbers)
    near = mix(np.where(chance > 0.99, earlier, pictures)) ^ np.where(chance > 0.99, np.uint64(1 << 17), np.uint64(0))
    label_of = random.integers(0, len(_LABELS), len(numbers))
    entries = np.zeros(len(numbers), ENTRY_DTYPE)
    entries["row"], entries["bytes"], entries["split"] = numbers + np.uint64(1), 49_400, NO_SPLIT
    entries["id"], entries["pixels"], entries["phash"] = (
        _digests(numbers, 1),
        _digests(pictures, 2),
        near.view(np.int64),
    )
    entries["content"] = _digests(np.where(chance < 0.01, pictures, numbers), 3)
    entries["group"] = np.where(numbers % 6 < 3, _digests(numbers // np.uint64(3), 4), b"")
    labels = {digest_texts(*names): names for names in _LABELS}
    entries["labels"] = np.array(list(labels), "S16")[label_of]
    files = [(f"files/{place:010d}.tfrecord", _ROWS_PER_FILE) for place in range(start, stop, _ROWS_PER_FILE)]
    return ChunkIndex(ChunkSummary(Chunk(0, start + 1, stop - start, "rows.csv", 0, 0), files, 0), entries, labels)


def _digests(numbers: NDArray[np.uint64], kind: int) -> NDArray[Any]:
    halves = [mix(numbers ^ np.uint64(kind * 2 + half << 56)) for half in (0, 1)]
    return np.ascontiguousarray(np.stack(halves, axis=1)).view("S16").reshape(-1)


def _decide_in_memory(files: list[IndexFile], data: DataOptions, _: Path) -> tuple[str, int]:
    assignment = assign_splits((read_index(file.uri) for file in files), data)
    return _digest(iter([(assignment.reason, assignment.split)])), 0


def _decide_with_files(files: list[IndexFile], data: DataOptions, folder: Path) -> tuple[str, int]:
    runner = MeasuringRunner(_make_pipeline, str(folder / "stages"))
    blocks, gather = plan_blocks(files, data, str(folder / "stages"), RECORDS_PER_BLOCK)
    runner.add(gather)
    splits = decide(blocks, runner)
    runner.run()
    decided = ((splits.decisions.reasons(block)[0], splits.of(block)) for block in range(blocks.count))
    return _digest(decided), runner.most_bytes


class MeasuringRunner(StageRunner):
    """Remembers the most bytes that its files took when stages had run."""

    most_bytes = 0

    def _execute(self, stages: Any) -> None:
        super()._execute(stages)
        found = (Path(parent, name) for parent, _, names in os.walk(self._folder) for name in names)
        self.most_bytes = max(self.most_bytes, sum(path.stat().st_size for path in found))


def _group_by_beam(files: list[IndexFile], _: DataOptions, __: Path) -> tuple[str, int]:
    """Only the exact duplicates, of one element for each row: what a GroupByKey holds."""
    import apache_beam as beam

    with _make_pipeline() as pipeline:
        _ = (
            pipeline
            | beam.Create([file.uri for file in files])
            | beam.FlatMap(_list_pixels)
            | beam.GroupByKey()
            | beam.Map(_first)
            | beam.combiners.Count.Globally()
        )
    return "", 0


def _list_pixels(uri: str) -> Iterator[tuple[bytes, int]]:
    index = read_index(uri)
    first = index.summary.chunk.first_row
    for place, pixels in enumerate(index.entries["pixels"].tolist()):
        yield pixels, first + place


def _first(group: tuple[bytes, Any]) -> int:
    return min(group[1])


def _make_pipeline() -> Any:
    import apache_beam as beam

    return beam.Pipeline(argv=["--runner=FnApiRunner"])


def _digest(decided: Iterator[tuple[NDArray[np.int8], NDArray[np.int8]]]) -> str:
    """A digest of the reasons and splits of consecutive records, however they are parted."""
    columns = [hashlib.sha256(), hashlib.sha256()]
    for parts in decided:
        for column, values in zip(columns, parts, strict=True):
            column.update(values.tobytes())
    return "".join(column.hexdigest() for column in columns)


#: Each path by its name in the table.
PATHS: dict[str, Callable[[list[IndexFile], DataOptions, Path], tuple[str, int]]] = {
    "memory": _decide_in_memory,
    "files": _decide_with_files,
    "beam": _group_by_beam,
}


def main() -> None:
    """Takes the path, and writes what it took, without the start of Python and imports."""
    path, indexes, folder, near = sys.argv[1:]
    data = DataOptions(catalogue="rows.csv", split_by="group", duplicates=DuplicateOptions(near=near))  # type: ignore[arg-type]
    files = read_index_files(str(Path(indexes, _LIST_FILE)))
    with _make_pipeline():
        pass
    started, start_bytes = time.process_time(), psutil.Process().memory_info().rss
    digest, file_bytes = PATHS[path](files, data, Path(folder))
    result = {
        "seconds": time.process_time() - started,
        "start_bytes": start_bytes,
        "file_bytes": file_bytes,
        "digest": digest,
    }
    Path(folder, RESULT_FILE).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
