"""Images in cells: paths, bytes, data URIs, Base64, and several of these."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.image_cells import ImageCell, parse_images
from diptych.components.catalogue.reasons import REASONS, RowError
from tests.first_contact.pictures import picture_bytes

DATA = DataOptions(catalogue="x.csv")
ALL = DataOptions(catalogue="x.csv", paths={"several": "all", "separator": ";"})
PNG, JPEG = picture_bytes(7), picture_bytes(7, "JPEG")


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("value", "image"),
    [
        ("a.png", ("a.png", None)),
        (7, ("7", None)),
        (PNG, ("", PNG)),
        ({"bytes": PNG, "path": "a.png"}, ("a.png", PNG)),
        (f"data:image/png;base64,{base64_of(PNG)}", ("", PNG)),
        (f"data:;base64,{base64_of(PNG)}", ("", PNG)),
        (f" DATA:image/svg+xml;charset=utf-8;BASE64,{base64_of(PNG)}", ("", PNG)),
        (f"data:image/png;base64,{base64_of(PNG)[:40]}\n{base64_of(PNG)[40:]}\n", ("", PNG)),
        (base64_of(PNG), ("", PNG)),
        (base64_of(JPEG), ("", JPEG)),
        ({"path": base64_of(PNG)}, (base64_of(PNG), None)),
        ("data:image/..", ("data:image/..", None)),
        ("data: x, y.png", ("data: x, y.png", None)),
        ("/9j/x.jpg", ("/9j/x.jpg", None)),
        ("R0lGODlh/" + "x" * 80 + ".gif", ("R0lGODlh/" + "x" * 80 + ".gif", None)),
    ],
)
def test_one_image(value: Any, image: ImageCell) -> None:
    assert parse_images(value, DATA) == [image]


@pytest.mark.parametrize("value", [None, "", [], [None, ""], float("nan"), {"path": None}, "[]", " "])
def test_no_image(value: Any) -> None:
    assert [image for image in parse_images(value, ALL) if image[0].strip() or image[1] is not None] == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("data:image/svg+xml;utf8,<svg/>", "unsupported_image"),
        ("data:image/png;base64,***", "corrupt"),
        (f"data:image/png;base64,{base64_of(PNG)[:-3]}", "corrupt"),
        ("data:image/png;base64,", "corrupt"),
        (["a.png", "b.png"], "several_images"),
        ("['a.png', 'b.png']", "several_images"),
        ([["a.png"]], "malformed_row"),
        ({"url": "a.png"}, "malformed_row"),
    ],
)
def test_a_cell_of_no_use_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(RowError) as caught:
        parse_images(value, DATA)
    assert caught.value.reason == reason


def test_an_image_beyond_the_limit_is_not_decoded() -> None:
    data = DataOptions(catalogue="x.csv", limits={"file_mb": 0.001})
    with pytest.raises(RowError, match="holds an image of 0.0 MB"):
        parse_images("data:image/png;base64," + "A" * 4000, data)


@pytest.mark.parametrize("text", ["data:" + "a" * 10**6, "data:" + ";" * 10**6, " " * 10**6, "[" * 10**6, "['" * 10**5])
def test_a_long_text_is_told_from_an_image_at_once(text: str) -> None:
    assert parse_images(text, DATA) == [(text, None)]


@pytest.mark.parametrize(
    "value",
    [
        ["a.png", "b.png"],
        ("a.png", "b.png"),
        "a.png; b.png;",
        "['a.png', 'b.png']",
        "['a.png' 'b.png']",
        '["a.png", null, "b.png"]',
        [{"path": "a.png"}, {"path": "b.png", "bytes": None}],
    ],
)
def test_several_images(value: Any) -> None:
    assert parse_images(value, ALL) == [("a.png", None), ("b.png", None)]
    first = DataOptions(catalogue="x.csv", paths={"several": "first", "separator": ";"})
    assert parse_images(value, first) == [("a.png", None)]


CELLS = st.recursive(
    st.none() | st.text() | st.binary() | st.floats() | st.from_regex(r"(data:[a-z/]*;base64,)?(iVBORw0KGgo)?[\w+/=]*"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["bytes", "path"]), inner),
)


@given(value=CELLS, data=st.sampled_from([DATA, ALL]))
def test_any_cell_has_images_or_is_refused(value: Any, data: DataOptions) -> None:
    try:
        images = parse_images(value, data)
    except RowError as error:
        assert error.reason in REASONS
        return
    assert all(isinstance(path, str) and (content is None or isinstance(content, bytes)) for path, content in images)
