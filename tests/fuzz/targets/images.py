"""The image step: a file of any bytes becomes a record or a reject, and the same one however large it is stored."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from unittest.mock import patch

from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.image_headers import openers
from diptych.components.catalogue.options import DataOptions, Limits
from diptych.components.catalogue.readers.rows import Row, SourceFile
from diptych.components.catalogue.records import Record, RecordOptions, build_record
from diptych.models import features
from diptych.models.images.options import ImageOptions
from tests import image_kinds
from tests.fuzz.target import Target, split_choice, with_choices

_LIMITS = Limits(memory_mb=100, frames=20)
_DATA = DataOptions(catalogue="rows.csv", limits=_LIMITS)
_STORED = [
    ImageOptions(height=8, width=8),
    ImageOptions(height=16, width=9, aspect="pad", filter="lanczos", encoding="png", background="#336699"),
    ImageOptions(height=64, width=96, aspect="crop", filter="bicubic", encoding="jpeg"),
]
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _image(content: bytes) -> None:
    choice, content = split_choice(content, len(_STORED))
    row = Row(1, "id", "a.png", "a text", ("cat",), content=content)
    record = build_record(row, SourceFile("rows.csv", "/"), RecordOptions(_DATA, _STORED[choice]))
    if isinstance(record, Record):
        other = decode_image(content, _STORED[choice - 1], _LIMITS)
        assert other.sha256 == record.values[features.SHA256], "the stored size changes the identity"
        assert (other.width, other.height) == (record.values[features.WIDTH], record.values[features.HEIGHT])


def _png(content: bytes) -> None:
    _image(content[:1] + with_right_checksums(content[1:]))


def with_right_checksums(content: bytes) -> bytes:
    """A PNG file whose checksums are right: else no change of a chunk would be read."""
    at, chunks = len(_SIGNATURE), [content[: len(_SIGNATURE)]]
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : at + 8 + length]
        chunks.append(struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(chunks)


def files(*formats: str) -> list[bytes]:
    """Files of some of Pillow's formats, one of each kind that is read, of 12 x 20 pixels."""
    openers()
    with patch.multiple(image_kinds, HEIGHT=12, WIDTH=20):
        return [make().data for kind, make in image_kinds.KINDS.items() if kind.startswith(formats)]


def _chosen(*formats: str) -> Callable[[], Iterable[bytes]]:
    return lambda: with_choices(1, files(*formats))


#: What is seldom found by chance in a JPEG file.
JPEG_WORDS = [
    b"Exif\0\0",
    b"ICC_PROFILE\0",
    b"Adobe",
    b"\xff\xee",
    b"\xff\xe1",
    b"\xff\xe2",
    b"\xff\xda",
    b"\xff\xc2",
    b"http://ns.adobe.com/xap/1.0/\0",
]
#: In a PNG file.
PNG_WORDS = [
    b"iCCP",
    b"tRNS",
    b"PLTE",
    b"eXIf",
    b"zTXt",
    b"iTXt",
    b"tEXt",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"gAMA",
    b"sRGB",
    b"cHRM",
]

#: In a GIF file.
GIF_WORDS = [b"NETSCAPE2.0", b"GIF87a", b"\x21\xf9\x04"]

TARGETS = {
    "jpeg": Target(_image, _chosen("JPEG"), JPEG_WORDS),
    "png": Target(_png, _chosen("PNG"), PNG_WORDS),
    "webp": Target(_image, _chosen("WebP"), [b"VP8X", b"VP8L", b"VP8 ", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"ICCP"]),
    "gif_bmp": Target(_image, _chosen("GIF", "BMP"), GIF_WORDS),
    "tiff": Target(_image, _chosen("TIFF"), [b"II*\0", b"MM\0*"]),
    "avif_heif": Target(
        _image, _chosen("AVIF", "HEIC"), [b"ftypavif", b"ftypheic", b"ftypmif1", b"meta", b"ispe", b"irot"]
    ),
}
