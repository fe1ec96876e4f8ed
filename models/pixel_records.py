"""Records with raw pixels, read from local files straight into a batch.

tf.data copies the pixels of such a record four times, from the file cache to a record, a parsed string, an image and a
batch, and computes the record's checksum each time. This reads them once, to their place in the batch.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diptych.models import features
from diptych.models.errors import DatasetError
from diptych.models.tfrecord_framing import CHECKSUM, RECORD_HEADER, masked_crc32c
from diptych.models.tfrecords import RecordChunk

# Of smaller images, tf.data reads batches as fast.
_LEAST_PIXELS = 1 << 13
# Each file stays open, and a process may have 1,024.
_MOST_FILES = 256
# TensorFlow takes arrays that begin at such an address as they are, and copies others.
_ALIGNMENT = 64
# How an entry of the map of features begins whose key is "image" (tensorflow/core/example/feature.proto).
_IMAGE_KEY = b"\n\x05" + features.IMAGE.encode()


@runtime_checkable
class PixelDecoder(Protocol):
    """A decoder that also takes records and their pixels apart."""

    @property
    def pixel_bytes(self) -> int | None:
        """The number of bytes of a record's raw pixels; None if images are stored in another encoding."""

    def decode_apart(self, records: tf.Tensor, pixels: tf.Tensor) -> Any:
        """Decodes a batch to what the decoder makes of whole records.

        Args:
            records: serialised records without the feature ``image``, string ``[b]``.
            pixels: the values of this feature, uint8 ``[b, pixel_bytes]``.
        """


def bind_decoder(chunks: Sequence[RecordChunk], decoder: Any) -> Callable[[tf.Tensor], Any] | None:
    """A function that reads and decodes a batch of records, given by their numbers, int64 ``[b]``.

    Args:
        chunks: the records, which are numbered from 0 across all chunks.
        decoder: a ``PixelDecoder``, or any other function of serialised records.

    Returns:
        None if tf.data reads such records as fast, or no other way of reading them is possible.
    """
    if not isinstance(decoder, PixelDecoder) or any(chunk.count is None for chunk in chunks):
        return None
    size, files = decoder.pixel_bytes, {file for chunk in chunks for file in chunk.files}
    if size is None or size < _LEAST_PIXELS or len(files) > _MOST_FILES:
        return None
    records = PixelRecords(chunks, size)

    def decode(numbers: tf.Tensor) -> Any:
        pixels, others = tf.numpy_function(records.read, [numbers], [tf.uint8, tf.string], stateful=False)
        return decoder.decode_apart(tf.ensure_shape(others, [None]), tf.ensure_shape(pixels, [None, size]))

    return decode


