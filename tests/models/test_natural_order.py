"""Names are sorted as people list them, and always in the same order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diptych.models.natural_order import natural_key


def test_numbers_are_sorted_by_value() -> None:
    names = ["10", "2", "1", "grade 10", "grade 9", "a10b2", "a10b10", "a2", "", "cat", "10.5", "2.5", "1" * 5000]
    assert sorted(names, key=natural_key) == [
        *("", "1", "2", "2.5", "10", "10.5", "1" * 5000, "a2", "a10b2", "a10b10", "cat", "grade 9", "grade 10"),
    ]


def test_names_that_differ_have_keys_that_differ() -> None:
    assert sorted(["01", "1", "001"], key=natural_key) == ["001", "01", "1"]


@given(st.lists(st.integers(0)))
def test_whole_numbers_are_sorted_as_numbers(numbers: list[int]) -> None:
    assert sorted(map(str, numbers), key=natural_key) == [str(number) for number in sorted(numbers)]


@given(st.lists(st.text(st.characters(blacklist_categories=["Nd"]))))
def test_names_without_digits_are_sorted_as_texts(names: list[str]) -> None:
    assert sorted(names, key=natural_key) == sorted(names)


@given(st.sets(st.text(st.sampled_from("012a ")), max_size=8), st.randoms())
def test_the_order_does_not_depend_on_the_order_before(names: set[str], random: object) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)
