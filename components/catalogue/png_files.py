"""What Pillow does not read of PNG files: large texts and colour profiles, and some transparent levels."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The offset of the bit depth in the header, which is always the first chunk.
_BIT_DEPTH = 24
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
# Texts that may give the orientation, by their keywords.
_ORIENTATION_TEXTS = frozenset({b"Raw profile type exif", b"XML:com.adobe.xmp"})
# Pillow reads no compressed text above a megabyte, and not more than 64 MB of texts.
_PILLOWS_LIMIT = re.compile(r"MAX_TEXT_CHUNK|MAX_TEXT_MEMORY")
_MAX_TEXT_BYTES = 1 << 20
# The largest profiles, of printing presses, have two megabytes.
_MAX_PROFILE_BYTES = 4 << 20


def scale_transparent_level(image: Image.Image, data: bytes) -> None:
    """Makes the transparent level of a grey file with less than 8 bits a sample one of 255, as its pixels are.

    Args:
        image: made of ``data`` by Pillow, which scales the pixels alone.
    """
    level, bits = image.info.get("transparency"), data[_BIT_DEPTH]
    if image.mode == "L" and isinstance(level, int) and bits < 8:
        image.info["transparency"] = level * (255 // ((1 << bits) - 1))


def exceeds_text_limit(error: ValueError) -> bool:
    """Whether an error of Pillow speaks of a text or profile that is too large for it."""
    return bool(_PILLOWS_LIMIT.search(str(error)))


def without_metadata(data: bytes) -> bytes:
    """A PNG file without its texts and its colour profile, but with the beginning of the texts of an orientation."""
    others, orientations = [], {}
    for chunk in _chunks(data):
        name, content = chunk[4:8], chunk[8:-4]
        if name in _TEXTS:
            keyword, _, rest = content.partition(b"\0")
            if keyword in _ORIENTATION_TEXTS:
                # As for Pillow, the last of them counts.
                orientations[keyword] = name, rest
        elif name != b"iCCP":
            others.append(chunk)
    texts = [_short_text(keyword, *text) for keyword, text in orientations.items()]
    # The header is always the first chunk.
    return b"".join([_SIGNATURE, *others[:1], *texts, *others[1:]])


def read_profile(data: bytes) -> bytes | None:
    """The colour profile of a PNG file; None without one, or if it is broken or larger than any printer's."""
    for chunk in _chunks(data):
        if chunk[4:8] == b"iCCP":
            _, _, compressed = chunk[8:-4].partition(b"\0")
            profile = _decompress(compressed[1:], _MAX_PROFILE_BYTES + 1)
            return profile if len(profile) <= _MAX_PROFILE_BYTES else None
    return None


def _chunks(data: bytes) -> Iterator[bytes]:
    """Yields each chunk: length, name, content and checksum."""
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at : at + 12 + length]
        at += 12 + length


def _short_text(keyword: bytes, name: bytes, rest: bytes) -> bytes:
    """A chunk with the beginning of a text, not compressed and in no language.

    Args:
        name: of the chunk that holds the text.
        rest: of its content, behind the keyword.
    """
    text = _text(name, rest)[:_MAX_TEXT_BYTES]
    if keyword == b"Raw profile type exif":
        # Half a hexadecimal number would spoil the rest.
        text = text.rpartition(b"\n")[0]
    content = b"iTXt" + keyword + b"\0\0\0\0\0" + text
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def _text(name: bytes, content: bytes) -> bytes:
    """The text in a chunk, of a compressed one the beginning; ``content`` is what follows the keyword."""
    if name == b"tEXt":
        return content
    if name == b"zTXt":
        return _decompress(content[1:], _MAX_TEXT_BYTES)
    is_compressed = content[:1] == b"\x01"
    _, _, rest = content[2:].partition(b"\0")
    _, _, text = rest.partition(b"\0")
    return _decompress(text, _MAX_TEXT_BYTES) if is_compressed else text


def _decompress(data: bytes, limit: int) -> bytes:
    """At most ``limit`` bytes of what zlib compressed; nothing if it is broken."""
    try:
        return zlib.decompressobj().decompress(data, limit)
    except zlib.error:
        return b""
