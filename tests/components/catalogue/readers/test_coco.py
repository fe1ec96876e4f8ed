"""COCO: one row for each image with the set of its categories, or for each of its captions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.coco import CocoReader
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from tests.components.catalogue.readers.source_reading import read_source


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def image(number: Any, **fields: Any) -> dict[str, Any]:
    return {"id": number, "file_name": f"{number}.jpg", "width": 4, "height": 3, **fields}


def annotation(number: Any, of: Any, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": of,
        "caption": f"caption {number}",
        "category_id": 1,
        "bbox": [0, 0, 1, 1],
        **fields,
    }


def rows_of(folder: Path, images: list[Any], annotations: list[Any], **options: Any) -> list[Row]:
    document = {
        "info": {"year": 2014},
        "annotations": annotations,
        "images": images,
        "categories": [{"id": 1, "name": "cat", "supercategory": "animal"}, {"id": 2, "name": "dog"}],
    }
    path = folder / "captions.json"
    path.write_text(json.dumps(document))
    return read_source(CocoReader(), path, **options)


def test_annotations_are_joined_with_their_images_and_categories(tmp_path: Path) -> None:
    found = rows_of(
        tmp_path, [image(1), image(2)], [annotation(7, 2), annotation(8, 1, category_id=2), annotation(9, 2)]
    )
    assert found == [
        Row(1, "8", "1.jpg", "caption 8", ("dog",)),
        Row(2, "7", "2.jpg", "caption 7", ("cat",)),
        Row(3, "9", "2.jpg", "caption 9", ("cat",)),
    ]


def box(number: int, of: int, category: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "image_id": of, "category_id": category, "bbox": [0, 0, 1, 1], **fields}


def test_boxes_are_one_row_an_image_with_the_set_of_their_categories(tmp_path: Path) -> None:
    boxes = [box(7, 1, 2), box(8, 1, 1), box(9, 1, 2), box(10, 2, 1), box(11, 2, 1)]
    found = rows_of(tmp_path, [image(1), image(2), image(3)], boxes, columns={"description": None}, several_labels=True)
    assert found == [
        Row(1, "1.jpg", "1.jpg", "", ("cat", "dog")),
        Row(2, "2.jpg", "2.jpg", "", ("cat",)),
        Row(3, "3.jpg", "3.jpg", "", ()),
    ]


def test_where_a_row_has_one_label_images_of_several_categories_say_so(tmp_path: Path) -> None:
    boxes = [box(7, 1, 2), box(8, 1, 1), box(9, 2, 2), box(10, 2, 2)]
    several, one = rows_of(tmp_path, [image(1), image(2)], boxes, columns={"description": None})
    assert (several.problem, one.labels) == (("several_labels", "column 'label' holds a list of 2"), ("dog",))


def test_captions_and_boxes_of_one_image_belong_together(tmp_path: Path) -> None:
    captions = [{"id": number, "image_id": 1, "caption": f"text {number}"} for number in (7, 8)]
    found = rows_of(tmp_path, [image(1)], [*captions, box(9, 1, 2), box(10, 1, 1)], several_labels=True)
    assert found == [
        Row(1, "7", "1.jpg", "text 7", ("cat", "dog")),
        Row(2, "8", "1.jpg", "text 8", ("cat", "dog")),
    ]


def test_segments_have_categories_and_a_mask_is_no_image(tmp_path: Path) -> None:
    panoptic = {
        "image_id": 1,
        "file_name": "mask.png",
        "segments_info": [{"id": 3, "category_id": 2}, {"id": 4, "category_id": 1}, "no segment"],
    }
    columns = {"image": "file_name", "description": None}
    (row,) = rows_of(tmp_path, [image(1)], [panoptic], columns=columns, several_labels=True)
    assert row == Row(1, "1.jpg", "1.jpg", "", ("cat", "dog"))


def test_a_name_that_holds_the_separator_stays_whole(tmp_path: Path) -> None:
    document = {"images": [image(1)], "annotations": [box(7, 1, 1)], "categories": [{"id": 1, "name": "a, b"}]}
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(document))
    (row,) = read_source(CocoReader(), path, columns={"description": None}, label_separator=",")
    assert row.labels == ("a, b",)


def test_a_sample_needs_neither_captions_nor_categories(tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"images": [image(1), image(2)], "annotations": []}))
    assert list(CocoReader().sample(str(path), DataOptions(catalogue=str(path)))) == [
        {"image": "1.jpg"},
        {"image": "2.jpg"},
    ]


@pytest.mark.parametrize(
    ("document", "images"),
    [
        ("annotations.json", "."),
        ("instances_train2017.json", "train2017"),
        ("instances_train2017.json", "images/train2017"),
        ("_annotations.coco.json", "."),
        ("labels.json", "data"),
        ("result.json", "images"),
        ("val.json", "val"),
        ("dataset.json", "JPEGImages"),
    ],
)
def test_images_are_found_where_tools_put_them(tmp_path: Path, document: str, images: str) -> None:
    (tmp_path / images).mkdir(parents=True, exist_ok=True)
    (tmp_path / images / "2.jpg").touch()
    path = tmp_path / document
    path.write_text(json.dumps({"images": [image(1), image(2)], "annotations": [box(7, 2, 1)], "categories": []}))
    columns = {"description": None, "label": "category_id"}
    found = read_source(CocoReader(), path, columns=columns)
    assert [row.image for row in found] == [str(Path(images) / name) for name in ("1.jpg", "2.jpg")]


def test_fields_of_the_columns_names_win_over_cocos_own(tmp_path: Path) -> None:
    found = rows_of(
        tmp_path,
        [image(1, image="own.png", part="val"), image(2, label="of the image")],
        [annotation(7, 1, label="mine", by="ann"), annotation(8, 2, description="own text")],
        columns={"split": "part"},
        split_by="by",
    )
    assert found == [
        Row(1, "7", "own.png", "caption 7", ("mine",), "ann", "val"),
        Row(2, "8", "2.jpg", "own text", ("of the image",)),
    ]


def test_columns_name_any_field(tmp_path: Path) -> None:
    columns = {"image": "url", "description": "caption", "label": "supercategory", "id": "key"}
    found = rows_of(tmp_path, [image(1, url="x/1.jpg")], [annotation(7, 1, key="k7")], columns=columns)
    assert found == [Row(1, "k7", "x/1.jpg", "caption 7", ("animal",))]


def test_ids_may_be_numbers_or_texts(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, [image("1")], [annotation(7, 1)])
    assert (row.image, row.problem) == ("1.jpg", None)


def test_nothing_that_does_not_fit_is_lost(tmp_path: Path) -> None:
    images = [image(1), image(2), image(1, file_name="other.jpg"), "no image", {"file_name": "nameless.jpg"}]
    found = rows_of(
        tmp_path,
        images,
        [annotation(7, 1), annotation(8, 99), "no annotation", {"id": 9}, annotation(10, 1, category_id=5)],
    )
    assert [(row.id, row.image, row.description, row.problem) for row in found] == [
        ("7", "1.jpg", "caption 7", None),
        ("10", "1.jpg", "", ("malformed_row", 'there is no category "5"')),
        ("2.jpg", "2.jpg", "", None),
        ("8", "", "", ("malformed_row", "there is no image 99")),
        ("9", "", "", ("malformed_row", "there is no image None")),
        ("", "", "", ("malformed_row", "a JSON str where an object is needed")),
        ("other.jpg", "other.jpg", "", ("malformed_row", 'another image has the id "1"')),
        ("", "", "", ("malformed_row", "a JSON str where an object is needed")),
        ("nameless.jpg", "nameless.jpg", "", ("malformed_row", "an image without an id")),
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "no images and no annotations, which COCO's files have; it has nothing"),
        ({"info": {}, "data": [1]}, "it has data, info"),
        ([], "'{' is needed, at character 1"),
        ({"images": [image(1)], "annotations": [{"id": 7, "image_id": 1, "caption": "t"}]}, "no column 'label'"),
    ],
)
def test_a_document_that_is_not_cocos_says_why(tmp_path: Path, document: Any, message: str) -> None:
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(document))
    with pytest.raises(CatalogueError, match=message):
        read_source(CocoReader(), path)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 4), unique=True, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([None, "", "a", "b"]), st.sampled_from([None, 1, 2]))),
)
def test_every_image_and_annotation_is_in_a_row(
    tmp_path_factory: pytest.TempPathFactory, ids: list[int], parts: list[tuple[int, str | None, int | None]]
) -> None:
    annotations = [
        {"id": number, "image_id": of, "caption": caption, "category_id": category}
        for number, (of, caption, category) in enumerate(parts)
    ]
    # Some row must have each column.
    known = [image(number) for number in ids] + [image("whole", label="x", caption="t")]
    found = rows_of(tmp_path_factory.mktemp("coco"), known, annotations, several_labels=True)
    names = {1: "cat", 2: "dog", None: None}
    expected = []
    for number in ids:
        own = [(caption or "", names[category]) for of, caption, category in parts if of == number]
        captions = list(dict.fromkeys(caption for caption, _ in own if caption)) or [""]
        expected += [
            (f"{number}.jpg", text, tuple(sorted({name for caption, name in own if name and caption in ("", text)})))
            for text in captions
        ]
    expected.append(("whole.jpg", "t", ("x",)))
    lost = sum(of not in ids for of, _, _ in parts)
    assert [(row.image, row.description, row.labels) for row in found[: len(expected)]] == expected
    assert [row.problem and row.problem[0] for row in found[len(expected) :]] == ["malformed_row"] * lost
