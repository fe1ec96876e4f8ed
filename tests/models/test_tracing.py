"""AutoGraph is kept from the functions that make datasets."""

from __future__ import annotations

import sys

import tensorflow as tf

from diptych.models.tracing import without_autograph


def test_a_function_and_what_it_calls_are_traced_as_they_are() -> None:
    files: list[str] = []

    def inner(value: tf.Tensor) -> tf.Tensor:
        files.append(sys._getframe().f_code.co_filename)
        return value + 1

    def outer(value: tf.Tensor) -> tf.Tensor:
        files.append(sys._getframe().f_code.co_filename)
        return inner(value)

    mapped = tf.data.Dataset.range(3).map(without_autograph(outer))
    assert list(mapped.as_numpy_iterator()) == [1, 2, 3]
    assert set(files) == {__file__}
    files.clear()
    tf.data.Dataset.range(3).map(outer)
    assert __file__ not in files
