"""Parquet and Arrow files in a store are read in bounded memory, and not more often than once."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.components.catalogue.options import DataOptions, Limits
from diptych.components.catalogue.readers.arrow import ArrowReader
from diptych.components.catalogue.readers.parquet import ParquetReader
from diptych.components.catalogue.readers.rows import CatalogueError, Reader
from diptych.components.catalogue.remote import Store

_STORE = "memory://test-columns-in-stores/"


@pytest.fixture
def put() -> Iterator[Callable[[str, Callable[[Any], None]], str]]:
    """Puts a file into a store, by a function that writes it; returns its URI."""
    files = fsspec.filesystem("memory")

    def put(name: str, write: Callable[[Any], None]) -> str:
        buffer = io.BytesIO()
        write(buffer)
        files.pipe(_STORE + name, buffer.getvalue())
        return _STORE + name

    yield put
    files.rm(_STORE, recursive=True)


def read(reader: Reader, uri: str, **limits: float) -> int:
    """The number of rows that can be read."""
    data = DataOptions(catalogue=uri, limits=Limits(**limits))
    chunks = reader.cut(uri, 0, data, _STORE + "spool")
    return sum(not row.problem for chunk in chunks for row in reader.read(chunk, data))


def test_columns_that_are_read_by_turns_are_fetched_once(
    put: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(0)
    columns = {name: [chance.randbytes(6000).hex() for _ in range(1000)] for name in ("image", "description", "label")}
    sizes = []
    fetch = Store.read

    def count(store: Store, uri: str, start: int, stop: int) -> bytes:
        content = fetch(store, uri, start, stop)
        sizes.append(len(content))
        return content

    def write(file: Any) -> None:
        pq.write_table(pa.table(columns), file, use_dictionary=False, compression="none")

    monkeypatch.setattr(Store, "read", count)
    uri = put("rows.parquet", write)
    assert read(ParquetReader(), uri) == 1000
    assert 36_000_000 < sum(sizes) < 37_500_000


def _large_page(file: Any) -> None:
    table = pa.table({"image": [bytes(40_000_000)] * 2, "description": ["a"] * 2, "label": ["a"] * 2})
    pq.write_table(table, file, compression="gzip", use_dictionary=False, data_page_size=1 << 30)


def _large_dictionary(file: Any) -> None:
    values = [bytes([place]) * 12_000_000 for place in range(4)]
    image = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 3] * 25, pa.int32()), pa.array(values))
    table = pa.table({"image": image, "description": ["a"] * 100, "label": ["a"] * 100})
    pq.write_table(table, file, compression="gzip", dictionary_pagesize_limit=1 << 30)


def _large_later_page(file: Any) -> None:
    images = [b"a"] * 2000 + [bytes(200_000_000)] * 2
    table = pa.table({"image": images, "description": ["a"] * 2002, "label": ["a"] * 2002})
    pq.write_table(table, file, compression="gzip", use_dictionary=False, data_page_size=1000, write_batch_size=1000)


def _large_batch(file: Any) -> None:
    table = pa.table({"image": [bytes(200_000_000)] * 2, "description": ["a"] * 2, "label": ["a"] * 2})
    with pa.ipc.new_file(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)


@pytest.mark.parametrize(
    ("reader", "write"),
    [
        (ParquetReader(), _large_page),
        (ParquetReader(), _large_dictionary),
        (ParquetReader(), _large_later_page),
        (ArrowReader(), _large_batch),
    ],
)
@pytest.mark.promise("A Parquet or Arrow file in a store that unpacks to more than the limit is refused by its name")
def test_what_unpacks_to_too_much_is_refused(
    put: Callable[..., str], reader: Reader, write: Callable[[Any], None]
) -> None:
    uri = put("rows", write)
    with pytest.raises(CatalogueError, match=r"data\.limits\.memory_mb: 'memory://.*/rows' cannot be read in 16 MB"):
        read(reader, uri, memory_mb=16)
