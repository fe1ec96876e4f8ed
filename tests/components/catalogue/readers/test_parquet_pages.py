"""The headers of Parquet's pages are read whatever they say: pyarrow reads them after us, in the same process."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.components.catalogue.readers.parquet_pages import PageSizes, read_page_sizes


def sizes_of(pages: bytes, values: int = 1) -> PageSizes:
    column = SimpleNamespace(
        has_dictionary_page=False, dictionary_page_offset=None, data_page_offset=4, num_values=values
    )
    return read_page_sizes(io.BytesIO(b"PAR1" + pages), column)


# Fields of Thrift's compact protocol: their number from the last one on, their type, their value.
_NUMBER, _STRUCT, _LIST, _END = 5, 12, 9, b"\0"


def field(step: int, kind: int, value: bytes) -> bytes:
    return bytes([step << 4 | kind]) + value


_GOOD = field(1, _NUMBER, b"\0") + field(1, _NUMBER, b"\x14") + field(1, _NUMBER, b"\x08")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        field(1, _NUMBER, b"\0") + _END,
        field(1, _NUMBER, b"\0") + field(1, _STRUCT, _END) + field(1, _NUMBER, b"\x08") + _END,
        field(1, _NUMBER, b"\0") + field(1, _NUMBER, b"\x13") + field(1, _NUMBER, b"\x08") + _END,
        field(1, _NUMBER, b"\0") + field(1, _NUMBER, b"\x14") + field(1, _NUMBER, b"\xff" * 40 + b"\0") + _END,
        2 * (field(1, _NUMBER, b"\0") + field(1, _NUMBER, b"\x14") + field(1, _NUMBER, b"\xfe" * 9 + b"\0") + _END),
        _GOOD + field(2, _STRUCT, field(1, _STRUCT, _END) + _END) + _END,
        field(1, _STRUCT, b"") * 5000,
    ],
    ids=["none", "no sizes", "a structure for a size", "less than none", "endless", "far away", "no count", "deep"],
)
def test_a_broken_header_is_told(header: bytes) -> None:
    with pytest.raises(pa.ArrowInvalid):
        sizes_of(header)


def test_a_page_of_a_good_header_is_measured() -> None:
    page = _GOOD + field(2, _STRUCT, field(1, _NUMBER, b"\x04") + _END) + _END + bytes(4)
    assert sizes_of(page, 2) == PageSizes(packed=4, page=10, value=5)
    assert sizes_of(page + page, 4) == PageSizes(packed=4, page=10, value=5)


def test_only_the_first_pages_are_looked_at_if_so_asked() -> None:
    buffer = io.BytesIO()
    values = pa.table({"a": [bytes(100)] * 200 + [bytes(9000)] * 10})
    pq.write_table(values, buffer, use_dictionary=False, data_page_size=2000, write_batch_size=10, compression="none")
    column = pq.read_metadata(buffer).row_group(0).column(0)
    assert read_page_sizes(buffer, column, 2).page < 9000 < read_page_sizes(buffer, column).page
