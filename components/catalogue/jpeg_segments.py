"""The segments of a JPEG file (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

#: Start of image, end of image, and start of scan.
SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
#: Segments that hold no part of the picture: APP0 to APP15, and comments.
METADATA = frozenset({*range(0xE0, 0xF0), 0xFE})

# Any marker but those that stand among coded pixels: a stuffed zero, and restart markers.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_WITHOUT_PARAMETERS = frozenset({0x01, SOI})


class Segment(NamedTuple):
    """A segment, as offsets into the file.

    Attributes:
        marker: the second byte of its marker.
        start: of its marker.
        end: of its parameters.
        stop: of the coded pixels that follow the header of a scan; of the parameters in any other segment.
    """

    marker: int
    start: int
    end: int
    stop: int


def read_segments(data: bytes) -> Iterator[Segment]:
    """Yields the segments of the first picture in a file, from its start to its end marker, as libjpeg finds them.

    Bytes between two segments belong to neither. Nothing is yielded for an end marker that is not there.
    """
    at = 0
    while found := _MARKER.search(data, at):
        marker, end = data[found.end() - 1], found.end()
        if marker == EOI:
            yield Segment(EOI, end - 2, end, end)
            return
        if marker not in _WITHOUT_PARAMETERS:
            end += int.from_bytes(data[end : end + 2], "big")
        stop = end
        if marker == SOS:
            following = _MARKER.search(data, end)
            stop = following.start() if following else len(data)
        yield Segment(marker, found.end() - 2, end, stop)
        at = max(stop, found.end())
