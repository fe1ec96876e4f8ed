"""What TensorFlow would decode otherwise than ingestion is refused, whatever kind of file or metadata it is."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from diptych.models.images.decoding import RESIZE_TOLERANCE
from diptych.models.images.options import ImageOptions
from tests.image_kinds import (
    BACKGROUND,
    HEIGHT,
    KINDS,
    WIDTH,
    by_pillow,
    exif,
    jpeg,
    picture,
    png_file,
    swapped_profile,
    with_chunk,
    with_segment,
)
from tests.models.images.served_files import served, stored

OPTIONS = ImageOptions(height=HEIGHT, width=WIDTH, background=BACKGROUND)
# Never refused: people have most of their pictures in these.
ALWAYS_SERVED = ("JPEG", "PNG", "GIF", "BMP")
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r"><rdf:Description tiff:Orientation="%d"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def profile(kind: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(kind)).tobytes()


def with_profile(form: str, content: bytes) -> bytes:
    return by_pillow(Image.fromarray(picture()), form, icc_profile=content, quality=97)


def jpeg_with_xmp(orientation: int) -> bytes:
    return with_segment(jpeg().data, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET % orientation)


def png_with_text(name: bytes, content: bytes) -> bytes:
    return with_chunk(png_file().data, b"IDAT", name, content)


def raw_exif(orientation: int) -> bytes:
    """EXIF in hexadecimal digits, as ImageMagick writes it."""
    content = b"Exif\0\0" + exif(orientation)
    return zlib.compress(b"\nexif\n%8d\n%s\n" % (len(content), content.hex().encode()))


SERVED: dict[str, Callable[[], bytes]] = {
    "JPEG, profile of sRGB": lambda: with_profile("JPEG", profile("sRGB")),
    "PNG, profile of sRGB": lambda: with_profile("PNG", profile("sRGB")),
    "JPEG, upright by XMP": lambda: jpeg_with_xmp(1),
}
REFUSED: dict[str, Callable[[], bytes]] = {
    "JPEG, other profile": lambda: with_profile("JPEG", swapped_profile()),
    "PNG, other profile": lambda: with_profile("PNG", swapped_profile()),
    "PNG, profile of another kind": lambda: with_profile("PNG", profile("LAB")),
    "JPEG, turned by XMP": lambda: jpeg_with_xmp(6),
    "PNG, turned by XMP": lambda: png_with_text(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET % 6),
    "PNG, turned by packed XMP": lambda: png_with_text(
        b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PACKET % 6)
    ),
    "PNG, turned by EXIF in digits": lambda: png_with_text(b"zTXt", b"Raw profile type exif\0\0" + raw_exif(6)),
}


@pytest.mark.promise(
    "What a served model cannot decode as training did, it refuses: no picture is answered approximately"
)
def test_every_kind_of_file_is_served_as_it_is_stored_or_refused(
    record_property: Callable[[str, object], None],
) -> None:
    files = {**{kind: make().data for kind, make in KINDS.items()}, **{name: make() for name, make in SERVED.items()}}
    files |= {name: make() for name, make in REFUSED.items()}
    refused, differing = set(), set()
    for name, data in files.items():
        pixels = served(data, OPTIONS)
        if pixels is None:
            refused.add(name)
        elif np.abs(pixels.astype(int) - stored(data, OPTIONS)).max() > RESIZE_TOLERANCE:
            differing.add(name)
    assert not differing
    assert refused >= REFUSED.keys()
    usual = {kind for kind in KINDS if kind.startswith(ALWAYS_SERVED)} - {"JPEG, colour profile"}
    assert not refused & (usual | SERVED.keys())
    record_property("figure", f"{len(files)} kinds of files: {len(refused)} refused, 0 answered otherwise")
