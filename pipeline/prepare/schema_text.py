"""The text of a schema, with comments for the person who reviews it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from diptych.models import features

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_HEADER = """\
# What every record must be, as `diptych schema` proposes it from the data. Review it, tighten what you know better, and
# name it in data.schema_file: from then on it is used instead of a schema that is inferred from the data.
#
# ExampleValidator reports records that violate it, and gate.anomaly says what that does to a run. A float_domain or
# int_domain is the range of the data, widened. A drift_comparator says how far train may be from the last accepted
# data, a skew_comparator how far val and test may be from train; they win over gate.drift and gate.skew.
# `diptych schema --update` shows what other data would change.
#
# Environments: TRAINING has every feature; SERVING lacks those that say not_in_environment: "SERVING".
"""

_COMMENTS = {
    features.ID: "The row's identity: the catalogue's id, else the path of its image.",
    features.DESCRIPTION: "The text, UTF-8, as the catalogue has it.",
    features.LABEL: "The class to learn. It is not there when serving. Only these values are classes: look for typos.",
    features.GROUP: "Rows of one group stay in one split. Not every catalogue has groups; never there when serving.",
    features.ENCODING: "How the pixels are stored, as image.encoding says.",
    features.SHA256: "Identifies the picture, whatever size it is stored at: equal images have equal digests.",
    features.PHASH: "Perceptual hash: images that look alike differ in few of its 64 bits. Its size means nothing.",
    features.WIDTH: "Of the image file, upright, in pixels.",
    features.HEIGHT: "Of the image file, upright, in pixels.",
    features.FORMAT: "Of the image file, as Pillow calls it. Add another one on purpose.",
    features.FILE_BYTES: "Size of the image file. Very small ones are empty pictures, very large ones slow.",
    features.BRIGHTNESS: "Mean of the luma, 0 (black) to 255 (white).",
    features.CONTRAST: "Standard deviation of the luma, 0 (one colour) to 127.5.",
    features.SHARPNESS: "Variance of the luma's Laplacian; near 0 the picture is blurred or empty.",
    features.ENTROPY: "Of the luma's histogram, 0 to 8 bits; near 0 the picture shows next to nothing.",
}


def format_schema(schema: schema_pb2.Schema) -> str:
    """The schema in protobuf's text format, with a comment above each feature."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    rest = schema_pb2.Schema()
    rest.CopyFrom(schema)
    del rest.feature[:]
    parts = [_HEADER + text_format.MessageToString(rest, as_utf8=True)]
    for feature in schema.feature:
        text = text_format.MessageToString(schema_pb2.Schema(feature=[feature]), as_utf8=True)
        comment = _COMMENTS.get(feature.name)
        parts.append(f"# {comment}\n{text}" if comment else text)
    return "\n".join(parts)


def diff_schemas(old: str, new: str) -> list[str]:
    """The lines of a unified diff between the texts of two schemas; empty if they are equal."""
    return list(difflib.unified_diff(old.splitlines(), new.splitlines(), "curated", "proposed", lineterm=""))
