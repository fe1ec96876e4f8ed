"""Dotted names of what lies inside of objects, and of lists of objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.nested import column_names, find_nested, flatten

BOXES = {"image": "1.png", "boxes": [{"label": "cat", "at": {"x": 1}}, {"label": "dog"}, {"at": {"x": None}}]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("boxes.label", ["cat", "dog"]),
        ("boxes.at.x", [1]),
        ("boxes.colour", []),
        ("boxes", BOXES["boxes"]),
        ("image.label", None),
        ("boxes.", []),
    ],
)
def test_the_values_in_a_list_of_objects_are_a_list(name: str, value: Any) -> None:
    assert find_nested(BOXES, name) == value


def test_lists_of_objects_are_flattened() -> None:
    assert flatten(BOXES) == {"image": "1.png", "boxes.label": ["cat", "dog"], "boxes.at.x": [1]}
    assert flatten({"boxes": [{"label": None}]}) == {}
    assert column_names(BOXES) == {"image", "boxes", "boxes.label", "boxes.at.x"}


@pytest.mark.parametrize(
    "value", [[], ["a"], [1, {"a": 2}], [{"bytes": b"x", "path": None}], {"bytes": b"x", "path": None}, None, "a"]
)
def test_other_values_are_one_column(value: Any) -> None:
    assert flatten({"a": value}) == {"a": value}


def test_what_lies_deep_is_one_value() -> None:
    values: dict[str, Any] = {"a": 1}
    for _ in range(5000):
        values = {"a": values}
    ((name, value),) = flatten(values).items()
    assert 1 < name.count("a") < 20
    assert isinstance(value, dict)


_VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abc"), _VALUES, max_size=3))
def test_what_a_flat_name_shows_is_what_it_finds(values: dict[str, Any]) -> None:
    for name, value in flatten(values).items():
        found = find_nested(values, name)
        # An item that is an object where others are none has names of its own.
        assert found == value or all(item in found for item in value)


def test_labels_of_boxes_in_parquet_are_the_labels_of_the_image(tmp_path: Path) -> None:
    rows = [{"image": "1.png", "boxes": [{"label": "dog"}, {"label": "cat"}, {"label": "dog"}]}, {"image": "2.png"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    columns = {"label": "boxes.label", "description": None}
    data = DataOptions(catalogue=str(tmp_path / "rows.parquet"), columns=columns, several_labels=True)
    assert [row.labels for _, row in Catalogue.open(data).rows()] == [("cat", "dog"), ()]
