"""The page about two runs says which figure is of which run."""

from __future__ import annotations

import re
from dataclasses import replace

from diptych.components.report.comparison_page import render_comparison
from tests.components.report.report_fixtures import good_data, hostile_data, make_profile


def test_two_runs_are_told_apart() -> None:
    text = render_comparison(("runs/a", good_data()), ("runs/b", replace(hostile_data(), profile=make_profile("x"))))
    assert "runs/a" in text and "runs/b" in text
    assert "−11,000" in text
    assert "rejects: missing_file" in text
    assert "Only in A: bad, good" in text
    assert re.search(
        r"Accuracy</td><td class=\"n\">92.6%</td><td class=\"n\">50.0%</td><td class=\"n bad-text\">−42.6", text
    )
