"""The framing of records in an uncompressed TFRecord file.

Each record is stored as a header (its length and a checksum of the length), the record's bytes, and a checksum of them.
"""

from __future__ import annotations

import struct

import google_crc32c

#: Length of the record in bytes, and the checksum of these eight bytes.
RECORD_HEADER = struct.Struct("<QI")
#: Checksum of the record, which follows it.
CHECKSUM = struct.Struct("<I")


def frame_record(record: bytes) -> bytes:
    """A record with its header and checksum, as an uncompressed TFRecord file holds it."""
    length = len(record).to_bytes(8, "little")
    header = length + CHECKSUM.pack(masked_crc32c(length))
    return b"".join((header, record, CHECKSUM.pack(masked_crc32c(record))))


def masked_crc32c(content: bytes) -> int:
    """The CRC-32C of some bytes, rotated and with a constant added (tensorflow/tsl/lib/hash/crc32c.h)."""
    checksum = int(google_crc32c.value(content))
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
