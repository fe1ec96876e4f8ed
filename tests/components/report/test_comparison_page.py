"""The page about two runs begins with which is better, shows what differs, and folds what is equal."""

from __future__ import annotations

import re

import pytest

from diptych.components.report.comparison.comparison import Comparison, compare_runs
from diptych.components.report.comparison_page import render_comparison
from diptych.components.report.report_data import ReportData
from tests.components.report.comparison.compared_runs import make_comparison, make_pictures, make_run
from tests.components.report.report_fixtures import TagParser, good_data


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return make_comparison(good_data(), "label x")


@pytest.fixture(scope="module")
def page(comparison: Comparison) -> str:
    return render_comparison(comparison, make_pictures(comparison))


def section(page: str, name: str) -> str:
    """A section of the page without its tags."""
    found = re.search(rf'<section aria-labelledby="{name}">(.*?)</section>', page, re.DOTALL)
    assert found
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", found[1]))


def folded(page: str) -> str:
    """What the page shows only when it is asked to."""
    return " ".join(re.findall("<details[^>]*>.*?</details>", page, re.DOTALL))


def test_the_verdict_comes_first_and_says_on_which_rows(page: str) -> None:
    header = page[page.index("<header>") : page.index("</header>")]
    assert "<strong>No difference beyond chance</strong>" in header
    assert "The test rows differ: 4 in both" in header
    assert "B label x." in header
    assert 'a <span class="soft">(blessed)</span>' in header


def test_figures_are_told_apart_by_run(page: str) -> None:
    metrics = section(page, "metrics")
    assert re.search(r"Accuracy 50\.0% [\d.]+ to [\d.]+ 50\.0% [\d.]+ to [\d.]+ 0\.0 [−+\d.]+ to [−+\d.]+", metrics)
    assert "Calibration error 4.0% 4.0% 0.0" in metrics


def test_rows_whose_prediction_changed_are_shown_with_their_pictures(page: str) -> None:
    rows = section(page, "rows")
    assert "A right, B wrong: 1 row other A: other B: label x 1 label x" in rows
    assert "A wrong, B right: 1 row other A: label x B: other 4 label x" in rows
    pictures = [tag for tag, of_tag in TagParser(page).tags if tag == "img" and of_tag["alt"] == "other"]
    assert len(pictures) == 2


def test_labels_have_rows_and_a_test(page: str) -> None:
    assert re.search(r"other [−+\d.]+ [\d.]+% [\d.]+% [−+\d.]+ 3 1 1 1", section(page, "labels"))


def test_settings_data_and_versions_that_differ_are_shown(page: str, comparison: Comparison) -> None:
    assert "kept label x x" in section(page, "settings")
    data = section(page, "data")
    assert "another label 1 5 label x" in data
    assert "another description 6 0 label x (label x → label x reworded)" in data
    assert "1 row with another label" in data
    assert "No version is known to differ." in section(page, "versions")


def test_what_is_equal_is_folded() -> None:
    same = make_run("a", settings={"kept": "same", "train": {"epochs": 5}}, data=good_data())
    page = render_comparison(compare_runs(same, same))
    assert "2 equal settings" in folded(page)
    assert "train.epochs" in folded(page)
    assert "train.epochs" not in re.sub("<details[^>]*>.*?</details>", "", page, flags=re.DOTALL)
    assert "Both are right about the same rows of every label." in page
    assert "The data are equal, record by record" in page


def test_next_to_nothing_can_be_compared_too() -> None:
    nothing = make_run("a", None, dataset=None)
    page = render_comparison(compare_runs(nothing, make_run("b", None, dataset=None, data=ReportData("b"))))
    assert "Not comparable: there are no predictions of A and B." in page
    assert "No row is predicted by both." in page
    assert "there are none of A and B" in page
