"""What TensorBoard shows of single records after training: images, texts, answers, and where the network puts them."""

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
from diptych.models.training.options import TensorBoardOptions

EMBEDDING_LAYER = "embedding"

_SHOWN = 24
_EMBEDDED = 1024
_VECTORS, _METADATA = "vectors.tsv", "metadata.tsv"
# What tensorboard.plugins.projector writes, which it takes TensorFlow 1's checkpoints to do.
_PROJECTOR = f'embeddings {{\n  tensor_path: "{_VECTORS}"\n  metadata_path: "{_METADATA}"\n}}\n'


def write_samples(
    model: keras.Model,
    decoder: TransformGraphDecoder,
    records: tf.data.Dataset,
    folder: str,
    options: TensorBoardOptions,
) -> None:
    """Writes what the options ask for, of the first records, into a folder that TensorBoard reads.

    Args:
        records: serialised records, scalar strings.
        folder: of the training's logs.
    """
    count = _EMBEDDED if options.embeddings else _SHOWN if options.images or options.text else 0
    batch = next(iter(records.take(count).batch(count)), None) if count else None
    if batch is None:
        return
    raw = decoder.parse(batch, [features.IMAGE, features.DESCRIPTION, features.LABEL])
    inputs = decoder.network_inputs(raw)
    texts, labels = _read(batch, decoder)
    network = keras.Model(model.inputs, [model.output, model.get_layer(EMBEDDING_LAYER).output])
    scores, vectors = (np.asarray(part) for part in network.predict(inputs, batch_size=64, verbose=0))
    answers = [decoder.labels[place] for place in scores.argmax(axis=1)]
    with tf.summary.create_file_writer(os.path.join(folder, "samples")).as_default(step=0):
        if options.images:
            tf.summary.image("images", inputs[IMAGE_INPUT][:_SHOWN], max_outputs=_SHOWN)
        if options.text:
            tf.summary.text("texts", _table(texts, labels, answers, scores))
    if options.embeddings:
        _write_lines(os.path.join(folder, _VECTORS), ["\t".join(f"{x:.6g}" for x in row) for row in vectors])
        rows = zip(labels, answers, texts, strict=True)
        _write_lines(
            os.path.join(folder, _METADATA), ["label\tanswer\ttext", *("\t".join(map(_plain, r)) for r in rows)]
        )
        _write_lines(os.path.join(folder, "projector_config.pbtxt"), [_PROJECTOR])


def _read(batch: tf.Tensor, decoder: TransformGraphDecoder) -> tuple[list[str], list[str]]:
    """Texts and labels; several labels of a record stand side by side."""
    spec = features.parsing_spec([features.DESCRIPTION]) | features.label_spec(decoder.task)
    parsed = tf.io.parse_example(batch, spec)
    label = parsed[features.LABEL]
    joined = tf.strings.reduce_join(label, axis=-1, separator=", ") if label.shape.rank == 2 else label
    return _decoded(parsed[features.DESCRIPTION]), _decoded(joined)


def _decoded(strings: tf.Tensor) -> list[str]:
    return [value.decode(errors="replace") for value in strings.numpy()]


def _table(texts: Sequence[str], labels: Sequence[str], answers: Sequence[str], scores: Any) -> str:
    """A Markdown table of the first records, in the order of the images."""
    best = scores.max(axis=1)
    rows = list(zip(texts, labels, answers, best, strict=True))[:_SHOWN]
    lines = [f"| {_plain(text)} | {_plain(label)} | {_plain(answer)} | {p:.3f} |" for text, label, answer, p in rows]
    return "\n".join(["| text | label | answer | score |", "| --- | --- | --- | --- |", *lines])


def _plain(text: str) -> str:
    """One line, without what parts columns."""
    return " ".join(text.split()).replace("|", "\\|")


def _write_lines(path: str, lines: Sequence[str]) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("\n".join(lines))
