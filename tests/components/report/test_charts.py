"""Charts are drawn of any figures, escape all text, and follow the page's colours."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from diptych.components.report import charts
from diptych.components.report.report_data import HistogramBucket
from diptych.models.statistics.row_predictions import CalibrationBin
from tests.components.report.report_fixtures import HOSTILE

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
BUCKETS = st.lists(st.builds(HistogramBucket, NUMBERS, NUMBERS, st.floats(0, 1e9)), max_size=4)
FEW = settings(max_examples=30, deadline=None)


def parse(svg: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


@FEW
@given(BUCKETS, BUCKETS)
def test_any_histograms_can_be_drawn(first: list[HistogramBucket], second: list[HistogramBucket]) -> None:
    svg = charts.histograms({"train": first, "val": second}, "x")
    assert svg is None or parse(svg).tag == "svg"


@pytest.mark.parametrize("character", ["\0", "\x1b", "\ud800", "\uffff", "\u2028", "\u2029", "\r"])
def test_characters_that_xml_cannot_hold_do_no_harm(character: str) -> None:
    svg = charts.bars({character: {f"a{character}": 1.0}, "b": {}})
    assert svg is not None
    assert parse(svg).tag == "svg"


@FEW
@given(st.dictionaries(st.text(), st.floats(0, 1e12), min_size=1, max_size=5))
def test_any_names_can_be_drawn(values: dict[str, float]) -> None:
    svg = charts.bars({"train": values, "val": {}})
    assert svg is not None
    assert parse(svg).tag == "svg"


def test_text_in_a_chart_is_text() -> None:
    svg = charts.bars({HOSTILE[:20]: {"<b>&\"'": 1.0}})
    assert svg is not None
    assert "<b>" not in svg
    assert any("<b>&\"'" in (text.text or "") for text in parse(svg).iter("text"))


def test_colours_are_the_pages_own() -> None:
    svg = charts.bars({"train": {"a": 1.0}, "val": {"a": 2.0}})
    assert svg is not None
    assert "var(--train)" in svg and "var(--val)" in svg
    assert "http" not in svg


@pytest.mark.parametrize(
    "drawn",
    [
        charts.histograms({"train": []}, "x"),
        charts.histograms({"train": [HistogramBucket(-math.inf, 0, 3)]}, "x"),
        charts.bars({}),
        charts.sizes({(8, 8): 3}),
        charts.curves({}, "loss"),
        charts.curves({"loss": {"train": [(0, math.nan)]}}, "loss"),
        charts.calibration([]),
        charts.confusion({}, []),
    ],
)
def test_of_nothing_there_is_no_chart(drawn: Markup | None) -> None:
    assert drawn is None


def test_every_kind_of_chart_is_whole_svg() -> None:
    drawn = [
        charts.sizes({(8, 8): 3, (10, 20): 1}),
        charts.curves({"loss": {"train": [(0, 1.0), (1, 0.5)], "validation": [(0, 2.0)]}}, "loss"),
        charts.calibration([CalibrationBin(3, 0.5, 0.25)]),
        charts.confusion({"a": {"a": 3, "b": 1}, "b": {"b": 2}}, ["a", "b"]),
    ]
    assert [parse(svg).tag for svg in drawn if svg is not None] == ["svg"] * 4
