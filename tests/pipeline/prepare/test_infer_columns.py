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


def test_numbers_are_other_labels_only_by_their_names() -> None:
    found = infer(image=path, label=kind, xmin=lambda n: n % 5, class_id=lambda n: n % 4, colour=kind)
    assert found.alternatives["label"] == ["class_id", "colour"]


def test_names_of_numbered_labels_are_the_label() -> None:
    found = infer(image=path, label=lambda n: n % 3, class_name=kind, text=text)
    assert found.columns == {"image": "image", "label": "class_name", "description": "text"}
    assert found.alternatives == {"image": [], "label": ["label"], "description": []}


@pytest.mark.parametrize("name", [lambda n: ("cat", "dog")[n % 2], lambda n: kind(n) if n else None, lambda n: n % 3])
def test_a_column_that_does_not_name_the_numbers_is_another_label(name: Any) -> None:
    found = infer(image=path, label=lambda n: n % 3, class_name=name, text=text)
    assert found.columns["label"] == "label"
    assert found.alternatives["label"] == ["class_name"]


@pytest.mark.parametrize("value", [[[1.0, 2.0, 3.0, 4.0]], [[1, 2]] * 7, [[]], []])
def test_lists_of_boxes_are_no_images(value: list[Any]) -> None:
    assert not is_image(value)


def test_too_few_groups_for_three_splits_are_none() -> None:
    assert "split_by" not in infer(image=path, label=kind, IsGroupOf=lambda n: n % 2).columns
    assert infer(image=path, label=kind, group=lambda n: n // 14).columns["split_by"] == "group"


def test_groups_that_the_label_decides_are_none() -> None:
    def family(n: int) -> str:
        return ("felines", "canines", "bovines")[n % 3]

    assert "split_by" not in infer(image=path, species=kind, family=family).columns
    assert infer(image=path, species=kind, family=lambda n: n // 5).columns["split_by"] == "family"


def test_ids_that_begin_like_splits_are_no_splits() -> None:
    assert "split" not in infer(image_id=lambda n: f"Train_{n}", label=kind).columns
    found = infer(image=path, label=kind, part=lambda n: f"train_{n % 5}" if n % 9 else "test")
    assert found.columns["split"] == "part"


def test_what_all_rows_share_is_no_description() -> None:
    assert "description" not in infer(image=path, label=kind, job_name=lambda n: "job/pets of today").columns


def test_short_names_of_splits_count_in_a_column_of_splits_alone() -> None:
    def short(n: int) -> str:
        return ("tr", "te")[n % 2]

    assert infer(image=path, label=kind, subset=short).columns["split"] == "subset"
    assert infer(image=path, language=short).columns == {"image": "image", "label": "language"}


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
