"""Labels that format, size or bytes of the files tell are found by a tree of them, and others are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from diptych.components.data_gate.file_model import check_label_from_file
from diptych.components.data_gate.options import LabelFromFileRule
from diptych.components.data_gate.split_rows import SplitRows
from diptych.models import features
from tests.components.data_gate.rows import make_rows

RULE = LabelFromFileRule()


def rows(count: int, seed: int = 0) -> SplitRows:
    """Rows of three labels in turn, whose files have sizes and numbers of bytes of chance."""
    numbers = np.random.default_rng(seed)
    made = make_rows(count, labels=["abc"[n % 3] for n in range(count)], groups=[f"{seed}-{n}" for n in range(count)])
    measured = {
        features.WIDTH: numbers.integers(100, 200, count).astype(float),
        features.HEIGHT: numbers.integers(100, 200, count).astype(float),
        features.FILE_BYTES: numbers.integers(5_000, 50_000, count).astype(float),
    }
    return replace(made, numbers=made.numbers | measured)


def is_a(of: SplitRows) -> np.ndarray:
    return np.array([labels == ("a",) for labels in of.labels])


def with_number(of: SplitRows, name: str, value: float) -> SplitRows:
    """The rows, whose label ``a`` has a value that no other one has."""
    return replace(of, numbers=of.numbers | {name: np.where(is_a(of), value, of.numbers[name])})


def test_what_is_of_chance_tells_no_label() -> None:
    assert list(check_label_from_file({"train": rows(300), "test": rows(60, 1)}, RULE)) == []


def test_a_format_of_one_label_is_found() -> None:
    clean = rows(300)
    formats = ["WEBP" if a else "PNG" for a in is_a(clean)]
    (finding,) = check_label_from_file({"train": replace(clean, texts=clean.texts | {features.FORMAT: formats})}, RULE)
    assert (finding.rule, finding.severity, finding.feature) == ("label_from_file", "warn", features.FORMAT)
    assert (finding.measured, finding.threshold, finding.split) == (1, 0.9, None)
    assert "1 label can be told from the others by the format of the file alone" in finding.message
    assert "'a' 1.00" in finding.message
    assert finding.ids == tuple(np.array(clean.ids)[is_a(clean)][:20])


def test_sizes_that_one_source_has_are_found_whatever_the_format() -> None:
    (finding,) = check_label_from_file({"train": with_number(rows(300), features.WIDTH, 640)}, RULE)
    assert finding.feature == features.WIDTH
    assert "by the width and height of the image alone" in finding.message


def test_compression_that_one_source_has_is_found() -> None:
    clean = rows(300)
    pixels = clean.numbers[features.WIDTH] * clean.numbers[features.HEIGHT]
    hard = np.where(is_a(clean), 0.1 * pixels, 2 * pixels)
    (finding,) = check_label_from_file(
        {"train": replace(clean, numbers=clean.numbers | {features.FILE_BYTES: hard})}, RULE
    )
    assert finding.feature == features.FILE_BYTES


def test_properties_that_tell_together_only_are_found() -> None:
    """Either half of the sizes has either format; label ``a`` has those that go crosswise."""
    clean = rows(400)
    is_large = np.arange(400) % 2 == 0
    formats = ["WEBP" if large == a else "PNG" for large, a in zip(is_large, is_a(clean), strict=True)]
    crossed = replace(clean, texts=clean.texts | {features.FORMAT: formats})
    numbers = {features.WIDTH: np.where(is_large, 900.0, 90.0), features.HEIGHT: np.full(400, 80.0)}
    (finding,) = check_label_from_file({"train": replace(crossed, numbers=crossed.numbers | numbers)}, RULE)
    assert finding.feature is None
    assert "by format, size and bytes of the file alone" in finding.message


def test_a_label_is_named_once_and_with_what_tells_it_first() -> None:
    clean = with_number(rows(300), features.WIDTH, 640)
    formats = ["WEBP" if labels == ("b",) else "PNG" for labels in clean.labels]
    found = check_label_from_file({"train": replace(clean, texts=clean.texts | {features.FORMAT: formats})}, RULE)
    assert [(finding.feature, "'a'" in finding.message, "'b'" in finding.message) for finding in found] == [
        (features.FORMAT, False, True),
        (features.WIDTH, True, False),
        # It is the one that is left.
        (None, False, False),
    ]


def test_rows_of_several_labels_are_judged_label_by_label() -> None:
    clean = with_number(rows(300), features.WIDTH, 640)
    several = [(*labels, "d") if n % 4 else labels for n, labels in enumerate(clean.labels)]
    (finding,) = check_label_from_file({"train": replace(clean, labels=several)}, RULE)
    assert "'a' 1.00" in finding.message and "'d'" not in finding.message


@pytest.mark.parametrize("count", [0, 3, 57])
def test_of_few_rows_nothing_is_said(count: int) -> None:
    """Of 57 rows, each label has 19."""
    few = rows(count)
    formats = ["WEBP" if a else "PNG" for a in is_a(few)]
    assert (
        list(check_label_from_file({"train": replace(few, texts=few.texts | {features.FORMAT: formats})}, RULE)) == []
    )


def test_one_group_tells_nothing_of_others() -> None:
    alone = with_number(rows(300), features.WIDTH, 640)
    assert list(check_label_from_file({"train": replace(alone, groups=["one"] * 300)}, RULE)) == []


def test_nothing_is_fitted_for_a_finding_that_would_be_ignored() -> None:
    told = {"train": with_number(rows(300), features.WIDTH, 640)}
    assert list(check_label_from_file(told, LabelFromFileRule(severity="ignore"))) == []
    assert len(list(check_label_from_file(told, LabelFromFileRule(severity="stop")))) == 1
