"""Training: the ``run_fn`` that Trainer calls."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from models.images import ImageOptions
from models.networks.build import build_network
from models.networks.options import NetworkOptions
from models.training.options import TrainOptions

if TYPE_CHECKING:
    import keras
    from tfx.components.trainer.fn_args_utils import FnArgs

IMAGE_OPTIONS_KEY = "image_options"
NETWORK_OPTIONS_KEY = "network_options"
TRAIN_OPTIONS_KEY = "train_options"


def class_weights(labels: Sequence[str], names: Sequence[str], kind: str) -> dict[int, float]:
    """Weight of each ``label_id``, with mean 1 over the examples.

    ``balanced`` is scikit-learn's ``n / (classes * count)``; ``sqrt`` its square root, scaled to the same mean.

    Args:
        labels: the label of each training example.
        names: label names in the order of their ids.
    """
    counted = Counter(labels)
    power = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[kind]
    weights = {index: counted[name] ** -power for index, name in enumerate(names) if counted[name]}
    mean = sum(weights[index] * counted[names[index]] for index in weights) / len(labels)
    return {index: weight / mean for index, weight in weights.items()}


def run_fn(fn_args: FnArgs) -> None:
    """Trainer's entry point: fits on train, stops early on val, keeps the best weights, exports the served model.

    Raises:
        ValueError: there is no file to read, or the vocabulary is empty.
    """
    import keras
    import tensorflow_transform as tft

    from models.decoder import Decoder, input_fn_eval, input_fn_train, read_labels
    from models.serving.export import export

    config: dict[str, Any] = fn_args.custom_config
    train = TrainOptions.model_validate_json(config[TRAIN_OPTIONS_KEY])
    image = ImageOptions.model_validate_json(config[IMAGE_OPTIONS_KEY])
    network = NetworkOptions.model_validate_json(config[NETWORK_OPTIONS_KEY])

    keras.utils.set_random_seed(train.seed)
    decoder = Decoder(tft.TFTransformOutput(fn_args.transform_output), image)
    if decoder.terms == 0:
        raise ValueError("no term is frequent enough for the vocabulary: lower text.min_df")
    model = build_network(network, image, decoder.terms, len(decoder.labels))
    compile_network(model, train)
    labels = read_labels(fn_args.train_files)
    val = input_fn_eval(fn_args.eval_files, decoder, train.batch_size)
    if len(read_labels(fn_args.eval_files)) <= train.shuffle_buffer:
        # As much memory as shuffling takes; decoding val anew costs seconds an epoch, mostly to set up the iterator.
        val = val.cache()
    model.fit(
        input_fn_train(fn_args.train_files, decoder, train.batch_size, train.shuffle_buffer, train.seed),
        validation_data=val,
        epochs=train.epochs,
        steps_per_epoch=math.ceil(len(labels) / train.batch_size),
        class_weight=class_weights(labels, decoder.labels, train.class_weights),
        callbacks=_callbacks(train, fn_args.model_run_dir),
        verbose=0,
    )
    export(model, decoder, fn_args.serving_model_dir)


def compile_network(model: keras.Model, train: TrainOptions) -> None:
    """Compiles for class ids. XLA stays off: on a CPU it halves the speed of a small CNN."""
    import keras

    model.compile(
        optimizer=keras.optimizers.Adam(train.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    # A step that first has to make variables is traced twice: hence this, and a metric that is no mere name.
    model.optimizer.build(model.trainable_variables)


def _callbacks(train: TrainOptions, log_dir: str) -> list[keras.callbacks.Callback]:
    import keras

    from models.training.callbacks import EpochTensorBoard, ReportProgress

    return [
        keras.callbacks.ReduceLROnPlateau(factor=0.3, patience=max(1, train.patience // 2)),
        keras.callbacks.EarlyStopping(patience=train.patience, restore_best_weights=True),
        # The graph it would write takes seconds and says nothing that the code does not.
        EpochTensorBoard(log_dir, write_graph=False),
        ReportProgress(),
    ]
