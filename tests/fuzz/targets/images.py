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
    """A PNG file whose checksums are right: else no change of a chunk would be read."""
    at, chunks = len(_SIGNATURE) + 1, [content[: len(_SIGNATURE) + 1]]
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : at + 8 + length]
        chunks.append(struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    _image(b"".join(chunks))


def _files(*formats: str) -> Callable[[], Iterable[bytes]]:
    """Files of some of Pillow's formats, one of each kind that is read."""

    def seeds() -> Iterable[bytes]:
        openers()
        with patch.multiple(image_kinds, HEIGHT=12, WIDTH=20):
            made = [make().data for kind, make in image_kinds.KINDS.items() if kind.startswith(formats)]
        return with_choices(1, made)

    return seeds


_TAGS = [
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
_CHUNKS = [
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

TARGETS = {
    "jpeg": Target(_image, _files("JPEG"), _TAGS),
    "png": Target(_png, _files("PNG"), _CHUNKS),
    "webp": Target(_image, _files("WebP"), [b"VP8X", b"VP8L", b"VP8 ", b"ALPH", b"ANIM", b"ANMF", b"EXIF", b"ICCP"]),
    "gif_bmp": Target(_image, _files("GIF", "BMP"), [b"NETSCAPE2.0", b"GIF87a", b"\x21\xf9\x04"]),
    "tiff": Target(_image, _files("TIFF"), [b"II*\0", b"MM\0*"]),
    "avif_heif": Target(
        _image, _files("AVIF", "HEIC"), [b"ftypavif", b"ftypheic", b"ftypmif1", b"meta", b"ispe", b"irot"]
    ),
}
