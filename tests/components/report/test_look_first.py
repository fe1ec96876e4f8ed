"""What to look at first is one list over everything, the worst first, and each item shows some of its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diptych.components.report.look_first import MAX_PICTURES, list_items
from diptych.components.report.page import make_environment, render_report
from diptych.components.report.report_data import (
    DisplayedRow,
    Finding,
    PredictionSummary,
    ReportData,
    SuspiciousLabels,
    Verdict,
)
from tests.components.report.report_fixtures import HOSTILE, good_data, hostile_data, make_profile, make_row


def finding(rule: str, severity: Any = "warn") -> Finding:
    return Finding(rule=rule, severity=severity, message=f"about {rule}")


def row(row_id: str, label: str = "a", note: str = "") -> DisplayedRow:
    return DisplayedRow(row_id, "train", label, "", note)


def with_findings(*findings: Finding, **changes: Any) -> ReportData:
    return replace(good_data(), verdict=Verdict(passed=True, findings=list(findings)), **changes)


def test_of_a_run_without_faults_there_is_nothing_to_look_at() -> None:
    assert list_items(good_data()) == []
    assert list_items(replace(good_data(), suspicious=SuspiciousLabels())) == []


def test_the_worst_comes_first_then_leaks_labels_weak_classes_drift_and_rejects() -> None:
    data = with_findings(
        *map(finding, ("rejects", "drift", "label_rare", "label_conflict", "duplicates")),
        finding("anomaly", "stop"),
        failure="it failed",
        suspicious=SuspiciousLabels(["x"], [row("x", "a", "b 97%")]),
        per_label={"a": {"f1": 0.5, "support": 4}},
    )
    items = list_items(data)
    assert [item.level for item in items] == ["bad"] * 2 + ["warn"] * 7
    words = ["it failed", "anomaly", "duplicates", "label_conflict", "contradicts", "poorly", "label_rare", "drift"]
    assert all(word in item.text for word, item in zip([*words, "rejects"], items, strict=True))
    assert [item.section for item in items[4:6]] == ["suspicious", "model"]


def test_the_rows_of_a_finding_are_shown_with_their_labels_but_not_all() -> None:
    rows = [[row("1", "a"), row("2", "b")], *([row(str(n))] for n in range(3, 20))]
    (item,) = list_items(with_findings(finding("label_conflict"), finding_rows={0: rows}))
    assert [(each.id, each.note) for each in item.rows[:2]] == [("1", "a"), ("2", "b")]
    assert len(item.rows) == MAX_PICTURES


def test_many_findings_are_summed_up() -> None:
    items = list_items(with_findings(*[finding("skew")] * 6, finding("size"), finding("size")))
    assert len(items) == 7
    assert items[-1].text == "2 more findings of the data gate: size"


def test_what_the_gate_says_is_not_said_twice() -> None:
    data = replace(hostile_data(), profile=make_profile("a"), decision=None, per_label={})
    texts = [item.text for item in list_items(replace(data, verdict=None))]
    assert any("1 group of equal images in several splits" in text for text in texts)
    assert any("120 rows (12.0%) rejected, most for not_an_image" in text for text in texts)
    assert any("groups are in several splits: a" in text for text in texts)
    verdict = Verdict(passed=True, findings=[finding("rejects"), finding("straddling")])
    texts = [item.text for item in list_items(replace(data, verdict=verdict, failure=""))]
    assert texts == ["about straddling", "about rejects"]


def test_suspicious_labels_name_the_surest_and_show_what_is_given_and_suggested() -> None:
    displayed = [row(str(n), "cat", "dog 97%") for n in range(9)]
    (item,) = list_items(replace(good_data(), suspicious=SuspiciousLabels([*map(str, range(40))], displayed)))
    assert item.text == "40 rows whose label the linear baseline contradicts: surest '0', given 'cat', rather dog 97%"
    assert [each.note for each in item.rows] == ["cat → dog 97%"] * MAX_PICTURES


def test_weak_labels_that_cost_most_are_named_with_their_mistakes() -> None:
    per_label = {
        "good": {"f1": 0.9, "support": 50},
        "once": {"f1": 0.0, "support": 1},
        "half": {"f1": 0.5, "support": 40},
        "rare": {"f1": 0.6, "support": 10},
        "some": {"f1": 0.7, "support": 9},
        "unseen": {"f1": 0.0, "support": 0},
    }
    mistakes = [row("1", "good", "half 99%"), row("2", "half", "good 98%"), row("3", "once", "half 97%")]
    data = replace(good_data(), per_label=per_label, predictions=PredictionSummary(9, [], mistakes))
    (item,) = list_items(data)
    assert item.text == (
        "4 of 5 labels are learned poorly (F1 below 80%), those that cost most are: 'half' 50.0% of 40 rows, "
        "'rare' 60.0% of 10 rows, 'some' 70.0% of 9 rows"
    )
    assert [(each.id, each.note) for each in item.rows] == [("2", "half → good 98%")]


@pytest.mark.parametrize("macro", ["look_first", "suspicious_labels"])
def test_hostile_texts_are_escaped(macro: str) -> None:
    suspicious = SuspiciousLabels([HOSTILE], [make_row(HOSTILE)])
    data = replace(hostile_data(), suspicious=suspicious)
    call = "look_first(items)" if macro == "look_first" else "suspicious_labels(suspicious, true)"
    template = make_environment().from_string(f"{{% from 'look_first.html' import {macro} %}}{{{{ {call} }}}}")
    text = template.render(items=list_items(data), suspicious=suspicious)
    assert "&lt;script&gt;" in text
    assert "<script" not in text and "<img src=x" not in text
    assert "data:image/webp;base64," in text


def test_the_page_links_each_item_to_its_section() -> None:
    data = with_findings(
        *map(finding, ("rejects", "duplicates")),
        failure="it failed",
        suspicious=SuspiciousLabels(["x"], [row("x", "a", "b 97%")]),
        per_label={"a": {"f1": 0.5, "support": 4}},
        profile=make_profile("a"),
    )
    text = render_report(data)
    for item in list_items(data):
        assert f'href="#{item.section}"' in text
        assert f'id="{item.section}"' in text
    assert ">Nothing is odd.<" in render_report(good_data())
    assert "contradicts no label" in render_report(replace(good_data(), suspicious=SuspiciousLabels()))
    assert 'id="suspicious"' not in render_report(good_data())
