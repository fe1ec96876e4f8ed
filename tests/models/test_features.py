"""The record contract: parsing gives what was written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.models import features
from tests.helpers import record_values

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def parse(record: bytes, names: list[str]) -> dict:
    import tensorflow as tf

    return tf.io.parse_example([record], features.parsing_spec(names))


@settings(max_examples=25, deadline=None)
@given(
    text=TEXT,
    label=TEXT,
    phash=st.integers(-(2**63), 2**63 - 1),
    entropy=st.floats(width=32, allow_nan=False),
    group=st.none() | TEXT,
)
def test_what_is_written_is_parsed(text: str, label: str, phash: int, entropy: float, group: str | None) -> None:
    changes = {"description": text, "label": label, "image/phash": phash, "image/entropy": entropy, "group": group}
    record = features.encode_record(record_values(1, **changes))
    parsed = parse(record, list(features.RECORD_FEATURES))
    assert parsed["description"].numpy().tolist() == [text.encode()]
    assert parsed["label"].numpy().tolist() == [label.encode()]
    assert parsed["image/phash"].numpy().tolist() == [phash]
    assert parsed["image/entropy"].numpy() == np.float32([entropy])
    assert parsed["group"].values.numpy().tolist() == ([] if group is None else [group.encode()])


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_several_labels_are_parsed_in_their_order(labels: list[str]) -> None:
    import tensorflow as tf

    record = features.encode_record(record_values(1, label=tuple(labels)))
    parsed = tf.io.parse_example([record], features.label_spec("multilabel"))[features.LABEL]
    assert parsed.to_list() == [[label.encode() for label in labels]]
    example = tf.train.Example.FromString(record)
    assert example.features.feature[features.LABEL].bytes_list.value[:] == [label.encode() for label in labels]
    assert len(example.SerializeToString()) == len(record)


def test_one_label_is_the_same_alone_and_in_a_list() -> None:
    import tensorflow as tf

    record = features.encode_record(record_values(1, label=("even",)))
    assert record == features.encode_record(record_values(1, label="even"))
    parsed = tf.io.parse_example([record], features.label_spec("multiclass"))[features.LABEL]
    assert parsed.numpy().tolist() == [b"even"]


def test_no_label_is_a_missing_one() -> None:
    with pytest.raises(ValueError, match="'label' is required"):
        features.encode_record(record_values(1, label=()))


def test_equal_values_give_equal_bytes_in_any_order() -> None:
    values = record_values(1, group="g")
    assert features.encode_record(values) == features.encode_record(dict(reversed(values.items())))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\['colour'\] are not in the record contract"):
        features.encode_record(record_values(1, colour="red"))


@pytest.mark.parametrize("name", [name for name, feature in features.RECORD_FEATURES.items() if feature.required])
def test_a_required_feature_must_have_a_value(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is required"):
        features.encode_record(record_values(1, **{name: None}))


def test_a_name_that_is_not_in_the_contract_cannot_be_parsed() -> None:
    with pytest.raises(KeyError):
        features.parsing_spec(["colour"])


def test_statistics_never_read_the_pixels() -> None:
    assert features.IMAGE not in features.STATISTICS_FEATURES
    assert len(features.STATISTICS_FEATURES) == len(features.RECORD_FEATURES) - 1


@given(st.integers(0, 2**63 - 1), st.binary(max_size=300))
def test_a_record_is_what_protobuf_itself_would_write(number: int, image: bytes) -> None:
    """The order of the features is not compared; versions of protobuf disagree on it."""
    import tensorflow as tf

    record = features.encode_record(record_values(1, **{features.IMAGE: image, features.PHASH: -number}))
    example = tf.train.Example.FromString(record)
    assert len(example.SerializeToString()) == len(record)
    assert sorted(example.features.feature) == sorted(set(features.RECORD_FEATURES) - {features.GROUP})
    assert example.features.feature[features.IMAGE].bytes_list.value[:] == [image]
    assert example.features.feature[features.PHASH].int64_list.value[:] == [-number]
