"""COCO captions: one row per annotation, and one per image without an annotation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        Row(1, "7", "2.jpg", "caption 7", ("cat",)),
        Row(2, "8", "1.jpg", "caption 8", ("dog",)),
        Row(3, "9", "2.jpg", "caption 9", ("cat",)),
    ]


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
        ("8", "", "", ("malformed_row", "there is no image 99")),
        ("9", "", "", ("malformed_row", "there is no image None")),
        ("10", "1.jpg", "caption 10", None),
        ("2.jpg", "2.jpg", "", None),
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


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 6), max_size=8),
    st.lists(st.tuples(st.integers(0, 6), st.text(st.characters())), min_size=1, max_size=12),
)
def test_annotations_and_bare_images_add_up(
    tmp_path_factory: pytest.TempPathFactory, image_ids: list[int], captions: list[tuple[int, str]]
) -> None:
    images = [image(number) for number in image_ids]
    annotations = [annotation(number, of, caption=text) for number, (of, text) in enumerate(captions)]
    annotations.append(annotation("last", "none", label="a label"))
    found = rows_of(tmp_path_factory.mktemp("coco"), images + [image("whole")], annotations)
    bare = {str(number) for number in image_ids} - {str(of) for of, _ in captions}
    repeated = len(image_ids) - len(set(image_ids))
    assert len(found) == len(annotations) + len(bare) + repeated + 1
    for row, (of, text) in zip(found, captions, strict=False):
        if of in image_ids and row.problem is None:
            assert (row.image, row.description) == (f"{of}.jpg", text)
