"""Our description of ``tf.train.Example`` reads and writes what TensorFlow's does."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from diptych.components.catalogue.readers.example_proto import Example

_INT64 = st.integers(-(2**63), 2**63 - 1)
_FLOATS = st.floats(width=32, allow_nan=False)
_VALUES = st.one_of(
    st.tuples(st.just("bytes_list"), st.lists(st.binary(max_size=20), max_size=4)),
    st.tuples(st.just("float_list"), st.lists(_FLOATS, max_size=4)),
    st.tuples(st.just("int64_list"), st.lists(_INT64, max_size=4)),
    st.just(("", [])),
)
_FEATURES = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), _VALUES, max_size=5)


def serialised(make: Any, features: dict[str, tuple[str, list[Any]]]) -> bytes:
    message = make()
    for name, (kind, values) in features.items():
        feature = message.features.feature[name]
        if kind:
            getattr(feature, kind).SetInParent()
            getattr(feature, kind).value.extend(values)
    return bytes(message.SerializeToString(deterministic=True))


def parsed(make: Any, content: bytes) -> dict[str, tuple[str | None, list[Any]]] | None:
    """Each feature's kind and values, or None for bytes that are no message."""
    try:
        features = make.FromString(content).features.feature
    # protobuf 3's parser in C++ raises SystemError where a message ends with a zero byte.
    except (DecodeError, SystemError):
        return None
    found: dict[str, tuple[str | None, list[Any]]] = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        # Texts, because a NaN is not equal to itself.
        found[name] = (kind, list(map(repr, getattr(feature, kind).value)) if kind else [])
    return found


@given(_FEATURES)
def test_both_write_the_same_bytes_and_read_the_same_values(features: dict[str, tuple[str, list[Any]]]) -> None:
    content = serialised(tf.train.Example, features)
    assert serialised(Example, features) == content
    assert parsed(Example, content) == parsed(tf.train.Example, content)


@given(_FEATURES, st.data())
def test_both_take_the_same_damaged_bytes_for_a_message(
    features: dict[str, tuple[str, list[Any]]], data: st.DataObject
) -> None:
    content = bytearray(serialised(tf.train.Example, features))
    for _ in range(data.draw(st.integers(0, 3)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    assert parsed(Example, damaged) == parsed(tf.train.Example, damaged)


@given(st.binary(max_size=60))
@example(b"\x00")
@example(b"\n\x00")
@example(b"\n\x06\n\x04\n\x02\xff\xff")
def test_both_take_the_same_bytes_for_a_message(content: bytes) -> None:
    assert parsed(Example, content) == parsed(tf.train.Example, content)


def descriptors(message: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The fields of a message and of all that it holds, without the package's name."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    pending = [message.DESCRIPTOR]
    while pending:
        descriptor = pending.pop()
        if descriptor.name in found:
            continue
        pending += [field.message_type for field in descriptor.fields if field.message_type]
        found[descriptor.name] = [
            (
                field.name,
                field.number,
                field.type,
                bool(field.message_type) and field.message_type.name,
                field.containing_oneof and field.containing_oneof.name,
            )
            for field in descriptor.fields
        ]
    return found


def test_the_fields_are_tensorflows() -> None:
    assert descriptors(Example) == descriptors(tf.train.Example)


@pytest.mark.parametrize("count", [1, 1000])
def test_repeated_numbers_are_packed(count: int) -> None:
    features = {"numbers": ("int64_list", [1] * count)}
    assert len(serialised(Example, features)) < count + 40
