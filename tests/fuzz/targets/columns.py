"""What we ourselves read of Parquet and Arrow files, before pyarrow does: it runs in a process that no fuzzer sees."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress
from types import SimpleNamespace

import pyarrow as pa

from diptych.components.catalogue.readers.arrow_messages import message_sizes
from diptych.components.catalogue.readers.parquet_pages import read_page_sizes
from tests.fuzz.target import Target, split_choice
from tests.fuzz.targets.tables import arrow_files, parquet_files

_START = 4
_MOST = 10_000


def _pages(content: bytes) -> None:
    """The pages of a column, whose number of values the first byte gives."""
    values, content = split_choice(content, 256)
    column = SimpleNamespace(
        has_dictionary_page=False, dictionary_page_offset=None, data_page_offset=_START, num_values=values
    )
    with suppress(pa.ArrowInvalid):
        sizes = read_page_sizes(io.BytesIO(b"PAR1" + content), column)
        assert min(sizes.packed, sizes.page, sizes.dictionary, sizes.value) >= 0


def _messages(content: bytes) -> None:
    with suppress(pa.ArrowInvalid):
        for count, size in enumerate(message_sizes(io.BytesIO(content))):
            assert size >= 0
            assert count < _MOST, "messages have no end"


def _columns() -> Iterable[bytes]:
    return (bytes([4]) + file[_START:] for file in parquet_files())


TARGETS = {
    "parquet_pages": Target(_pages, _columns),
    "arrow_messages": Target(_messages, arrow_files, [b"ARROW1", b"\xff\xff\xff\xff"]),
}
