"""TFRecords that are ready to train on: raw pixels, encoded texts, binarised labels.

The layout is that of a loop of ``cv2.imread``, ``CountVectorizer.transform``, ``LabelBinarizer.transform`` and
``TFRecordWriter``, one file a split. TensorFlow alone reads it::

    described = json.load(open("dataset.json"))
    terms, columns, image = described["terms"], described["label_columns"], described["image"]
    spec = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "description": tf.io.SparseFeature("description_index", "description_value", tf.float32, terms),
        "label": tf.io.FixedLenFeature([columns], tf.int64),
    }
    parsed = tf.io.parse_single_example(record, spec)
    pixels = tf.reshape(tf.io.decode_raw(parsed["image"], tf.uint8), [image["height"], image["width"], 3])
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from diptych.models import features
from diptych.pipeline.export.formats.stored_dataset import ExportError, Stored

if TYPE_CHECKING:
    import tensorflow as tf

    from diptych.models.decoders.transformed import Decoder

DESCRIPTION_FILE = "dataset.json"
ENCODERS_FILE = "encoders.json"

_BATCH = 256


def write(stored: Stored, folder: str) -> dict[str, int]:
    """Writes ``train.tfrecords``, ``val.tfrecords`` and ``test.tfrecords``, ``dataset.json`` and ``encoders.json``.

    An example has ``image``, the bytes of uint8 ``[height, width, 3]``; of its text ``description_index``, int64 and
    ascending, and as many ``description_value``, float32, or for sequences ``description_ids`` int64 ``[length]``; and
    ``label`` int64 as scikit-learn has it: of ``LabelBinarizer``, which gives two classes one column, 1 for the second,
    and an unknown label zeros; of ``MultiLabelBinarizer`` if it is multilabel. ``dataset.json`` tells sizes and names,
    ``encoders.json`` what texts and labels were encoded by.

    Returns:
        Split to number of examples.

    Raises:
        ExportError: the run did not reach Transform.
    """
    if stored.transform_uri is None:
        raise ExportError(
            "the run did not reach Transform, and tfrecord holds texts as they are encoded for training: let it run to "
            "its end, or export to tfds, webdataset or parquet"
        )
    import tensorflow_transform as tft

    from diptych.models.decoders.transformed import Decoder
    from diptych.models.text.exported_encoders import export_encoders

    try:
        encoders = export_encoders(stored.transform_uri, os.path.join(folder, ENCODERS_FILE))
    except ValueError as error:
        raise ExportError(f"{error}: run the run again") from None
    decoder = Decoder(tft.TFTransformOutput(stored.transform_uri), stored.image, encoders.text)
    counts = {
        split: _write_split(os.path.join(folder, f"{split}.tfrecords"), stored.files(split), decoder)
        for split in features.SPLITS
    }
    with open(os.path.join(folder, DESCRIPTION_FILE), "w", encoding="utf-8") as file:
        json.dump(_description(decoder, encoders.labels, counts), file, indent=2, ensure_ascii=False)
    return counts


def _write_split(path: str, files: list[str], decoder: Decoder) -> int:
    import tensorflow as tf

    count = 0
    with tf.io.TFRecordWriter(path) as writer:
        for example in _examples(files, decoder):
            writer.write(example)
            count += 1
    return count


def _examples(files: list[str], decoder: Decoder) -> Iterator[bytes]:
    import tensorflow as tf

    from diptych.models.tfrecords import read_records

    if not files:
        return
    # AutoGraph would rewrite TFT's code, which takes longer than reading.
    decode = tf.autograph.experimental.do_not_convert(lambda records: _decode(records, decoder))
    for batch in read_records(files).batch(_BATCH).map(decode).prefetch(1):
        columns = {name: _rows(column) for name, column in batch.items()}
        for row in zip(*columns.values(), strict=True):
            yield _example(dict(zip(columns, row, strict=True)))


def _decode(records: tf.Tensor, decoder: Decoder) -> dict[str, Any]:
    """The features of string ``[b]`` records, each with the batch before it."""
    import tensorflow as tf

    from diptych.models.images.decoding import decode_stored

    raw = decoder.parse(records, [features.IMAGE, features.DESCRIPTION, features.LABEL])
    text = decoder.graph({features.DESCRIPTION: raw[features.DESCRIPTION]})
    text = {name: value for name, value in text.items() if name != features.LABEL_ID}
    label = _binarized(decoder.label(raw), decoder)
    return {"image": decode_stored(raw[features.IMAGE], decoder.image), "label": tf.cast(label, tf.int64), **text}


def _binarized(label: tf.Tensor, decoder: Decoder) -> tf.Tensor:
    import tensorflow as tf

    if decoder.task == "multilabel":
        return label
    classes = len(decoder.labels)
    one_hot = tf.one_hot(label, classes)
    return one_hot[:, 1:] if classes == 2 else one_hot


def _rows(column: Any) -> Iterable[Any]:
    """Arrays, one for each row."""
    import tensorflow as tf

    if isinstance(column, tf.SparseTensor):
        ragged = tf.RaggedTensor.from_sparse(column)
        values, splits = ragged.values.numpy(), ragged.row_splits.numpy().tolist()
        return [values[start:stop] for start, stop in zip(splits, splits[1:], strict=False)]
    rows: Iterable[Any] = column.numpy()
    return rows


def _example(row: Mapping[str, Any]) -> bytes:
    import tensorflow as tf

    example = tf.train.Example()
    for name, values in row.items():
        feature = example.features.feature[name]
        if name == features.IMAGE:
            feature.bytes_list.value.append(values.tobytes())
        elif values.dtype == "float32":
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    return bytes(example.SerializeToString(deterministic=True))


def _description(decoder: Decoder, labels: Sequence[str], counts: Mapping[str, int]) -> dict[str, Any]:
    inputs, classes = decoder.inputs, len(labels)
    return {
        "task": decoder.task,
        "labels": labels,
        "label_columns": 1 if classes == 2 and decoder.task == "multiclass" else classes,
        "terms": inputs.terms,
        "text_length": inputs.length,
        "image": {"height": decoder.image.height, "width": decoder.image.width, "channels": 3},
        "splits": {split: {"file": f"{split}.tfrecords", "examples": count} for split, count in counts.items()},
    }
