"""Labels that are written in two ways, or are no single class, are found; names that only look odd are not."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from diptych.components.data_gate.label_name_rules import (
    canonical_label,
    check_label_form,
    check_label_spelling,
    join_splits,
)
from diptych.components.data_gate.options import Rule


def labels(names: Sequence[str], rows: int = 2) -> dict[str, list[str]]:
    """Each label with the ids of as many rows; the first label has one more."""
    return {name: [f"{name}-{n}" for n in range(rows + (name == names[0]))] for name in names}


@pytest.mark.parametrize(
    "other",
    ["Cat", "CAT", "cat ", " cat", "ｃａｔ"],
)
def test_labels_that_differ_in_case_space_or_form_are_found(other: str) -> None:
    (finding,) = check_label_spelling(labels(["cat", other, "dog"]), Rule())
    assert (finding.rule, finding.severity, finding.feature) == ("label_spelling", "warn", "label")
    # The rows of the rarer spelling are those to mend.
    assert finding.ids == (f"{other}-0", f"{other}-1")
    assert "(3 rows) and" in finding.message


def test_labels_that_look_alike_are_shown_with_escapes() -> None:
    (finding,) = check_label_spelling(labels(["caf\u00e9", "cafe\u0301"]), Rule())
    assert r"'caf\xe9' (3 rows) and 'cafe\u0301' (2 rows)" in finding.message


@pytest.mark.parametrize(
    "names",
    [("hot dog", "hot_dog", "hot-dog"), ("Hot  dog", "hot dog"), ("Straße", "STRASSE"), ("ΐ", "ΐ".upper()), ("a", "A")],
)
def test_spellings_of_one_label_are_told_together(names: tuple[str, ...]) -> None:
    (finding,) = check_label_spelling(labels(names), Rule())
    assert len(finding.ids) == 2 * (len(names) - 1)


@pytest.mark.parametrize(
    "names", [("A", "A-", "A+"), ("1-2", "12"), ("-1", "1"), ("cat", "cats"), ("10", "1 0"), ("a", "á")]
)
def test_labels_that_mean_different_things_are_no_finding(names: tuple[str, ...]) -> None:
    assert list(check_label_spelling(labels(names), Rule())) == []


@given(st.text())
@example("ℍ")
@example("ΐ")
def test_a_canonical_label_is_its_own(label: str) -> None:
    once = canonical_label(label)
    assert canonical_label(once) == once
    assert canonical_label(unicodedata.normalize("NFD", label)) == once


@pytest.mark.parametrize(
    ("names", "found", "remedy"),
    [
        (("[a, b]", "(a, c)", "{a,b}", "c"), ("[a, b]", "(a, c)", "{a,b}"), "data.several_labels"),
        (("a|b", "a", "c"), ("a|b",), "data.label_separator: '|'"),
        (("a;b", "b;c"), ("a;b", "b;c"), "data.label_separator: ';'"),
        (("red, small", "red, large", "blue, small"), ("red, small",), "data.label_separator: ','"),
    ],
)
def test_labels_that_are_lists_are_found(names: tuple[str, ...], found: tuple[str, ...], remedy: str) -> None:
    (finding,) = check_label_form(labels(names), Rule())
    assert {row_id.rsplit("-", 1)[0] for row_id in finding.ids} == set(found)
    assert remedy in finding.message


@pytest.mark.parametrize(
    "names",
    [
        ("Washington, DC", "Portland, OR", "Paris"),
        ("Smileys & Emotion", "Food & Drink"),
        ("a|b", "c|d"),
        ("(other)", "[none]", "f(x)"),
        ("0.5", "1.0", "1.5", "2.0"),
        tuple(str(n) for n in range(40)),
        tuple(f"{n}.0" for n in range(40)),
        tuple(f"v{n}.5" for n in range(40)),
    ],
)
def test_names_that_only_look_odd_are_no_finding(names: tuple[str, ...]) -> None:
    assert list(check_label_form(labels(names), Rule())) == []


def test_measured_numbers_are_found() -> None:
    (finding,) = check_label_form(labels([f"{n * 0.37:.2f}" for n in range(40)]), Rule())
    assert "of 40 labels are numbers with decimals" in finding.message
    assert len(finding.ids) == 20


def test_labels_of_all_splits_are_looked_at_together() -> None:
    assert join_splits({"train": {"a": ["1"]}, "val": {}, "test": {"a": ["2"], "b": ["3"]}}) == {
        "a": ["1", "2"],
        "b": ["3"],
    }


@given(st.lists(st.text(min_size=1), min_size=1, max_size=12, unique=True))
def test_any_labels_are_taken(names: list[str]) -> None:
    for finding in (*check_label_spelling(labels(names), Rule()), *check_label_form(labels(names), Rule())):
        assert finding.ids
