"""The gate's rules one by one, on rows in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.components.data_gate.distribution_shifts import DistributionComparison, check_shifts
from diptych.components.data_gate.label_rules import check_label_typos, check_lost_labels, check_rare_labels
from diptych.components.data_gate.options import (
    GateOptions,
    LabelRareRule,
    LabelTypoRule,
    NearDuplicatesRule,
    Rule,
    ShareRule,
    ShiftRule,
    VocabularyRule,
)
from diptych.components.data_gate.profile import SplitProfile, bin_counts, bin_indices, make_profile
from diptych.components.data_gate.row_rules import (
    check_duplicates,
    check_near_duplicates,
    check_new_values,
    check_sizes,
)
from diptych.components.data_gate.split_rows import (
    ASPECT,
    CATEGORICAL_FEATURES,
    NO_SCRIPT,
    NUMERIC_FEATURES,
    SCRIPT,
    SplitRows,
    text_script,
)
from diptych.components.data_gate.vocabulary import build_vocabulary, check_vocabulary
from diptych.models import features
from diptych.models.text.options import TextOptions

FINITE = st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float)


def make_rows(count: int, **columns: Any) -> SplitRows:
    """Rows that differ in their ids and pixels only, except for the columns given."""
    texts = {
        features.ID: [f"row-{n}" for n in range(count)],
        features.DESCRIPTION: columns.get("texts", ["a text"] * count),
        features.SHA256: columns.get("digests", [f"{n}" for n in range(count)]),
        features.FORMAT: columns.get("formats", ["PNG"] * count),
        features.ENCODING: ["raw"] * count,
    }
    labels = [(label,) for label in columns.get("labels", ["a"] * count)]
    numbers = {name: np.full(count, 100.0) for name in NUMERIC_FEATURES} | columns.get("numbers", {})
    hashes = np.array(columns.get("hashes", range(count)), np.int64)
    return SplitRows(texts, labels, columns.get("groups", [f"{n}" for n in range(count)]), numbers, hashes)


def profile(rows: SplitRows) -> SplitProfile:
    return make_profile(rows, None)


def compare(rows: SplitRows, reference: SplitRows, **options: Any) -> list[Any]:
    comparison = DistributionComparison("skew", "val", "split 'train'", ShiftRule(**options), {})
    return list(check_shifts(rows, profile(reference), comparison))


@given(st.lists(FINITE, min_size=1, max_size=60), st.lists(FINITE, max_size=20))
def test_every_value_lies_in_one_bin(reference: list[float], values: list[float]) -> None:
    known = profile(make_rows(len(reference), numbers={ASPECT: np.array(reference)})).numbers[ASPECT]
    assert sum(known.counts) == len(reference)
    # No value of the reference is below the least edge.
    assert known.counts[0] == 0
    assert bin_counts(np.array(values), known.edges).sum() == len(values)


@given(st.lists(FINITE, min_size=1, max_size=60))
def test_a_profile_survives_json(values: list[float]) -> None:
    made = profile(make_rows(len(values), numbers={ASPECT: np.array(values)}))
    assert SplitProfile.model_validate_json(made.model_dump_json()) == made


def test_a_value_that_many_share_has_a_bin_of_its_own() -> None:
    edges = profile(make_rows(50)).numbers[ASPECT].edges
    assert bin_indices(np.array([99.9, 100.0, 100.1]), edges).tolist() == [0, 1, 2]


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(20, 200))
def test_two_samples_of_one_distribution_do_not_differ(seed: int, few: int, many: int) -> None:
    rng = np.random.default_rng(seed)

    def draw(count: int) -> SplitRows:
        numbers = {name: rng.normal(size=count) for name in NUMERIC_FEATURES}
        return make_rows(count, labels=rng.choice(["a", "b", "c"], count).tolist(), numbers=numbers)

    assert compare(draw(few), draw(many)) == []


def test_equal_rows_do_not_differ_however_strict_the_rule_is() -> None:
    rows = make_rows(30)
    assert compare(rows, rows, max_divergence=1e-9, max_distance=1e-9) == []


def test_what_moved_is_told_with_the_rows_that_moved_most() -> None:
    numbers = {features.WIDTH: np.array([*[100.0] * 500, *[900.0] * 500])}
    (finding,) = compare(make_rows(1000, numbers=numbers), make_rows(1000))
    assert (finding.feature, finding.formula) == (features.WIDTH, "Jensen-Shannon divergence")
    # For p = (1, 0) and q = (1/2, 1/2) it is the entropy of (3/4, 1/4) less half a bit.
    assert finding.measured == pytest.approx(0.811278 - 0.5, abs=1e-6)
    assert finding.threshold > 0.03
    assert finding.ids == tuple(f"row-{n}" for n in range(500, 520))


def test_few_rows_tell_less_than_many() -> None:
    def shifted(count: int) -> list[Any]:
        return compare(
            make_rows(count, labels=["a", "b"] * (count // 2)), make_rows(1000, labels=["a", "a", "a", "b"] * 250)
        )

    assert shifted(10) == []
    (finding,) = shifted(1000)
    assert (finding.measured, finding.ids[0]) == (0.25, "row-1")


def test_rows_of_one_group_are_no_more_than_one_row() -> None:
    assert make_rows(8).effective_sample_size == 8
    assert make_rows(8, groups=["g"] * 8).effective_sample_size == 1
    assert make_rows(4, groups=["g", "g", "g", "h"]).effective_sample_size == 1.6
    assert compare(make_rows(400, labels=["b"] * 400, groups=["g"] * 400), make_rows(400)) == []


def test_without_rows_nothing_differs() -> None:
    assert compare(make_rows(0), make_rows(4)) == compare(make_rows(4), make_rows(0)) == []
    assert profile(make_rows(0)).numbers == {}
    assert list(check_sizes({"val": make_rows(0)}, profile(make_rows(0)), GateOptions().size)) == []


def test_categories_are_rows_by_label() -> None:
    rows = make_rows(3, labels=["b", "a", "b"], texts=["Tee", "Чай", "..."])
    categories = profile(rows).categories
    assert set(categories) == set(CATEGORICAL_FEATURES)
    assert categories[features.LABEL] == {"a": 1, "b": 2}
    assert categories[SCRIPT] == {"LATIN": 1, "CYRILLIC": 1, NO_SCRIPT: 1}


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("a cup", "LATIN"),
        ("чашка cup", "CYRILLIC"),
        ("茶杯", "CJK"),
        ("كوب", "ARABIC"),
        ("12 + 3", NO_SCRIPT),
        ("", NO_SCRIPT),
    ],
)
def test_a_texts_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert text_script(text) == script


@given(st.text())
def test_any_text_has_a_script(text: str) -> None:
    assert text_script(text)


def rows_by_label(**labels: int) -> dict[str, list[str]]:
    """Label to as many ids as its number says."""
    return {label: [f"{label}-{n}" for n in range(count)] for label, count in labels.items()}


@pytest.mark.parametrize(
    ("rare", "frequent", "near"),
    [
        ("Objcts", "Objects", True),
        ("Obejcts", "Objects", True),
        ("objects", "Objects", True),
        ("Objects ", "Objects", True),
        ("Flags", "Objects", False),
        ("Kit", "Cat", False),
        ("digit 7", "digit 1", False),
    ],
)
def test_a_rare_label_is_misspelt_if_it_resembles_a_frequent_one(rare: str, frequent: str, near: bool) -> None:
    found = list(check_label_typos(rows_by_label(**{rare: 2, frequent: 60}), LabelTypoRule()))
    assert [(finding.feature, finding.ids) for finding in found] == [("label", (f"{rare}-0", f"{rare}-1"))] * near
    assert all(f"misspelt '{frequent}' (60)" in finding.message for finding in found)


def test_two_labels_of_as_many_rows_are_two() -> None:
    assert list(check_label_typos(rows_by_label(Objects=60, Objcts=4), LabelTypoRule())) == []


def test_rare_labels_are_told_together_with_their_rows() -> None:
    (finding,) = check_rare_labels(rows_by_label(a=5, b=2, c=1), LabelRareRule())
    assert (finding.measured, finding.threshold, finding.ids) == (1, 5, ("c-0", "b-0", "b-1"))
    assert "2 labels have fewer than 5 rows (gate.label_rare.min_rows): 'c' (1), 'b' (2)" in finding.message


def test_a_lost_label_is_told_with_the_rows_that_had_it() -> None:
    before = profile(make_rows(30, labels=["a", "b", "c"] * 10))
    (finding,) = check_lost_labels({"a": ["x"], "c": ["y"], "d": ["z"]}, before, Rule(severity="stop"))
    assert finding.stops
    assert finding.ids == tuple(f"row-{n}" for n in range(1, 30, 3))
    assert "label 'b' is lost: no row of split 'train' has it, 10 of the last accepted data had" in finding.message


def test_repeated_pixels_are_told_of_the_later_split() -> None:
    splits = {
        "train": make_rows(4, digests=["a", "a", "b", "c"]),
        "val": make_rows(4, digests=["d", "d", "b", "e"]),
        "test": make_rows(2, digests=["e", "b"]),
    }
    val, test = check_duplicates(splits, ShareRule())
    assert (val.split, val.measured, val.ids) == ("val", 0.25, ("row-2",))
    assert (test.split, test.measured, test.ids) == ("test", 1, ("row-0", "row-1"))
    assert [f.split for f in check_duplicates(splits, ShareRule(max=0.25))] == ["test"]


def test_images_that_look_like_one_of_an_earlier_split_are_told_if_asked_for() -> None:
    far = [n << 32 | n << 8 for n in (0b1111, 0b11110000, 0b111100000000, 0b1111000000000000)]
    splits = {
        "train": make_rows(2, hashes=[far[0], far[0]]),
        # The first is one bit from train, the third one bit from the second; the second and fourth are new.
        "val": make_rows(4, hashes=[far[0] ^ 1, far[1], far[1] ^ 1, far[2]]),
        # The first is two bits from train, the second is in val; the other two are new, and equal.
        "test": make_rows(4, hashes=[far[0] ^ 3, far[2], far[3], far[3]]),
    }
    assert list(check_near_duplicates(splits, NearDuplicatesRule())) == []
    val, test = check_near_duplicates(splits, NearDuplicatesRule(severity="warn", distance=2))
    assert (val.split, val.measured, val.ids) == ("val", 0.25, ("row-0",))
    assert (test.split, test.measured, test.ids) == ("test", 0.5, ("row-0", "row-1"))


def test_without_rows_no_image_looks_like_another() -> None:
    rule = NearDuplicatesRule(severity="warn")
    assert list(check_near_duplicates({"train": make_rows(0), "val": make_rows(0)}, rule)) == []


def test_sizes_far_beyond_the_usual_range_are_told_the_furthest_first() -> None:
    widths = np.array([100.0, 90, 401, 300, 20, 5000])
    rows = make_rows(6, numbers={features.WIDTH: widths})
    (finding,) = check_sizes({"val": rows}, profile(make_rows(9)), GateOptions().size)
    assert (finding.feature, finding.measured, finding.ids) == (features.WIDTH, 50, ("row-5", "row-4", "row-2"))


def test_a_size_of_nothing_is_told(tmp_path: Any) -> None:
    rows = make_rows(2, numbers={features.FILE_BYTES: np.array([0.0, 100])})
    (finding,) = check_sizes({"val": rows}, profile(make_rows(9)), GateOptions().size)
    assert finding.ids == ("row-0",)
    assert np.isfinite(finding.measured)


def test_formats_and_scripts_that_are_new_are_told() -> None:
    accepted = {"train": profile(make_rows(4)), "val": profile(make_rows(1, formats=["GIF"]))}
    rows = make_rows(4, formats=["PNG", "GIF", "WEBP", "PNG"], texts=["a", "b", "c", "я"])
    found = {f.rule: f for f in check_new_values({"val": rows}, accepted, GateOptions())}
    assert {rule: finding.ids for rule, finding in found.items()} == {
        "new_format": ("row-2",),
        "new_script": ("row-3",),
    }
    assert "'WEBP' (1 rows) not in the last accepted data, which has GIF, PNG" in found["new_format"].message
    tolerant = GateOptions(new_format={"max": 0.25}, new_script={"max": 0.25})
    assert list(check_new_values({"val": rows}, accepted, tolerant)) == []


def test_words_that_one_group_has_alone_are_expected_to_be_unknown() -> None:
    rows = make_rows(4, texts=["red cup", "red mug", "red jug", "jug"], groups=["1", "2", "3", "3"])
    vocabulary = build_vocabulary(rows, TextOptions())
    assert vocabulary.words == {"red", "cup", "mug", "jug"}
    # cup, mug and twice jug occur in one group only: four of seven words.
    assert vocabulary.singleton_share == pytest.approx(4 / 7)


def test_without_words_nothing_is_unknown() -> None:
    vocabulary = build_vocabulary(make_rows(3, texts=["...", "!", "?"]), TextOptions())
    assert vocabulary.singleton_share is None
    rows = {"val": make_rows(2, texts=["a word", "..."])}
    assert list(check_vocabulary(rows, vocabulary, vocabulary.singleton_share, VocabularyRule())) == []
    assert list(check_vocabulary({"val": make_rows(1, texts=["!"])}, vocabulary, 0.1, VocabularyRule())) == []


def test_unknown_words_are_told_with_the_rows_that_have_most() -> None:
    known = build_vocabulary(make_rows(3), TextOptions(ngrams=(1, 3), min_df=3))
    rows = make_rows(90, texts=["text text", "text zig", "zig zag"] * 30)
    (finding,) = check_vocabulary({"test": rows}, known, 0.1, VocabularyRule())
    assert finding.measured == 0.5
    assert finding.ids == tuple(f"row-{n}" for n in range(2, 60, 3))
    assert "50.0% of the words are unknown to 'train' (zig, zag), 10.0% were to be expected" in finding.message
