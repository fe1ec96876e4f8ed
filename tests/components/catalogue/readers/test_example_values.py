"""The values of an Example are counted without parsing it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.readers.example_proto import Example
from diptych.components.catalogue.readers.example_values import has_more_values

INTEGERS = st.integers(-(2**63), 2**63 - 1)
LISTS = st.one_of(
    st.tuples(st.just("bytes_list"), st.lists(st.binary(max_size=200), min_size=1)),
    st.tuples(st.just("float_list"), st.lists(st.floats(width=32), min_size=1)),
    st.tuples(st.just("int64_list"), st.lists(INTEGERS, min_size=1)),
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), LISTS, min_size=1))
def test_values_are_counted_as_protobuf_counts_them(features: dict[str, tuple[str, list[Any]]]) -> None:
    example = Example()
    for name, (kind, values) in features.items():
        getattr(example.features.feature[name], kind).value.extend(values)
    # Features; and of each: the entry, its key, the feature, and the list of values.
    count = 1 + sum(4 + len(values) for _, values in features.values())
    record = example.SerializeToString()
    assert has_more_values(record, count - 1)
    assert not has_more_values(record, count)


@given(st.binary(max_size=300))
def test_what_is_no_example_ends(record: bytes) -> None:
    assert not has_more_values(record, len(record))


def test_a_number_without_end_is_none() -> None:
    assert not has_more_values(b"\x80" * 10_000_000, 1)
