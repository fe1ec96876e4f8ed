"""Where the messages of an Arrow file lie, and what each unpacks to: pyarrow holds whole messages in memory.

The framing and the tables are those of Arrow's columnar format (``Message.fbs``, ``File.fbs``), encoded as FlatBuffers.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

# What a file for random access begins with, padded to eight bytes; others are streams.
_FILE_MAGIC = b"ARROW1"
_CONTINUATION = 0xFFFFFFFF
_MAX_METADATA_BYTES = 1 << 24
# Places of fields in a Message, a RecordBatch and a DictionaryBatch, and the types of a Message's header.
_HEADER_TYPE, _HEADER, _BODY_LENGTH = 1, 2, 3
_BUFFERS, _COMPRESSION = 2, 3
_DICTIONARY_BATCH, _DICTIONARY_DATA = 2, 1
_RECORD_BATCH = 3
# What a file for random access ends with: the length of its footer. Its places of dictionaries and record batches are
# in vectors of the struct Block, of which the first eight bytes are the place.
_FOOTER_END = struct.Struct("<i6s")
_BLOCKS = (2, 3)
_BLOCK_BYTES = 24


def message_sizes(file: BinaryIO) -> Iterator[int]:
    """Yields how many bytes of memory each message takes, as it is in the file and unpacked.

    Raises:
        ArrowInvalid: the file is broken.
    """
    file.seek(0)
    try:
        if file.read(len(_FILE_MAGIC)) == _FILE_MAGIC:
            for place in _list_places(file):
                if message := _read_message(file, place):
                    yield message[0]
            return
        end = 0
        while message := _read_message(file, end):
            size, end = message
            yield size
    except (struct.error, IndexError, OverflowError):
        raise pa.ArrowInvalid("the metadata of a message are broken") from None


def _list_places(file: BinaryIO) -> Iterator[int]:
    """Where the messages of dictionaries and batches begin in a file for random access, as its footer says."""
    end = max(file.seek(0, os.SEEK_END) - _FOOTER_END.size, 0)
    file.seek(end)
    length, magic = _FOOTER_END.unpack(file.read())
    if magic != _FILE_MAGIC or not 0 <= length <= min(end, _MAX_METADATA_BYTES):
        raise pa.ArrowInvalid("the file has no footer, or one that is too large")
    file.seek(end - length)
    data = file.read(length)
    footer = _offset(data, 0)
    for number in _BLOCKS:
        if field := _field(data, footer, number):
            blocks = _offset(data, field)
            (count,) = struct.unpack_from("<I", data, blocks)
            for block in range(count):
                (place,) = struct.unpack_from("<q", data, blocks + 4 + _BLOCK_BYTES * block)
                if not 0 <= place <= end:
                    raise pa.ArrowInvalid("a message lies outside the file")
                yield place


def _read_message(file: BinaryIO, at: int) -> tuple[int, int] | None:
    """The memory that a message takes, and where it ends; None at the end of a stream."""
    file.seek(at)
    head = file.read(8)
    if len(head) < 8:
        return None
    mark, length = struct.unpack("<II", head)
    # Old versions wrote no mark.
    start = at + 8 if mark == _CONTINUATION else at + 4
    length = length if mark == _CONTINUATION else mark
    if not length:
        return None
    if length > _MAX_METADATA_BYTES:
        raise pa.ArrowInvalid(f"the metadata of a message have {length:,} bytes")
    file.seek(start)
    size, body = _sizes(file, file.read(length), start + length)
    return length + size, start + length + body


def _sizes(file: BinaryIO, data: bytes, body_at: int) -> tuple[int, int]:
    """The memory that a message takes, and the length of its body."""
    message = _offset(data, 0)
    body_field = _field(data, message, _BODY_LENGTH)
    (body,) = struct.unpack_from("<q", data, body_field) if body_field else (0,)
    if body < 0:
        raise pa.ArrowInvalid("a message has a body of less than no bytes")
    kind_field = _field(data, message, _HEADER_TYPE)
    kind = data[kind_field] if kind_field else 0
    if kind not in (_RECORD_BATCH, _DICTIONARY_BATCH):
        return body, body
    batch = _offset(data, _field(data, message, _HEADER))
    if kind == _DICTIONARY_BATCH:
        batch = _offset(data, _field(data, batch, _DICTIONARY_DATA))
    if not _field(data, batch, _COMPRESSION):
        return body, body
    buffers = _offset(data, _field(data, batch, _BUFFERS))
    (count,) = struct.unpack_from("<I", data, buffers)
    unpacked = 0
    for number in range(count):
        offset, length = struct.unpack_from("<qq", data, buffers + 4 + 16 * number)
        if offset < 0:
            raise pa.ArrowInvalid("a buffer lies outside the file")
        if length >= 8:
            file.seek(body_at + offset)
            # Of a buffer that is not compressed, it is -1.
            unpacked += max(length, *struct.unpack("<q", file.read(8)))
    return body + unpacked, body


def _offset(data: bytes, at: int) -> int:
    return int(at + struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a table lies; 0 if it has none."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", data, vtable)[0]:
        return 0
    (offset,) = struct.unpack_from("<H", data, vtable + 4 + 2 * number)
    return table + offset if offset else 0
