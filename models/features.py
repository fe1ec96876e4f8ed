"""The record contract: every stored and transformed feature, spelled here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import tensorflow as tf

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
LABEL_ID = "label_id"

DESCRIPTION_VOCABULARY = "description"
LABEL_VOCABULARY = "label"


@dataclass(frozen=True)
class Feature:
    """One feature of the stored ``tf.train.Example``.

    Attributes:
        kind: the list that holds it: ``bytes``, ``int64`` or ``float``.
        required: whether each record holds exactly one value; otherwise zero or one.
    """

    kind: Literal["bytes", "int64", "float"]
    required: bool = True


RECORD: Mapping[str, Feature] = {
    ID: Feature("bytes"),
    IMAGE: Feature("bytes"),
    DESCRIPTION: Feature("bytes"),
    LABEL: Feature("bytes"),
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

#: What StatisticsGen reads, and so what the schema knows: everything but the pixels.
LIGHT_FEATURES = tuple(name for name in RECORD if name != IMAGE)


def encode_record(values: Mapping[str, Any]) -> bytes:
    """Serialises one record as a ``tf.train.Example``.

    Args:
        values: feature name to ``bytes``/``str``, ``int`` or ``float``; an optional feature may be absent or None.

    Returns:
        The serialised Example, equal bytes for equal values.

    Raises:
        ValueError: a name is not in the contract, or a required feature is missing.
    """
    import tensorflow as tf

    if unknown := sorted(set(values) - set(RECORD)):
        raise ValueError(f"features {unknown} are not in the record contract {sorted(RECORD)}")
    example = tf.train.Example()
    for name, feature in RECORD.items():
        value = values.get(name)
        if value is None:
            if feature.required:
                raise ValueError(f"feature '{name}' is required and has no value")
            continue
        if isinstance(value, str):
            value = value.encode()
        getattr(example.features.feature[name], f"{feature.kind}_list").value.append(value)
    return bytes(example.SerializeToString(deterministic=True))


def parsing_spec(names: Iterable[str]) -> dict[str, tf.io.FixedLenFeature | tf.io.VarLenFeature]:
    """The ``tf.io.parse_example`` spec of some stored features.

    Required features parse to ``[batch]``, optional ones to a ``SparseTensor`` ``[batch, <=1]``.

    Raises:
        KeyError: a name is not in the contract.
    """
    import tensorflow as tf

    dtypes = {"bytes": tf.string, "int64": tf.int64, "float": tf.float32}

    def spec(feature: Feature) -> tf.io.FixedLenFeature | tf.io.VarLenFeature:
        dtype = dtypes[feature.kind]
        return tf.io.FixedLenFeature([], dtype) if feature.required else tf.io.VarLenFeature(dtype)

    return {name: spec(RECORD[name]) for name in names}
