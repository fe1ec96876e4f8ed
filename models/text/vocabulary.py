"""Vocabulary files: one term a line, in scikit-learn's order, so that a term's line number is its index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_transform as tft

# TensorFlow's line reader ends a line at \n and drops each \r. No UTF-8 holds the byte 0xFE, so that no other term is
# spelled alike.
_SPELLINGS = {b"\n": b"\xfen", b"\r": b"\xfer"}


def escape_term(term: str) -> bytes:
    """How a term stands in the file, without the line's end: UTF-8, but for line ends."""
    line = term.encode()
    for character, spelling in _SPELLINGS.items():
        line = line.replace(character, spelling)
    return line


def unescape_term(line: bytes) -> str:
    """The term that stands in a line."""
    for character, spelling in _SPELLINGS.items():
        line = line.replace(spelling, character)
    return line.decode()


def escape_term_tensor(terms: tf.Tensor) -> tf.Tensor:
    """``escape_term`` of a string tensor's terms, in TensorFlow."""
    import tensorflow as tf

    for character, spelling in _SPELLINGS.items():
        terms = tf.strings.regex_replace(terms, character, spelling)
    return terms


def serialize_vocabulary(terms: Iterable[str]) -> bytes:
    """The content of a vocabulary's file."""
    return b"".join(escape_term(term) + b"\n" for term in terms)


def read_vocabulary(transform: tft.TFTransformOutput, name: str) -> Sequence[str]:
    """The terms of one of Transform's vocabularies, in the order of their indices.

    Raises:
        ValueError: Transform has no vocabulary of that name.
    """
    return [unescape_term(line) for line in transform.vocabulary_by_name(name)]
