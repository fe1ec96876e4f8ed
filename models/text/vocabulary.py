"""Vocabulary files: one term a line, sorted as scikit-learn sorts them, so that a term's line number is its index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from diptych.models.text.transform_assets import read_asset

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_transform as tft

# TensorFlow ends a line at \n and drops every \r, so these characters of a term are escaped. UTF-8 never contains the
# byte 0xFE, so no other term has the same escaped form.
_ESCAPES = {b"\n": b"\xfen", b"\r": b"\xfer"}


def escape_term(term: str) -> bytes:
    """A term as it is written to the file: UTF-8 with escaped line ends."""
    line = term.encode()
    for character, escaped in _ESCAPES.items():
        line = line.replace(character, escaped)
    return line


def unescape_term(line: bytes) -> str:
    """The term that a line of the file holds; the line is given without its end."""
    for character, escaped in _ESCAPES.items():
        line = line.replace(escaped, character)
    return line.decode()


def escape_term_tensor(terms: tf.Tensor) -> tf.Tensor:
    """``escape_term`` in TensorFlow, for a string tensor of terms in UTF-8."""
    import tensorflow as tf

    for character, escaped in _ESCAPES.items():
        terms = tf.strings.regex_replace(terms, character, escaped)
    return terms


def serialize_vocabulary(terms: Iterable[str]) -> bytes:
    """The content of a vocabulary's file."""
    return b"".join(escape_term(term) + b"\n" for term in terms)


def read_vocabulary(transform: tft.TFTransformOutput, name: str) -> Sequence[str]:
    """The terms of one of Transform's vocabularies, sorted by index.

    Raises:
        DatasetError: Transform has no vocabulary of that name.
        tensorflow.errors.OpError: it cannot be read.
    """
    content = BytesIO(read_asset(transform, name))
    return [unescape_term(line.removesuffix(b"\n")) for line in content]
