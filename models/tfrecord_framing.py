"""How a TFRecord file holds a record: its length and a checksum of that, the bytes, and a checksum of those."""

from __future__ import annotations

import struct

import google_crc32c

RECORD_HEADER = struct.Struct("<QI")
CHECKSUM = struct.Struct("<I")


def frame_record(record: bytes) -> bytes:
    """A record as it stands in an uncompressed TFRecord file."""
    length = len(record).to_bytes(8, "little")
    head = length + CHECKSUM.pack(masked_crc32c(length))
    return b"".join((head, record, CHECKSUM.pack(masked_crc32c(record))))


def masked_crc32c(content: bytes) -> int:
    """The CRC-32C of some bytes, rotated and with a constant added (tensorflow/tsl/lib/hash/crc32c.h)."""
    checksum = int(google_crc32c.value(content))
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
