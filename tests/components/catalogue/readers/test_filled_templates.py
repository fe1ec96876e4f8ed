"""Templates of several columns become paths and texts, without debris of what is empty."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.catalogue.readers.filled_templates import fill_text, fill_whole
from diptych.components.catalogue.reasons import RowError


@pytest.mark.parametrize(
    ("template", "values", "filled"),
    [
        ("images/{id}.jpg", {"id": 7}, "images/7.jpg"),
        ("images/{id}.jpg", {"id": 7.0}, "images/7.jpg"),
        ("images/{id}.jpg", {"id": "007"}, "images/007.jpg"),
        ("images/{id}.jpg", {"id": "7.0"}, "images/7.0.jpg"),
        ("images/{id:d}.jpg", {"id": "7.0"}, "images/7.jpg"),
        ("images/{id:d}.jpg", {"id": " 007 "}, "images/7.jpg"),
        ("images/{id:d}.jpg", {"id": "000"}, "images/0.jpg"),
        ("images/{id:06d}.jpg", {"id": "7.00"}, "images/000007.jpg"),
        ("images/{id:012d}.jpg", {"id": 123}, "images/000000000123.jpg"),
        ("images/{id:02d}.jpg", {"id": 12345}, "images/12345.jpg"),
        ("{a}/{b}-{a}.png", {"a": "x", "b": "y"}, "x/y-x.png"),
        ("{a}{b}", {"a": "{b}", "b": "{a}"}, "{b}{a}"),
        ("images/{id}.jpg", {}, ""),
        ("{a}/{b}.jpg", {"a": " ", "b": None}, ""),
        ("images/{id:d}.jpg", {"id": float("nan")}, ""),
    ],
)
def test_a_path_is_filled(template: str, values: dict[str, Any], filled: str) -> None:
    assert fill_whole(template, values.get) == filled


@pytest.mark.parametrize(
    ("template", "values", "problem"),
    [
        ("{a}/{b}.jpg", {"a": "x"}, ("malformed_row", "is made of 'b', which is empty")),
        ("{a}.jpg", {"a": ["x"]}, ("malformed_row", "is made of 'a', which holds a list; a text or number is needed")),
        ("{a:d}.jpg", {"a": "x7"}, ("malformed_row", "is made of 'a', which holds 'x7'; a whole number is needed")),
        ("{a:d}.jpg", {"a": 7.5}, ("malformed_row", "is made of 'a', which holds '7.5'; a whole number is needed")),
    ],
)
def test_a_path_that_would_lead_elsewhere_is_refused(
    template: str, values: dict[str, Any], problem: tuple[str, str]
) -> None:
    with pytest.raises(RowError) as caught:
        fill_whole(template, values.get)
    assert caught.value.problem == problem


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ("{title}. {brand}", ("Bicycle. Acme", "Bicycle", "Acme", "")),
        ("{title}. {brand}.", ("Bicycle. Acme.", "Bicycle.", "Acme.", "")),
        ("{title} ({brand})", ("Bicycle (Acme)", "Bicycle", "(Acme)", "")),
        ('{title}, "{brand}"!', ('Bicycle, "Acme"!', "Bicycle!", '"Acme"!', "")),
        ("Title: {title}; brand: {brand}", ("Title: Bicycle; brand: Acme", "Title: Bicycle", "brand: Acme", "")),
        ("a {title} by {brand}", ("a Bicycle by Acme", "a Bicycle", "by Acme", "")),
        ("{title}{brand}", ("BicycleAcme", "Bicycle", "Acme", "")),
    ],
)
def test_what_is_empty_leaves_nothing_behind(template: str, texts: tuple[str, ...]) -> None:
    full = {"title": " Bicycle ", "brand": "Acme"}
    cases = (full, {"title": "Bicycle", "brand": " "}, {"title": None, "brand": "Acme"}, {})
    assert tuple(fill_text(template, values.get) for values in cases) == texts


@pytest.mark.parametrize("empty", ["a", "b", "c"])
def test_any_of_three_columns_may_be_empty(empty: str) -> None:
    values = {"a": "x", "b": "y", "c": "z", empty: ""}
    assert fill_text("{a}. {b}. {c}", values.get) == ". ".join(value for value in values.values() if value)


WORDS = st.text(st.characters(categories=["L", "N"]), max_size=5)


@given(values=st.lists(WORDS, min_size=1, max_size=5), separator=st.sampled_from([". ", ", ", " - ", "; ", " | "]))
def test_texts_are_joined_as_if_only_those_that_are_there_were_asked_for(values: list[str], separator: str) -> None:
    columns = {f"c{place}": value for place, value in enumerate(values)}
    template = separator.join(f"{{{column}}}" for column in columns)
    assert fill_text(template, columns.get) == separator.join(filter(None, values))


@given(template=st.text("ab{}:d0 .("), values=st.dictionaries(st.sampled_from("ab"), st.text() | st.integers()))
def test_any_template_is_filled_or_refused(template: str, values: dict[str, Any]) -> None:
    for fill in (fill_whole, fill_text):
        try:
            assert isinstance(fill(template, values.get), str)
        except RowError as error:
            assert error.reason == "malformed_row"
