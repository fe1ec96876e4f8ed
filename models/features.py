"""The record contract: the name, type and number of values of every stored and transformed feature."""

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
        kind: the type of its values.
        required: whether each record must hold a value; otherwise it may hold none.
        repeated: whether a record may hold more than one value.
        default: the text that a record without the feature is parsed to; None parses it to no value.
    """

    kind: Literal["bytes", "int64", "float"]
    required: bool = True
    repeated: bool = False
    default: str | None = None


#: The features of a stored record by name.
RECORD_FEATURES: Mapping[str, Feature] = {
    ID: Feature("bytes"),
    IMAGE: Feature("bytes"),
    # Every record of a dataset holds one, which may be empty, or none does: a dataset of images alone.
    DESCRIPTION: Feature("bytes", required=False, default=""),
    # A multiclass record holds exactly one.
    LABEL: Feature("bytes", repeated=True),
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

# The order in which records hold them.
_SORTED_FEATURES = sorted(RECORD_FEATURES.items())

#: The features that StatisticsGen reads, and that the schema describes: all but the pixels.
STATISTICS_FEATURES = tuple(name for name in RECORD_FEATURES if name != IMAGE)


def encode_record(values: Mapping[str, Any]) -> bytes:
    """Serialises one record as a ``tf.train.Example``.

    This writes protobuf's wire format without protobuf or TensorFlow, because the processes that decode images call
    it, and importing TensorFlow would take each of them seconds and hundreds of megabytes. Features are sorted by
    name; versions of protobuf disagree on their order.

    Args:
        values: feature name to ``bytes``/``str``, ``int`` or ``float``. An optional feature may be absent or None; a
            repeated one may be a list or tuple of values.

    Returns:
        The serialised Example: the same bytes for the same values.

    Raises:
        ValueError: a name is not in the contract, or a required feature is missing.
    """
    if unknown := sorted(set(values) - set(RECORD_FEATURES)):
        raise ValueError(f"features {unknown} are not in the record contract {sorted(RECORD_FEATURES)}")
    entries = []
    for name, feature in _SORTED_FEATURES:
        if items := _as_list(feature, values.get(name)):
            # In tensorflow/core/example/feature.proto, an entry of the map has its key in field 1, its value in 2.
            entries.append(_field(1, _field(1, name.encode()) + _field(2, _encode_values(feature.kind, items))))
        elif feature.required:
            raise ValueError(f"feature '{name}' is required and has no value")
    return _field(1, b"".join(entries))


def _as_list(feature: Feature, value: Any) -> Sequence[Any]:
    if feature.repeated and isinstance(value, (list, tuple)):
        return value
    return () if value is None else (value,)


def _encode_values(kind: str, values: Sequence[Any]) -> bytes:
    """Serialises the values as a ``tf.train.Feature``, with packed lists of numbers."""
    if kind == "bytes":
        return _field(1, b"".join(_field(1, value.encode() if isinstance(value, str) else value) for value in values))
    if kind == "float":
        return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))
    return _field(3, _field(1, b"".join(_varint(value % 2**64) for value in values)))


def _field(number: int, content: bytes) -> bytes:
    """Serialises a length-delimited field, which is protobuf's wire type 2."""
    length = len(content)
    if length < 128:
        return bytes((number << 3 | 2, length)) + content
    return b"".join((bytes((number << 3 | 2,)), _varint(length), content))


def _varint(number: int) -> bytes:
    """Serialises a whole number of at least 0 in protobuf's variable-length encoding."""
    digits = bytearray()
    while number >= 128:
        digits.append(number & 127 | 128)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def parsing_spec(names: Iterable[str]) -> dict[str, tf.io.FixedLenFeature | tf.io.VarLenFeature]:
    """The ``tf.io.parse_example`` spec of some stored features.

    Required features and those with a default parse to ``[batch]``, others to a ``SparseTensor`` ``[batch, <=1]``. The
    label parses as in a multiclass record; use ``label_spec`` where the task may be multilabel.

    Raises:
        KeyError: a name is not in the contract.
    """
    import tensorflow as tf

    dtypes = {"bytes": tf.string, "int64": tf.int64, "float": tf.float32}

    def spec(feature: Feature) -> tf.io.FixedLenFeature | tf.io.VarLenFeature:
        dtype = dtypes[feature.kind]
        if feature.required or feature.default is not None:
            return tf.io.FixedLenFeature([], dtype, feature.default)
        return tf.io.VarLenFeature(dtype)

    return {name: spec(RECORD_FEATURES[name]) for name in names}


def label_spec(task: Task) -> dict[str, tf.io.FixedLenFeature | tf.io.RaggedFeature]:
    """The ``tf.io.parse_example`` spec of the label.

    The label parses to string ``[batch]`` for multiclass, and to ragged string ``[batch, None]`` for multilabel.
    """
    import tensorflow as tf

    return {LABEL: tf.io.RaggedFeature(tf.string) if task == "multilabel" else tf.io.FixedLenFeature([], tf.string)}
