"""Bytes of a JPEG file that belong to nothing, which some cameras leave in it: they are told from lost pixels.

libjpeg skips such bytes and counts them in a warning, "N extraneous bytes before marker 0x..". The same warning comes
for a file whose coded pixels were changed or overwritten somewhere: the decoder loses its place, takes fewer bytes for
the picture than there are, and the rest is left over. So the file is decoded again without the bytes:

- Bytes between two segments are no pixels, whatever they are.
- Bytes of one value behind the coded pixels are padding, if the pixels do not end with that value already, as those of
  a file do that was overwritten or cut and then filled up.
- A few bytes, up to ``_FEW``, are padding.
- Any other bytes are left there by the camera if the last coded pixel ends as encoders end it: the rest of its byte is
  filled with ones (ITU-T T.81, F.1.2.3). Where a decoder has lost its place, it stops at any bit of a byte, and three
  times of four the bits behind are no ones.

And the rest must decode without a warning.
"""

from __future__ import annotations

import re

import numpy as np
import simplejpeg  # type: ignore[import-untyped]

from diptych.components.catalogue.jpeg_segments import EOI, SOS, Segment, read_segments

_WARNING = re.compile(r"(\d+) extraneous bytes before marker")
_PREMATURE_END = "premature end"
_END_MARKER = b"\xff\xd9"
# So many bytes are padding, whatever they are.
_FEW = 19
# The decoder reads some bytes ahead, which libjpeg does not count.
_READ_AHEAD = 64


def without_stray_bytes(data: bytes, warning: str) -> bytes | None:
    """The file without the first stray bytes.

    Args:
        warning: libjpeg's first one about the file.

    Returns:
        None if the warning speaks of something else, or if the bytes are left over because pixels were lost.
    """
    if not _WARNING.search(warning):
        return None
    segments = list(read_segments(data))
    tight = b"".join(data[segment.start : segment.stop] for segment in segments)
    if segments[-1].marker == EOI and len(tight) < segments[-1].stop:
        return tight
    scans = (segment for segment in segments if segment.marker == SOS)
    scan, warning = next(((scan, found) for scan in scans if (found := _warning(data[: scan.stop]))), (None, ""))
    count = _WARNING.search(warning)
    if not scan or not count:
        return None
    end = _end_of_pixels(data, scan, int(count[1]))
    return data[:end] + data[scan.stop :] if end < scan.stop and _are_stray(data, end, scan.stop) else None


def _end_of_pixels(data: bytes, scan: Segment, count: int) -> int:
    """The offset behind the last byte that the decoder needs of a scan.

    Args:
        count: of the bytes that the decoder leaves over, those read ahead not among them.
    """

    def suffices(end: int) -> bool:
        return _PREMATURE_END not in _warning(data[:end])

    enough, short = scan.stop, max(scan.end, scan.stop - count - _READ_AHEAD)
    if suffices(short):
        enough, short = short, scan.end
    while enough - short > 1:
        middle = (enough + short) // 2
        enough, short = (middle, short) if suffices(middle) else (enough, middle)
    return enough


def _are_stray(data: bytes, start: int, stop: int) -> bool:
    """Whether bytes behind coded pixels are none that a damaged file has left over."""
    stray = data[start:stop]
    if len(stray) > 1 and len(set(stray)) == 1:
        is_stuffed = data[start - 2 : start] == b"\xff\0"
        return data[start - 1] != stray[0] or is_stuffed
    return len(stray) <= _FEW or _is_filled_with_ones(data[:start])


def _is_filled_with_ones(data: bytes) -> bool:
    """Whether the bits behind the last coded pixel, up to the end of its byte, are ones.

    That is so if the last bit that is zero belongs to the pixels: then they change with it.

    Args:
        data: up to the last byte of the pixels.
    """
    last = data[-1]
    zero = ~last & (last + 1)
    if zero > 0x80:
        return True
    changed = data[:-1] + bytes([last ^ zero])
    if _warning(changed):
        return True
    before, after = (simplejpeg.decode_jpeg(part + _END_MARKER) for part in (data, changed))
    return not np.array_equal(before, after)


def _warning(data: bytes) -> str:
    """libjpeg's first warning about the beginning of a file; empty without one."""
    try:
        # At the least size, which is the fastest.
        simplejpeg.decode_jpeg(data + _END_MARKER, min_height=1, min_width=1)
    except ValueError as error:
        return str(error)
    return ""
