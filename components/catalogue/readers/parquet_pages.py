"""What the pages of a Parquet file unpack to, as their own headers say: pyarrow holds whole pages in memory.

The headers are structures of Thrift's compact protocol (parquet-format, ``PageHeader`` in ``parquet.thrift``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa

# Beside statistics, which hold values, a header has a few dozen bytes.
_HEADER_BYTES = 1 << 12
_MAX_HEADER_BYTES = 1 << 24
_DICTIONARY_PAGE = 2
# Of numbers of 64 bits.
_MAX_SHIFT = 63
# Fields of a PageHeader, and of the headers of data pages inside of it.
_TYPE, _UNPACKED, _PACKED = 1, 2, 3
_DICTIONARY_HEADER, _DATA_HEADERS, _VALUES = 7, (5, 8), 1
# Writers give up a dictionary that grows beyond a megabyte.
_USUAL_DICTIONARY = 1_250_000
# Types of Thrift's compact protocol.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12


@dataclass
class PageSizes:
    """The largest pages of a column in a row group, in bytes.

    Attributes:
        packed: of any page, as it is in the file.
        page: of a page of values.
        dictionary: of the dictionary.
        value: of the values of a page on average; of a large dictionary, the whole of it.
    """

    packed: int = 0
    page: int = 0
    dictionary: int = 0
    value: int = 0


def read_page_sizes(file: BinaryIO, column: Any, pages: int | None = None) -> PageSizes:
    """The sizes of the pages of a column in a row group.

    Args:
        column: pyarrow's ``ColumnChunkMetaData``.
        pages: how many of the first ones to look at; None for all.

    Raises:
        ArrowInvalid: a header is broken.
    """
    start = column.dictionary_page_offset if column.has_dictionary_page else None
    at = min(filter(None, (start, column.data_page_offset)))
    sizes, values, seen = PageSizes(), 0, 0
    while values < column.num_values and seen != pages:
        seen += 1
        header, length = _read_header(file, at)
        packed, unpacked = _number(header, _PACKED), _number(header, _UNPACKED)
        sizes.packed = max(sizes.packed, packed)
        if header.get(_TYPE) == _DICTIONARY_PAGE:
            sizes.dictionary = max(sizes.dictionary, unpacked)
            count = _count(header, (_DICTIONARY_HEADER,))
            # One value of a large dictionary may be nearly the whole of it.
            sizes.value = max(sizes.value, unpacked if unpacked > _USUAL_DICTIONARY else unpacked // max(1, count))
        else:
            count = _count(header, _DATA_HEADERS)
            values += count
            sizes.page = max(sizes.page, unpacked)
            sizes.value = max(sizes.value, unpacked // max(1, count))
        at += length + packed
    return sizes


def _number(fields: dict[int, Any], key: int) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or value < 0:
        raise pa.ArrowInvalid("the header of a page is broken")
    return value


def _count(header: dict[int, Any], keys: tuple[int, ...]) -> int:
    """The number of values, as the first of the inner headers says that is there."""
    inner = next((header[key] for key in keys if isinstance(header.get(key), dict)), None)
    return _number(inner, _VALUES) if inner else 0


def _read_header(file: BinaryIO, at: int) -> tuple[dict[int, Any], int]:
    """The header at an offset, and its length."""
    size = _HEADER_BYTES
    while size <= _MAX_HEADER_BYTES:
        try:
            file.seek(at)
            content = file.read(size)
            return _read_struct(content, 0)
        except IndexError:
            if len(content) < size:
                break
            size *= 16
        except (RecursionError, OverflowError):
            break
    raise pa.ArrowInvalid("a page has no header")


def _read_struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """The fields of a structure that are numbers or structures, by their ids, and where it ends."""
    fields: dict[int, Any] = {}
    number = 0
    while kind := data[at] & 15:
        delta = data[at] >> 4
        at += 1
        if delta:
            number += delta
        else:
            number, at = _read_integer(data, at)
        fields[number], at = _read_value(data, at, kind)
    return fields, at + 1


def _read_value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind == _STRUCT:
        return _read_struct(data, at)
    if kind == _BYTE:
        return data[at], at + 1
    if kind == _DOUBLE:
        return None, at + 8
    if kind == _BINARY:
        length, at = _read_varint(data, at)
        return None, at + length
    if kind in (_LIST, _SET):
        return None, _skip_list(data, at)
    return _read_integer(data, at)


def _skip_list(data: bytes, at: int) -> int:
    count, kind = data[at] >> 4, data[at] & 15
    at += 1
    if count == 15:
        count, at = _read_varint(data, at)
    for _ in range(min(count, len(data))):
        _, at = _read_value(data, at, kind)
    return at


def _read_integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _read_varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
        shift += 7
        if shift > _MAX_SHIFT:
            raise pa.ArrowInvalid("a number in the header of a page has no end")
