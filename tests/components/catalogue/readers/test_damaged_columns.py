"""A Parquet or Arrow file that is damaged gives rows, or a sentence: pyarrow 10 crashes on some."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.arrow import ArrowReader
from diptych.components.catalogue.readers.parquet import ParquetReader
from diptych.components.catalogue.readers.rows import CatalogueError, Reader
from tests.components.catalogue.readers.source_reading import read_source

_COUNT = 40
_TABLE = pa.table(
    {
        "image": [{"bytes": b"%d" % number * 9, "path": f"{number}.png"} for number in range(_COUNT)],
        "description": [f"text {number} of many" * 3 for number in range(_COUNT)],
        "label": [f"c{number % 4}" for number in range(_COUNT)],
        "tags": [[number, number + 1] for number in range(_COUNT)],
    }
)
# With these, pyarrow 10 itself ends its process, or reads outside of its memory.
_CRASHES = (18, 261, 349, 386, 497, 514, 534, 740, 807, 881)
_SEEDS = (*_CRASHES, *range(10))


def parquet_file(options: Mapping[str, Any]) -> tuple[bytes, int]:
    """A file, and where its pages end."""
    buffer = io.BytesIO()
    pq.write_table(_TABLE, buffer, row_group_size=16, **options)
    content = buffer.getvalue()
    return content, len(content) - int.from_bytes(content[-8:-4], "little") - 8


def arrow_file(new: Callable[..., Any], compression: str | None = None) -> tuple[bytes, int]:
    buffer = io.BytesIO()
    with new(buffer, _TABLE.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(_TABLE, 16)
    return buffer.getvalue(), len(buffer.getvalue())


_FILES: dict[str, tuple[Reader, Callable[[], tuple[bytes, int]]]] = {
    "parquet": (ParquetReader(), lambda: parquet_file({})),
    "parquet, plain": (ParquetReader(), lambda: parquet_file({"compression": "none"})),
    "parquet, version 2": (ParquetReader(), lambda: parquet_file({"data_page_version": "2.0"})),
    "parquet, zstd": (ParquetReader(), lambda: parquet_file({"compression": "zstd"})),
    "arrow, stream": (ArrowReader(), lambda: arrow_file(pa.ipc.new_stream)),
    "arrow, lz4": (ArrowReader(), lambda: arrow_file(pa.ipc.new_file, "lz4")),
}


def damaged(content: bytes, stop: int, seed: int) -> bytes:
    chance, changed = random.Random(seed), bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        changed[chance.randrange(4, stop)] = chance.choice([0, 255, chance.randrange(256), 127, 128])
    return bytes(changed)


@pytest.mark.parametrize("kind", _FILES)
@pytest.mark.promise("A Parquet or Arrow catalogue with damaged pages is refused by a sentence, and crashes nothing")
def test_damage_crashes_nothing(kind: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    reader, make = _FILES[kind]
    path, refused = tmp_path / "rows", 0
    for seed in _SEEDS:
        path.write_bytes(damaged(*make(), seed))
        try:
            assert len(read_source(reader, path)) == _COUNT
            list(reader.sample(str(path), DataOptions(catalogue=str(path))))
        except CatalogueError as error:
            assert str(path) in str(error)
            refused += 1
    record_property("figure", f"{kind}: {len(_SEEDS)} damaged files, {refused} refused, 0 crashes")
    assert refused


def test_the_row_group_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    content, _ = parquet_file({"compression": "none"})
    path.write_bytes(content)
    column = pq.read_metadata(path).row_group(1).column(2)
    start = column.dictionary_page_offset or column.data_page_offset
    path.write_bytes(content[:start] + bytes(40) + content[start + 40 :])
    with pytest.raises(CatalogueError, match=r"rows\.parquet' cannot be read as Parquet: row group 2: .*copy it"):
        read_source(ParquetReader(), path)


def test_the_record_batch_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.arrow"
    content, _ = arrow_file(pa.ipc.new_file)
    place = content.index(b"text 30 of many")
    offsets = content.rindex(struct.pack("<2i", 0, 45), 0, place)
    path.write_bytes(content[: offsets + 4] + b"\xff" * 4 + content[offsets + 8 :])
    with pytest.raises(CatalogueError, match=r"rows\.arrow' cannot be read as Arrow: record batch 2: .*copy it"):
        read_source(ArrowReader(), path)
