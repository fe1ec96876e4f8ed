"""Highlights name what is bad or suspicious, bad things first."""

from __future__ import annotations

from dataclasses import replace

from diptych.components.report.highlights import find_highlights
from tests.components.report.report_fixtures import good_data, hostile_data


def test_what_to_look_at_first_comes_worst_first() -> None:
    found = find_highlights(replace(hostile_data(), failure="it failed"))
    levels = [highlight.level for highlight in found]
    assert levels == sorted(levels)
    assert found[0].text == "it failed"
    texts = " ".join(highlight.text for highlight in found)
    assert "1 group of equal images in several splits" in texts
    assert "120 rows (12.0%) rejected, most for not_an_image" in texts
    assert find_highlights(good_data()) == []
