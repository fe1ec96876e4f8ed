"""The roles of columns are inferred from their names and values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.pipeline.prepare.infer_columns import InferredColumns, infer_columns, is_image

COUNT = 40


def infer(**columns: Any) -> InferredColumns:
    """What is inferred of columns, each given by its values or by a function from the row's number to a value."""
    made = {name: [held(n) for n in range(COUNT)] if callable(held) else held for name, held in columns.items()}
    return infer_columns([dict(zip(made, values, strict=True)) for values in zip(*made.values(), strict=True)])


def path(n: int) -> str:
    return f"images/{n}.jpg"


def text(n: int) -> str:
    return f"a sentence about number {n}"


def kind(n: int) -> str:
    return ("cat", "dog", "cow")[n % 3]


def test_names_are_enough() -> None:
    found = infer(image=path, description=text, label=kind, id=str, split=lambda n: "train", group=lambda n: n // 2)
    assert found.columns == {
        "image": "image",
        "description": "description",
        "label": "label",
        "id": "id",
        "split": "split",
        "split_by": "group",
    }
    assert found.missing == []


@pytest.mark.parametrize(
    ("image", "description", "label"),
    [
        ("file_name", "caption", "class"),
        ("Filename", "Title", "Category"),
        ("imagePath", "altText", "className"),
        ("image_url", "product_description", "product_category"),
        ("X", "texts", "y"),
    ],
)
def test_other_names_for_the_same_are_known(image: str, description: str, label: str) -> None:
    found = infer(**{label: kind, "n": str, description: text, image: path})
    assert found.columns == {"image": image, "description": description, "label": label}


def test_without_names_contents_decide() -> None:
    found = infer(a=text, b=kind, c=path, d=lambda n: ("train", "validation", "test")[n % 3], e=lambda n: n * 0.37)
    assert found.columns == {"image": "c", "description": "a", "label": "b", "split": "d"}


@pytest.mark.parametrize(
    "image",
    [
        lambda n: b"\x89PNG",
        lambda n: np.zeros((8, 8, 3), np.uint8),
        lambda n: {"bytes": b"\x89PNG", "path": None},
        lambda n: {"bytes": None, "path": "a.webp"},
        lambda n: "https://example.com/a.JPEG?width=100",
        lambda n: [[[0, 1, 2]]],
    ],
)
def test_images_come_in_many_forms(image: Any) -> None:
    assert is_image(image(0))
    assert infer(q=image, text=text, label=kind).columns["image"] == "q"


def test_the_other_columns_that_fit_are_named() -> None:
    found = infer(image=path, thumbnail=path, caption=text, title=text, label=kind, colour=kind)
    assert found.columns == {"image": "image", "description": "caption", "label": "label"}
    assert found.alternatives["image"] == ["thumbnail"]
    assert found.alternatives["description"] == ["title"]
    assert "colour" in found.alternatives["label"]


def test_a_catalogue_sorted_by_label_has_one_label_at_first() -> None:
    assert infer(image=path, text=text, label=lambda n: "cat").columns["label"] == "label"


def test_the_emoji_catalogue_s_group_is_what_keeps_rows_together_and_subgroup_is_not() -> None:
    found = infer(image=path, description=text, label=kind, subgroup=kind, group=lambda n: f"1f60{n}")
    assert found.columns["split_by"] == "group"
    assert found.columns["label"] == "label"


def test_an_id_is_given_once() -> None:
    assert infer(image=path, text=text, label=kind, image_id=lambda n: n // 2).columns.get("id") is None
    assert infer(image=path, text=text, label=kind, image_id=lambda n: n or None).columns.get("id") is None
    assert infer(image=path, text=text, label=kind, image_id=lambda n: n).columns.get("id") == "image_id"


def test_a_train_is_also_a_thing_to_see() -> None:
    found = infer(image=path, text=text, label=lambda n: "train")
    assert found.columns == {"image": "image", "description": "text", "label": "label"}


def test_what_no_column_fits_is_missing() -> None:
    found = infer(a=lambda n: n * 0.37, b=lambda n: None)
    assert found.columns == {}
    assert found.missing == ["image", "description", "label"]
    assert infer_columns([]).columns == {}


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["image", "label", "id"]),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.integers()),
            max_size=5,
        ),
        max_size=8,
    )
)
def test_any_rows_give_a_guess_of_their_columns(rows: list[dict[str, Any]]) -> None:
    found = infer_columns(rows)
    names = {name for row in rows for name in row}
    assert set(found.columns.values()) <= names
    assert len(set(found.columns.values())) == len(found.columns)
