"""The columns of which templates are made."""

from __future__ import annotations

import pytest

from diptych.components.catalogue.templates import template_columns


@pytest.mark.parametrize(
    ("template", "columns"),
    [
        ("images/{id}.jpg", ["id"]),
        ("{a}/{b:06d}{a}", ["a", "b", "a"]),
        ("{dc:title} {n:d}", ["dc:title", "n"]),
        ("{a: b}", ["a: b"]),
        ("plain", []),
        ("{}", []),
        ("{{x}", ["x"]),
        ("{a.b}", ["a.b"]),
    ],
)
def test_columns_are_found(template: str, columns: list[str]) -> None:
    assert template_columns(template) == columns