class PixelRecords:
    """The records of some chunks by number.

    The checksum of a record is verified when it is read for the first time.

    Args:
        chunks: chunks of uncompressed local files, whose numbers of records are known.
        pixel_bytes: the number of bytes that each record has as its feature ``image``.

    Raises:
        OSError: a file cannot be opened.
    """

    def __init__(self, chunks: Sequence[RecordChunk], pixel_bytes: int) -> None:
        self._pixel_bytes = pixel_bytes
        self._files = list(dict.fromkeys(file for chunk in chunks for file in chunk.files))
        self._opened = [os.open(file, os.O_RDONLY) for file in self._files]
        weakref.finalize(self, _close, self._opened)
        # For each record its file, where it starts in the file, its length, and where in the record its entry "image"
        # and the pixels in this start: 0 until the record has been read.
        self._places: NDArray[np.int64] = np.concatenate([self._locate(chunk) for chunk in chunks])

    def read(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        """The pixels of some records, uint8 ``[b, pixel_bytes]``, and these records without them, bytes ``[b]``.

        Raises:
            DatasetError: a record is damaged, or holds no image of this size.
        """
        pixels, others = _aligned_empty(len(numbers), self._pixel_bytes), np.empty(len(numbers), object)
        for row, (number, place) in enumerate(zip(numbers.tolist(), self._places[numbers].tolist(), strict=True)):
            read = self._read_again if place[-1] else self._read_first
            others[row] = read(number, place, pixels[row])
        return pixels, others

    def _locate(self, chunk: RecordChunk) -> NDArray[np.int64]:
        found: list[tuple[int, int, int, int, int]] = []
        offset = chunk.offset
        for file in map(self._files.index, chunk.files):
            opened, size = self._opened[file], os.fstat(self._opened[file]).st_size
            while len(found) < (chunk.count or 0) and offset < size:
                length = int.from_bytes(os.pread(opened, 8, offset), "little")
                found.append((file, offset + RECORD_HEADER.size, length, 0, 0))
                offset += RECORD_HEADER.size + length + CHECKSUM.size
            offset = 0
        return np.array(found, np.int64)

    def _read_first(self, number: int, place: Sequence[int], pixels: NDArray[np.uint8]) -> bytes:
        file, start, length, *_ = place
        record = os.pread(self._opened[file], length, start)
        if os.pread(self._opened[file], CHECKSUM.size, start + length) != CHECKSUM.pack(masked_crc32c(record)):
            raise DatasetError(f"{self._files[file]} is damaged: the checksum of the record at byte {start} is another")
        try:
            entry, image = _find_image(record, self._pixel_bytes)
        except (ValueError, IndexError):
            raise DatasetError(
                f"{self._files[file]} has no image of {self._pixel_bytes} bytes in the record at byte {start}: is the "
                "size of the images the one that they were stored with?"
            ) from None
        pixels[:] = np.frombuffer(record, np.uint8, self._pixel_bytes, image)
        self._places[number, 3:] = entry, image
        return _without_image(record[:entry], record[image + self._pixel_bytes :])

    def _read_again(self, _: int, place: Sequence[int], pixels: NDArray[np.uint8]) -> bytes:
        file, start, length, entry, image = place
        before, after = bytearray(image), bytearray(length - image - self._pixel_bytes)
        if os.preadv(self._opened[file], [before, pixels.data, after], start) != length:
            raise DatasetError(f"{self._files[file]} has become shorter since it was opened")
        return _without_image(before[:entry], after)


def _close(opened: Sequence[int]) -> None:
    for descriptor in opened:
        os.close(descriptor)


def _aligned_empty(rows: int, columns: int) -> NDArray[np.uint8]:
    memory = np.empty(rows * columns + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + rows * columns].reshape(rows, columns)


def _find_image(record: bytes, size: int) -> tuple[int, int]:
    """Where the entry "image" and its pixels start in a serialised Example. The last of equal keys counts.

    Raises:
        ValueError, IndexError: there is none that holds one value of this size.
    """
    found, (end, at) = (0, 0), _enter(record, 0, 0x0A)
    if end != len(record):
        raise ValueError("an Example has one field, its features")
    while at < end:
        entry, (next_entry, key) = at, _enter(record, at, 0x0A)
        if record.startswith(_IMAGE_KEY, key):
            # Of the entry its value, of this Feature its list of bytes, and of that the value.
            place = key + len(_IMAGE_KEY)
            for tag in (0x12, 0x0A, 0x0A):
                last, place = _enter(record, place, tag)
            if not last == place + size == next_entry:
                raise ValueError("another size, or several values")
            found = entry, place
        at = next_entry
    if not found[1]:
        raise ValueError("no image")
    return found


def _enter(message: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content of a length-delimited field ends and starts."""
    if message[at] != tag:
        raise ValueError(f"a field {message[at]} instead of {tag}")
    length, shift, at = 0, 0, at + 1
    while message[at] >= 128:
        length |= (message[at] & 127) << shift
        shift, at = shift + 7, at + 1
    length |= message[at] << shift
    return at + 1 + length, at + 1


def _without_image(before: bytes | bytearray, after: bytes | bytearray) -> bytes:
    """A serialised Example of the entries in front of the image, with the Example's own header, and behind it."""
    _, entries = _enter(bytes(before[:16]), 0, 0x0A)
    return features.encode_field(1, bytes(before[entries:] + after))
