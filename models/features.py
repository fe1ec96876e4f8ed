"""The record contract: every stored and transformed feature, spelled here and nowhere else."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import tensorflow as tf

    from diptych.models.labels import Task

SPLITS = ("train", "val", "test")
TRAIN, VAL, TEST = SPLITS

ID = "id"
IMAGE = "image"
DESCRIPTION = "description"
LABEL = "label"
GROUP = "group"
ENCODING = "image/encoding"
SHA256 = "image/sha256"
PHASH = "image/phash"
WIDTH = "image/width"
HEIGHT = "image/height"
FORMAT = "image/format"
FILE_BYTES = "image/file_bytes"
BRIGHTNESS = "image/brightness"
CONTRAST = "image/contrast"
SHARPNESS = "image/sharpness"
ENTROPY = "image/entropy"

DESCRIPTION_INDEX = "description_index"
DESCRIPTION_VALUE = "description_value"
DESCRIPTION_IDS = "description_ids"
LABEL_ID = "label_id"

DESCRIPTION_VOCABULARY = "description"
LABEL_VOCABULARY = "label"


@dataclass(frozen=True)
class Feature:
    """One feature of the stored ``tf.train.Example``.

    Attributes:
        kind: the list that holds it: ``bytes``, ``int64`` or ``float``.
        required: whether each record holds exactly one value; otherwise zero or one.
        several: whether a record may hold more than one.
    """

    kind: Literal["bytes", "int64", "float"]
    required: bool = True
    several: bool = False


RECORD: Mapping[str, Feature] = {
    ID: Feature("bytes"),
    IMAGE: Feature("bytes"),
    DESCRIPTION: Feature("bytes"),
    # Exactly one of a multiclass record.
    LABEL: Feature("bytes", several=True),
    GROUP: Feature("bytes", required=False),
    ENCODING: Feature("bytes"),
    SHA256: Feature("bytes"),
    PHASH: Feature("int64"),
    WIDTH: Feature("int64"),
    HEIGHT: Feature("int64"),
    FORMAT: Feature("bytes"),
    FILE_BYTES: Feature("int64"),
    BRIGHTNESS: Feature("float"),
    CONTRAST: Feature("float"),
    SHARPNESS: Feature("float"),
    ENTROPY: Feature("float"),
}

# As they are written.
_IN_ORDER = sorted(RECORD.items())

#: What StatisticsGen reads, and so what the schema knows: everything but the pixels.
LIGHT_FEATURES = tuple(name for name in RECORD if name != IMAGE)


def encode_record(values: Mapping[str, Any]) -> bytes:
    """Serialises one record as a ``tf.train.Example``.

    Written down here, in protobuf's wire format, because decoding processes call it: importing TensorFlow takes each
    of them seconds and hundreds of megabytes. Features are in the order of their names, which versions of protobuf do
    not agree on.

    Args:
        values: feature name to ``bytes``/``str``, ``int`` or ``float``; an optional feature may be absent or None, and
            one of several values a list or tuple of them.

    Returns:
        The serialised Example, equal bytes for equal values.

    Raises:
        ValueError: a name is not in the contract, or a required feature is missing.
    """
    if unknown := sorted(set(values) - set(RECORD)):
        raise ValueError(f"features {unknown} are not in the record contract {sorted(RECORD)}")
    entries = []
    for name, feature in _IN_ORDER:
        if items := _items(feature, values.get(name)):
            # tensorflow/core/example/feature.proto: a map's entry has the key 1 and the value 2.
            entries.append(_field(1, _field(1, name.encode()) + _field(2, _encode_values(feature.kind, items))))
        elif feature.required:
            raise ValueError(f"feature '{name}' is required and has no value")
    return _field(1, b"".join(entries))


def _items(feature: Feature, value: Any) -> Sequence[Any]:
    if feature.several and isinstance(value, (list, tuple)):
        return value
    return () if value is None else (value,)


def _encode_values(kind: str, values: Sequence[Any]) -> bytes:
    """A ``Feature``; the lists of numbers are packed."""
    if kind == "bytes":
        return _field(1, b"".join(_field(1, value.encode() if isinstance(value, str) else value) for value in values))
    if kind == "float":
        return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))
    return _field(3, _field(1, b"".join(_varint(value % 2**64) for value in values)))


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes, which is protobuf's wire type 2."""
    length = len(content)
    if length < 128:
        return bytes((number << 3 | 2, length)) + content
    return b"".join((bytes((number << 3 | 2,)), _varint(length), content))


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number >= 128:
        digits.append(number & 127 | 128)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def parsing_spec(names: Iterable[str]) -> dict[str, tf.io.FixedLenFeature | tf.io.VarLenFeature]:
    """The ``tf.io.parse_example`` spec of some stored features.

    Required features parse to ``[batch]``, optional ones to a ``SparseTensor`` ``[batch, <=1]``. The label parses as
    that of a multiclass record; ``label_spec`` knows both tasks.

    Raises:
        KeyError: a name is not in the contract.
    """
    import tensorflow as tf

    dtypes = {"bytes": tf.string, "int64": tf.int64, "float": tf.float32}

    def spec(feature: Feature) -> tf.io.FixedLenFeature | tf.io.VarLenFeature:
        dtype = dtypes[feature.kind]
        return tf.io.FixedLenFeature([], dtype) if feature.required else tf.io.VarLenFeature(dtype)

    return {name: spec(RECORD[name]) for name in names}


def label_spec(task: Task) -> dict[str, tf.io.FixedLenFeature | tf.io.RaggedFeature]:
    """The ``tf.io.parse_example`` spec of the label.

    It parses to string ``[batch]`` for multiclass, to ragged string ``[batch, None]`` for multilabel.
    """
    import tensorflow as tf

    return {LABEL: tf.io.RaggedFeature(tf.string) if task == "multilabel" else tf.io.FixedLenFeature([], tf.string)}
