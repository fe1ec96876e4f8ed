"""Samples of records for TensorBoard, written after training: images, texts, predictions and embeddings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from diptych.models import features
from diptych.models.decoders.transform_graph import TransformGraphDecoder
from diptych.models.inputs import IMAGE_INPUT
from diptych.models.networks.fusion import EMBEDDING_LAYER
from diptych.models.shown_text import show_line
from diptych.models.training.options import TensorBoardOptions

_MAX_SHOWN = 24
_MAX_EMBEDDED = 1024
_BATCH_SIZE = 64
_VECTORS, _METADATA = "vectors.tsv", "metadata.tsv"
# What tensorboard.plugins.projector would write, which needs checkpoints of TensorFlow 1.
_PROJECTOR_CONFIG = f'embeddings {{\n  tensor_path: "{_VECTORS}"\n  metadata_path: "{_METADATA}"\n}}\n'


def write_samples(
    model: keras.Model,
    decoder: TransformGraphDecoder,
    records: tf.data.Dataset,
    folder: str,
    options: TensorBoardOptions,
) -> None:
    """Writes what the options ask for, for the first records.

    Args:
        records: a dataset of serialised records, scalar strings.
        folder: the folder of logs that TensorBoard reads.
    """
    has_texts = bool(options.text and decoder.text)
    count = _MAX_EMBEDDED if options.embeddings else _MAX_SHOWN if options.images or has_texts else 0
    batch = next(iter(records.take(count).batch(count)), None) if count else None
    if batch is None:
        return
    raw = decoder.parse(batch, [features.IMAGE, *decoder.text_features, features.LABEL])
    inputs = decoder.network_inputs(raw)
    texts, labels = _parse_strings(batch, decoder)
    network = keras.Model(model.inputs, [model.output, model.get_layer(EMBEDDING_LAYER).output])
    # For so few batches, a graph would take longer to trace than it saves.
    batches = tf.data.Dataset.from_tensor_slices(inputs).batch(_BATCH_SIZE)
    answered = [network(part, training=False) for part in batches]
    scores, vectors = (np.concatenate(parts) for parts in zip(*answered, strict=True))
    answers = [decoder.labels[index] for index in scores.argmax(axis=1)]
    with tf.summary.create_file_writer(os.path.join(folder, "samples")).as_default(step=0):
        if options.images:
            tf.summary.image("images", inputs[IMAGE_INPUT][:_MAX_SHOWN], max_outputs=_MAX_SHOWN)
        if has_texts:
            tf.summary.text("texts", _format_table(texts, labels, answers, scores))
    if options.embeddings:
        _write_lines(os.path.join(folder, _VECTORS), ["\t".join(f"{x:.6g}" for x in row) for row in vectors])
        rows = ["\t".join(map(_escape, row)) for row in zip(labels, answers, texts, strict=True)]
        _write_lines(os.path.join(folder, _METADATA), ["label\tanswer\ttext", *rows])
        _write_lines(os.path.join(folder, "projector_config.pbtxt"), [_PROJECTOR_CONFIG])


def _parse_strings(batch: tf.Tensor, decoder: TransformGraphDecoder) -> tuple[list[str], list[str]]:
    """The texts of serialised records, empty if they have none, and their labels.

    The labels of a multilabel record are joined by commas.
    """
    spec = features.parsing_spec([features.DESCRIPTION]) | features.label_spec(decoder.task)
    parsed = tf.io.parse_example(batch, spec)
    label = parsed[features.LABEL]
    joined = tf.strings.reduce_join(label, axis=-1, separator=", ") if label.shape.rank == 2 else label
    return _decode(parsed[features.DESCRIPTION]), _decode(joined)


def _decode(strings: tf.Tensor) -> list[str]:
    return [value.decode(errors="replace") for value in strings.numpy()]


def _format_table(texts: Sequence[str], labels: Sequence[str], answers: Sequence[str], scores: Any) -> str:
    """A Markdown table of the first records, in the order of the images."""
    best = scores.max(axis=1)
    rows = list(zip(texts, labels, answers, best, strict=True))[:_MAX_SHOWN]
    lines = [f"| {_escape(text)} | {_escape(label)} | {_escape(answer)} | {p:.3f} |" for text, label, answer, p in rows]
    return "\n".join(["| text | label | answer | score |", "| --- | --- | --- | --- |", *lines])


def _escape(text: str) -> str:
    """The text on one line, with the characters escaped that separate columns."""
    return show_line(" ".join(text.split())).replace("|", "\\|")


def _write_lines(path: str, lines: Sequence[str]) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("\n".join(lines))
