"""TFRecords that are ready to train on: raw pixels, encoded texts, binarised labels.

There is one file for each split, as a loop over ``cv2.imread``, ``CountVectorizer.transform``,
``LabelBinarizer.transform`` and ``TFRecordWriter`` would write it. TensorFlow alone reads it::

    dataset = json.load(open("dataset.json"))
    terms, columns, image = dataset["terms"], dataset["label_columns"], dataset["image"]
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
from diptych.pipeline.export.errors import ExportError
from diptych.pipeline.export.formats.stored_dataset import StoredDataset

if TYPE_CHECKING:
    import tensorflow as tf

    from diptych.models.decoders.transform_graph import TransformGraphDecoder

DESCRIPTION_FILE = "dataset.json"
ENCODERS_FILE = "encoders.json"

_BATCH_SIZE = 256


def write(dataset: StoredDataset, folder: str) -> dict[str, int]:
    """Writes ``train.tfrecords``, ``val.tfrecords`` and ``test.tfrecords``, ``dataset.json`` and ``encoders.json``.

    The features of an example are

    - ``image``: the bytes of uint8 ``[height, width, 3]``;
    - ``description_index``, int64 in ascending order, and ``description_value``, as many float32; or, if texts are
      sequences, ``description_ids``, int64 ``[length]``; neither in a dataset of images alone;
    - ``label``: int64, a row of scikit-learn's ``LabelBinarizer``, or in a multilabel dataset of
      ``MultiLabelBinarizer``. The former has one column for two classes, 1 for the second, and zeros for an unknown
      label.

    ``dataset.json`` has sizes and names (``terms`` is null in a dataset of images alone), and ``encoders.json`` the
    encoders of texts and labels.

    Returns:
        Split to number of examples.

    Raises:
        ExportError: the run did not reach Transform.
    """
    if dataset.transform_uri is None:
        raise ExportError(
            "the run did not reach Transform, and tfrecord holds texts as they are encoded for training: let it run to "
            "its end, or export to tfds, webdataset or parquet"
        )
    import tensorflow_transform as tft

    from diptych.models.decoders.transform_graph import TransformGraphDecoder
    from diptych.models.text.sklearn_encoders import export_encoders

    try:
        encoders = export_encoders(dataset.transform_uri, os.path.join(folder, ENCODERS_FILE))
    except ValueError as error:
        raise ExportError(f"{error}: run the run again") from None
    decoder = TransformGraphDecoder(tft.TFTransformOutput(dataset.transform_uri), dataset.image, encoders.text)
    counts = {
        split: _write_split(os.path.join(folder, f"{split}.tfrecords"), dataset.files(split), decoder)
        for split in features.SPLITS
    }
    with open(os.path.join(folder, DESCRIPTION_FILE), "w", encoding="utf-8") as file:
        json.dump(_description(decoder, encoders.labels, counts), file, indent=2, ensure_ascii=False)
    return counts


def _write_split(path: str, files: list[str], decoder: TransformGraphDecoder) -> int:
    import tensorflow as tf

    count = 0
    with tf.io.TFRecordWriter(path) as writer:
        for example in _examples(files, decoder):
            writer.write(example)
            count += 1
    return count


def _examples(files: list[str], decoder: TransformGraphDecoder) -> Iterator[bytes]:

    from diptych.models.tfrecords import read_records
    from diptych.models.tracing import without_autograph

    if not files:
        return
    decode = without_autograph(lambda records: _decode(records, decoder))
    for batch in read_records(files).batch(_BATCH_SIZE).map(decode).prefetch(1):
        columns = {name: _rows(column) for name, column in batch.items()}
        for row in zip(*columns.values(), strict=True):
            yield _example(dict(zip(columns, row, strict=True)))


def _decode(records: tf.Tensor, decoder: TransformGraphDecoder) -> dict[str, Any]:
    """The features ``[b, ...]`` of serialised records, string ``[b]``."""
    import tensorflow as tf

    from diptych.models.images.decoding import decode_stored_images

    raw = decoder.parse(records, [features.IMAGE, *decoder.text_features, features.LABEL])
    label = _binarize(decoder.label(raw), decoder)
    return {
        "image": decode_stored_images(raw[features.IMAGE], decoder.image),
        "label": tf.cast(label, tf.int64),
        **decoder.encode_texts(raw),
    }


def _binarize(label: tf.Tensor, decoder: TransformGraphDecoder) -> tf.Tensor:
    """The columns ``[b, columns]`` of scikit-learn's binarizers for the decoder's labels."""
    import tensorflow as tf

    if decoder.task == "multilabel":
        return label
    classes = len(decoder.labels)
    one_hot = tf.one_hot(label, classes)
    return one_hot[:, 1:] if classes == 2 else one_hot


def _rows(column: Any) -> Iterable[Any]:
    """An array for each row of a dense or sparse tensor; of a sparse one, the row's values."""
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


def _description(decoder: TransformGraphDecoder, labels: Sequence[str], counts: Mapping[str, int]) -> dict[str, Any]:
    inputs, classes = decoder.inputs, len(labels)
    return {
        "task": decoder.task,
        "labels": labels,
        "label_columns": 1 if classes == 2 and decoder.task == "multiclass" else classes,
        "terms": inputs.vocabulary_size,
        "text_length": inputs.sequence_length,
        "image": {"height": decoder.image.height, "width": decoder.image.width, "channels": 3},
        "splits": {split: {"file": f"{split}.tfrecords", "examples": count} for split, count in counts.items()},
    }
