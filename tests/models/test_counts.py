"""Nouns agree with their numbers, and of many names some are told."""

from __future__ import annotations

from diptych.models.counts import join_names, pluralize


def test_a_noun_agrees_with_its_number() -> None:
    assert [pluralize(number, "row") for number in (0, 1, 2, 1234)] == ["0 rows", "1 row", "2 rows", "1,234 rows"]
    assert [pluralize(number, "class", "classes") for number in (1, 2)] == ["1 class", "2 classes"]


def test_of_many_names_the_first_are_told() -> None:
    assert [join_names("abcde"[:number], most=3) for number in (0, 1, 3, 5)] == [
        "",
        "a",
        "a, b, c",
        "a, b, c and 2 more",
    ]
    assert join_names(map(str, range(2_000))).endswith("3, 4 and 1,995 more")
