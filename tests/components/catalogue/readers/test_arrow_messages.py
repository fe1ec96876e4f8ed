"""The messages of an Arrow file are measured whatever they say."""

from __future__ import annotations

import io
import struct

import pyarrow as pa
import pytest

from diptych.components.catalogue.readers.arrow_messages import message_sizes


def compressed(count: int) -> bytes:
    buffer, table = io.BytesIO(), pa.table({"a": [bytes(1000)] * count})
    with pa.ipc.new_stream(buffer, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def place_of_offsets(content: bytes) -> tuple[int, int]:
    """Where a message says where the offsets of its texts lie, and how many bytes they have."""
    found = ((content.find(struct.pack("<qq", 0, length)), length) for length in range(8, 400))
    return next((at, length) for at, length in found if at >= 0)


def test_what_is_compressed_is_measured_as_it_unpacks() -> None:
    content = compressed(100)
    assert len(content) < 2000
    assert max(message_sizes(io.BytesIO(content))) > 100_000


@pytest.mark.parametrize("offset", [-1, -(1 << 40), (1 << 63) - 1])
def test_a_buffer_outside_of_the_file_is_told(offset: int) -> None:
    content = bytearray(compressed(100))
    at, length = place_of_offsets(content)
    struct.pack_into("<qq", content, at, offset, length)
    with pytest.raises(pa.ArrowInvalid):
        list(message_sizes(io.BytesIO(content)))
