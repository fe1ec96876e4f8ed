"""Training: images per second of a small network fed by our input, against the same network fed from memory.

The network is of the compact kind with about 80,000 parameters, so fast that it does not hide the input. All sides run
in one process, in turn. The first epoch of each turn is not counted, because it fills caches and starts iterators.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.read import make_source
from benchmarks.read_peers.arrays import BATCH_SIZE, ImageTextArrays
from benchmarks.tools import make_parser, print_table

if TYPE_CHECKING:
    import keras

LIMIT = 0.97
MEMORY = "from memory"
OURS = "Diptych, rows decoded once"
RECORDS = "Diptych, a run's Examples"

#: For each side the arguments of ``Model.fit``.
Sides = Mapping[str, Callable[[], dict[str, Any]]]


def main() -> int:
    """Fits with each input in turn; returns 1 if our input slows training down."""
    arguments = make_parser(__doc__, repeat=3)
    # Of fewer, the start of an iterator in each epoch, which arrays take, weighs more than reading.
    arguments.add_argument("--rows", type=int, default=4000, help="how many images (default: %(default)s)")
    arguments.add_argument("--epochs", type=int, default=2, help="counted epochs of each turn (default: %(default)s)")
    options = arguments.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    from benchmarks.read_peers import blog, diptych
    from diptych.models.training.memory import tune_process_memory

    source = make_source(options.rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for contender in (blog, diptych):
            (folder / contender.__name__).mkdir()
            contender.write(source, folder / contender.__name__)
        sides = _sides(source, folder / blog.__name__, folder / diptych.__name__)
        model = _network(source, folder / diptych.__name__)
        tune_process_memory()
        found: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(options.repeat):
            for side in list(sides)[:: -1 if turn % 2 else 1]:
                seconds = _fit(model, sides[side](), options.epochs, options.rows // BATCH_SIZE)
                found[side].append(options.rows // BATCH_SIZE * BATCH_SIZE / seconds)
                print(f"round {turn + 1} of {options.repeat}: {side}, {found[side][-1]:,.0f}", flush=True)
    return _report(found)


def _sides(source: ImageTextArrays, blog_folder: Path, our_folder: Path) -> Sides:
    import numpy as np
    import tensorflow as tf

    from benchmarks.read_peers import blog, diptych
    from diptych.models.dataset import input_fn_train
    from diptych.models.decoders.bag_of_words import BagOfWords, padded_inputs
    from diptych.models.inputs import IDS_INPUT, IMAGE_INPUT, VALUES_INPUT
    from diptych.models.mapped_rows import RowMaps
    from diptych.models.tfrecords import match_files
    from diptych.models.training.options import TrainOptions

    rows, terms = source.counts.nonzero()
    index = tf.RaggedTensor.from_value_rowids(terms, rows, len(source.labels)).to_sparse()
    value = index.with_values(tf.constant(source.counts[rows, terms]))
    text = padded_inputs(BagOfWords(index, value, source.counts.shape[1]))
    arrays = {IMAGE_INPUT: np.array(source.images), **{name: values.numpy() for name, values in text.items()}}

    def to_network_inputs(inputs: dict[str, Any], label: tf.Tensor) -> tuple[dict[str, Any], tf.Tensor]:
        counts = inputs["description"]
        places = tf.RaggedTensor.from_value_rowids(counts.indices[:, 1], counts.indices[:, 0], counts.dense_shape[0])
        found = places.with_values(counts.indices[:, 1] + 1).to_tensor()
        values = places.with_values(counts.values).to_tensor()
        return {IMAGE_INPUT: inputs["image"], IDS_INPUT: found, VALUES_INPUT: values}, tf.argmax(label, axis=1)

    files, decoder = match_files(diptych.files(our_folder)), diptych.decoder(our_folder)
    row_maps = RowMaps(TrainOptions().memory_map_gb * 1e9)

    def ours() -> dict[str, Any]:
        decode = row_maps.open(files, decoder, len(source.labels))
        return {"x": input_fn_train(files, batch_size=BATCH_SIZE, decode=decode)}

    def records() -> dict[str, Any]:
        return {"x": input_fn_train(files, batch_size=BATCH_SIZE, decode=decoder)}

    return {
        MEMORY: lambda: {"x": arrays, "y": source.labels, "batch_size": BATCH_SIZE},
        OURS: ours,
        RECORDS: records,
        "the blog's read_dataset": lambda: {"x": blog.read_dataset(blog_folder).map(to_network_inputs).repeat()},
    }


def _network(source: ImageTextArrays, folder: Path) -> keras.Model:
    import keras

    from benchmarks.read_peers import diptych
    from diptych.models.networks.build import build_network
    from diptych.models.networks.options import ImageNetworkOptions, NetworkOptions, TextNetworkOptions

    network = NetworkOptions(
        image=ImageNetworkOptions(backbone="cnn", filters=(8, 16), units=16, wide=False),
        text=TextNetworkOptions(wide=False),
    )
    model = build_network(network, diptych.decoder(folder).inputs, source.classes, "multiclass")
    print(f"a network of {model.count_params():,} parameters")
    model.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy(), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def _fit(model: keras.Model, given: dict[str, Any], epochs: int, steps: int) -> float:
    """The median of the seconds of the epochs after the first; an epoch has the given number of steps."""
    import keras

    class Clock(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.ends: list[float] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.ends.append(time.monotonic())

    clock = Clock()
    if "y" not in given:
        given = {**given, "steps_per_epoch": steps}
    model.fit(**given, epochs=epochs + 1, callbacks=[clock], verbose=0)
    return median(end - start for start, end in zip(clock.ends[:-1], clock.ends[1:], strict=True))


def _report(found: Mapping[str, Sequence[float]]) -> int:
    ratios = {
        side: median(rate / memory for rate, memory in zip(rates, found[MEMORY], strict=True))
        for side, rates in found.items()
    }
    table = [(side, round(median(rates)), ratios[side]) for side, rates in found.items()]
    print_table(f"Median of {len(found[MEMORY])} rounds; ratios to memory", ("fed by", "images/s", "ratio"), table)
    passed = ratios[OURS] >= LIMIT
    print(f"{'pass' if passed else 'FAIL'}: {ratios[OURS]:.3f} of the speed from memory, at least {LIMIT}")
    return int(not passed)


if __name__ == "__main__":
    raise SystemExit(main())
