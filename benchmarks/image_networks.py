"""Images per CPU second that the compact CNN trains on, by size, against a CNN whose every block sees full resolution.

Both are fitted in one process, in turn, on random pixels, and counted by the process's CPU time, so that other work on
the machine distorts little. The first batches of each network are not counted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.tools import make_parser, print_table

if TYPE_CHECKING:
    import keras

GOAL = 5.0
_CLASSES, _BATCH_SIZE = 10, 64
_UNITS = 128


def main() -> int:
    """Prints the table; returns 1 if the compact CNN is not at least ``GOAL`` times as fast at some size."""
    arguments = make_parser(__doc__, repeat=3)
    arguments.add_argument("--sides", type=int, nargs="+", default=[64, 128], help="in pixels (default: %(default)s)")
    arguments.add_argument("--batches", type=int, default=4, help="in each turn (default: %(default)s)")
    options = arguments.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    rows, slow = [], False
    for side in options.sides:
        reference, compact = _measure(side, options.batches, options.repeat)
        ratio = median(ours / theirs for ours, theirs in zip(compact, reference, strict=True))
        slow |= ratio < GOAL
        rows.append((f"{side} x {side}", round(median(reference)), round(median(compact)), ratio))
    columns = ("images", "three plain blocks", "compact CNN", "ratio")
    print_table("Training, images per CPU second", columns, rows)
    print(f"{'FAIL' if slow else 'pass'}: at least {GOAL:g} times as many at each size")
    return int(slow)


def _measure(side: int, batches: int, repeat: int) -> tuple[list[float], list[float]]:
    """Images per CPU second of the reference and of the compact CNN in each turn."""
    from diptych.models.networks.cnn import compact_cnn
    from diptych.models.networks.options import ImageNetworkOptions

    filters = ImageNetworkOptions().filters
    models = [_network(reference_cnn, side), _network(lambda images: compact_cnn(filters, images), side)]
    for model in models:
        _images_per_cpu_second(model, side, 1)
    turns = [[_images_per_cpu_second(model, side, batches) for model in models] for _ in range(repeat)]
    return [turn[0] for turn in turns], [turn[1] for turn in turns]


def reference_cnn(images: Any) -> Any:
    """Three blocks of a convolution at the full resolution of what enters them, then pooling; ``[b, n]``."""
    from keras import layers

    x = images
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.MaxPooling2D(padding="same")(x)
    return layers.Flatten()(layers.AveragePooling2D(2, padding="same")(x))


def _network(encode: Callable[[Any], Any], side: int) -> keras.Model:
    import keras
    from keras import layers

    pixels = keras.Input((side, side, 3), dtype="uint8")
    vector = layers.Dense(_UNITS, activation="relu")(encode(layers.Rescaling(1 / 255)(pixels)))
    model = keras.Model(pixels, layers.Dense(_CLASSES, activation="softmax")(vector))
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    return model


def _images_per_cpu_second(model: keras.Model, side: int, batches: int) -> float:
    import numpy as np

    random, count = np.random.default_rng(0), batches * _BATCH_SIZE
    pixels = random.integers(0, 256, (count, side, side, 3), np.uint8)
    labels = random.integers(0, _CLASSES, count)
    started = time.process_time()
    model.fit(pixels, labels, batch_size=_BATCH_SIZE, verbose=0)
    return count / (time.process_time() - started)


if __name__ == "__main__":
    raise SystemExit(main())
