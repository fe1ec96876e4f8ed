"""Image encodings with and without GZIP: the time to write a record, to read it with tf.data, and its size."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, get_args

from benchmarks.ingest_peers.common import IMAGE_SIZE, read_pixels, read_rows
from benchmarks.photographs import Photographs, cached_photographs
from benchmarks.tools import make_parser, print_table
from diptych.components.catalogue.image_files import encode_pixels
from diptych.models import features
from diptych.models.images.decoding import decode_stored_images
from diptych.models.images.options import ImageOptions, check_encoding_supported

if TYPE_CHECKING:
    import tensorflow as tf

_COMPRESSIONS = ("", "GZIP")
_BATCH = 64


@dataclass(frozen=True)
class Cost:
    """Microseconds for each record, and its size in the file in bytes."""

    encode: float
    write: float
    read: float
    size: float


def main() -> None:
    """Measures all encodings in turn, and prints medians."""
    arguments = make_parser(__doc__, repeat=3)
    arguments.add_argument("--rows", type=int, default=1000, help="how many photographs (default: %(default)s)")
    options = arguments.parse_args()
    # Set before TensorFlow is loaded, which otherwise prints notes on the processor and on the end of each iterator.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    catalogue = cached_photographs(Photographs(options.rows))
    pixels = [read_pixels(catalogue.parent / row["image"]) for row in read_rows(catalogue)]
    sides = list(product(_encodings(), _COMPRESSIONS))
    costs: dict[tuple[str, str], list[Cost]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as name:
        for side in sides * options.repeat:
            image = ImageOptions(height=IMAGE_SIZE, width=IMAGE_SIZE, encoding=side[0])
            costs[side].append(_measure(pixels, image, side[1], Path(name, "records")))
    rows = [
        (encoding, compression or "none", *_medians(costs[encoding, compression])) for encoding, compression in sides
    ]
    columns = ("encoding", "compression", "encode, us", "write, us", "read, us", "bytes")
    print_table(
        f"A record of {IMAGE_SIZE} x {IMAGE_SIZE} pixels, median of {options.repeat} times {len(pixels):,}",
        columns,
        rows,
    )


def _encodings() -> list[str]:
    """The encodings that the installed TensorFlow can read."""
    readable = []
    for encoding in get_args(ImageOptions.model_fields["encoding"].annotation):
        try:
            check_encoding_supported(ImageOptions(encoding=encoding))
        except ValueError as error:
            print(f"left out: {error}")
        else:
            readable.append(encoding)
    return readable


def _measure(pixels: Sequence[Any], image: ImageOptions, compression: str, file: Path) -> Cost:
    import tensorflow as tf

    started = time.perf_counter()
    stored = [encode_pixels(one, image) for one in pixels]
    encoded = time.perf_counter()
    with tf.io.TFRecordWriter(str(file), compression) as writer:
        for one in stored:
            writer.write(_example(one))
    written = time.perf_counter()
    size = file.stat().st_size
    dataset = _dataset(file, compression, image)
    # The first pass is not measured, because it also sets up what later epochs reuse.
    read = sum(len(batch) for batch in dataset)
    ready = time.perf_counter()
    for _ in dataset:
        pass
    done = time.perf_counter()
    encode_us, write_us, read_us = (1e6 * s / read for s in (encoded - started, written - encoded, done - ready))
    return Cost(encode_us, write_us, read_us, size / read)


def _example(stored: bytes) -> bytes:
    import tensorflow as tf

    feature = {features.IMAGE: tf.train.Feature(bytes_list=tf.train.BytesList(value=[stored]))}
    return bytes(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def _dataset(file: Path, compression: str, image: ImageOptions) -> tf.data.Dataset:
    """A dataset of uint8 ``[b, h, w, 3]`` that is read as in training: every core parses and decodes batches."""
    import tensorflow as tf

    spec = features.parsing_spec([features.IMAGE])

    def decode(records: tf.Tensor) -> tf.Tensor:
        return decode_stored_images(tf.io.parse_example(records, spec)[features.IMAGE], image)

    batches = tf.data.TFRecordDataset(str(file), compression).batch(_BATCH)
    return batches.map(decode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _medians(costs: Sequence[Cost]) -> list[Any]:
    return [
        *(median(getattr(cost, name) for cost in costs) for name in ("encode", "write", "read")),
        round(median(cost.size for cost in costs)),
    ]


if __name__ == "__main__":
    main()
