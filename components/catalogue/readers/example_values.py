"""Counts what a serialised ``tf.train.Example`` holds without making objects of it.

Parsed, a value takes up to 20 times its bytes in the record: an empty string has two bytes here, and takes forty there.
The encoding is described in https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT = 10
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
# The fields that hold the next message, from Example over Features, its map's entries and Feature to a list of values.
_NESTED = ({1}, {1}, {2}, {1, 2, 3})
_FLOATS, _INTEGERS = 2, 3


def has_more_values(record: bytes, most: int) -> bool:
    """Whether an Example has more than ``most`` fields and values in all; not all of a malformed one are counted."""
    count = 0
    for values in _count(memoryview(record), 0, 0):
        count += values
        if count > most:
            return True
    return False


def _count(message: memoryview, level: int, kind: int) -> Iterator[int]:
    """The numbers of values of the fields of a message.

    Args:
        level: how deep in the Example the message lies.
        kind: the number of the field that holds it.
    """
    for number, content in _fields(message):
        if level < len(_NESTED) and content is not None and number in _NESTED[level]:
            yield 1
            yield from _count(content, level + 1, number)
        elif level == len(_NESTED) and content is not None and kind in (_FLOATS, _INTEGERS):
            yield _count_packed(content, kind)
        else:
            yield 1


def _count_packed(numbers: memoryview, kind: int) -> int:
    if kind == _FLOATS:
        return len(numbers) // 4
    # The last byte of each varint, and no other, is below 128.
    return int(np.count_nonzero(np.frombuffer(numbers, np.uint8) < 128))


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | None]]:
    """The number of each field, with its content if that has a length; ends where the message is malformed."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _LENGTH_DELIMITED:
            size, place = _varint(message, place)
            yield number, message[place : place + size]
            place += size
        elif wire_type == _VARINT:
            _, place = _varint(message, place)
            yield number, None
        elif wire_type in _FIXED_SIZES:
            place += _FIXED_SIZES[wire_type]
            yield number, None
        else:
            return


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number, and the place after it; if there is none, 0 and the end."""
    value = 0
    for index, byte in enumerate(message[place : place + _MAX_VARINT]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, place + index + 1
    return 0, len(message)
