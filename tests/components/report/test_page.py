"""The report shows what it is told, escapes all text, and loads nothing."""

from __future__ import annotations

import base64
import csv
import io
import math
import re
from dataclasses import replace
from typing import Any

import pytest

from diptych.components.report import page, report_data
from diptych.components.report.comparison import render_comparison
from diptych.components.report.report_data import FeatureStatistics, Numbers, Strings
from tests.components.report.made_reports import EVIL, Bucket, Contents, Tags, bad, good, numbers, of_each, row_facts


def report_of(make: Any) -> str:
    return page.render(make())


def comparison_of(make: Any) -> str:
    return render_comparison(("a", make()), (EVIL, bad()))


@pytest.fixture(params=[report_of, comparison_of], ids=["report", "comparison"], scope="module")
def pages(request: Any) -> list[str]:
    return [request.param(make) for make in (good, bad, lambda: Contents("nothing"))]


def test_nothing_is_loaded_or_run(pages: list[str]) -> None:
    for text in pages:
        tags = Tags(text).found
        assert not {"script", "iframe", "object", "base", "form"} & {tag for tag, _ in tags}
        attributes = [(name, value or "") for _, of_tag in tags for name, value in of_tag.items()]
        assert not [name for name, _ in attributes if name.startswith("on")]
        loaded = [value for name, value in attributes if name in ("src", "href", "xlink:href", "srcset", "poster")]
        assert loaded
        allowed = ("#", "data:image/webp;base64,", "data:text/csv;", "data:,")
        assert all(value.startswith(allowed) for value in loaded)


def test_no_address_stands_in_the_page(pages: list[str]) -> None:
    for text in pages:
        for word in ("http://", "https://", "@import", "url("):
            assert word not in text


def test_all_text_is_escaped(pages: list[str]) -> None:
    _, hostile, _ = pages
    assert "<script" not in hostile
    assert "<img src=x" not in hostile
    # Between tags a quotation mark is one; within a tag it would end the value.
    assert not re.search(r'<[^>]*" onload="', hostile)
    assert hostile.count("&lt;script&gt;") >= 14


def test_every_link_has_its_target(pages: list[str]) -> None:
    for text in pages:
        tags = Tags(text).found
        targets = {of_tag["id"] for _, of_tag in tags if "id" in of_tag}
        links = {(of_tag.get("href") or "")[1:] for tag, of_tag in tags if tag == "a"}
        assert {link for link in links if not link.startswith("ata:")} <= targets
        assert len(targets) == sum("id" in of_tag for _, of_tag in tags)


def test_every_image_has_a_text(pages: list[str]) -> None:
    for text in pages:
        assert all(of_tag.get("alt") is not None for tag, of_tag in Tags(text).found if tag == "img")


def test_a_good_run_says_so() -> None:
    text = page.render(good())
    assert ">Blessed<" in text
    assert "accuracy 0.9257 reaches 0.8971" in text
    assert "12,000 rows = 12,000 examples + 0 rejects" in text
    for said in ("No row was rejected.", "No split has any.", "Nothing was found.", "Nothing is odd."):
        assert said in text
    assert "Last blessed" not in text
    assert "+2.9" in text


def test_a_bad_run_says_so() -> None:
    text = page.render(bad())
    assert ">Not blessed<" in text
    assert ">Stopped by the data gate<" in text
    assert "1,000 rows = 880 examples + 120 rejects" in text
    assert text.index(">not_an_image<") < text.index(">missing_file<")
    assert "and 99 more in rejects.jsonl" in text
    assert "1,234" in text
    assert text.index("stops the run") < text.index(">warns<")
    assert "Last blessed model" in text
    assert "−25.0" in text


def test_a_run_that_came_to_nothing_has_a_page() -> None:
    text = page.render(Contents("nothing", failure="ImageTextExampleGen failed: no", missing={"examples": "not there"}))
    assert "ImageTextExampleGen failed: no" in text
    assert "No images: not there." in text


def test_what_to_look_at_first_comes_worst_first() -> None:
    found = page.look_first(replace(bad(), failure="it failed"))
    kinds = [hint.kind for hint in found]
    assert kinds == sorted(kinds)
    assert found[0].text == "it failed"
    told = " ".join(hint.text for hint in found)
    assert "1 group of equal images in several splits" in told
    assert "120 rows (12.0%) rejected, most for not_an_image" in told
    assert page.look_first(good()) == []


def test_findings_say_what_was_measured() -> None:
    finding = report_data.Finding(
        rule="drift",
        severity="warn",
        feature="image/brightness",
        split="train",
        measured=0.412,
        formula="Jensen-Shannon divergence",
        threshold=0.3,
        message="it drifted",
        ids=["row-1", "row-2"],
    )
    text = page.render(replace(good(), verdict=report_data.Verdict(passed=True, findings=[finding])))
    for part in (
        "drift",
        "image/brightness",
        "0.412",
        "0.3",
        "Jensen-Shannon divergence",
        "it drifted",
        "row-1, row-2",
    ):
        assert part in text


def test_findings_of_either_spelling_are_read() -> None:
    found = report_data.Verdict.model_validate({"passed": False, "findings": [{"stops": True, "message": "m"}]})
    assert [(f.severity, f.rule) for f in found.findings] == [("stop", "finding")]


def test_drift_is_drawn_where_the_last_accepted_data_is_known() -> None:
    told = replace(
        good(),
        reference={
            "image/brightness": numbers(2),
            "image/phash": numbers(1),
            "label": good().statistics["label"]["val"],
        },
        verdict=report_data.Verdict(
            passed=True, findings=[report_data.Finding(rule="drift", feature="label", message="m")]
        ),
    )
    drawn = page.drift_charts(told)
    assert [feature for feature, _ in drawn] == ["label", "image/brightness"]
    assert all("accepted" in svg for _, svg in drawn)


def test_the_rejects_can_be_downloaded_from_the_page() -> None:
    uri = page.rejects_csv(bad().rejects)
    content = base64.b64decode(uri.partition(",")[2]).decode()
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["row"] for row in rows] == ["1234", "7"]
    assert rows[0]["detail"] == EVIL
    assert rows[1]["detail"] == "'=HYPERLINK(1)"
    assert Tags(page.render(bad())).found
    assert 'download="rejects.csv"' in page.render(bad())


def test_a_download_of_many_rejects_leaves_room_for_the_rest() -> None:
    row = report_data.RejectedRow(row=1, reason="corrupt", detail="x" * 300)
    assert len(page.rejects_csv([row] * 10_000)) < 1_000_000


@pytest.mark.parametrize(
    ("show", "value", "shown"),
    [
        (page.count, 1234567, "1,234,567"),
        (page.count, 350.0, "350"),
        (page.count, None, "–"),
        (page.figure, 195.98329, "196"),
        (page.figure, 0.0123456, "0.01235"),
        (page.figure, 19584.2, "19,584"),
        (page.figure, -3.38e18, "-3.38e+18"),
        (page.figure, 0, "0"),
        (page.figure, math.nan, "–"),
        (page.percent, 0.92571, "92.6%"),
        (page.percent, 0.0001, "<0.1%"),
        (page.percent, 0.0, "0.0%"),
        (page.percent, None, "–"),
        (page.points, -0.0042, "−0.4"),
        (page.points, 0.02857, "+2.9"),
        (page.points, -1e-9, "0.0"),
    ],
)
def test_numbers_read_well(show: Any, value: float | None, shown: str) -> None:
    assert show(value) == shown


def test_features_with_nothing_to_draw_share_a_table() -> None:
    def constant(_: int) -> FeatureStatistics:
        return FeatureStatistics(4, 0, numbers=Numbers(8, 0, 8, 8, 8, (Bucket(8, 8, 4),)))

    statistics = {
        "image/width": of_each(constant),
        # TFDV's sketch of many values counts some of them more than once.
        "id": of_each(lambda n: FeatureStatistics(4, 0, strings=Strings(4, {f"a{n}": 3, f"b{n}": 1}))),
        "image/format": of_each(lambda n: FeatureStatistics(2, 0, strings=Strings(1, {"PNG": 2}))),
        "image/phash": of_each(numbers),
        "image/brightness": of_each(numbers),
        "group": of_each(lambda n: FeatureStatistics(3, 0, strings=Strings(2, {"a": 2, "b": 1}))),
        "empty": of_each(lambda n: FeatureStatistics(0, 3)),
    }
    notes = {row.feature: row.note for row in page.plain_rows(statistics)}
    assert notes == {
        "image/width": "always 8",
        "id": "no value occurs twice in a split",
        "image/format": "always PNG",
        "image/phash": "a hash",
        "empty": "no value",
    }


def test_values_come_by_their_frequency_in_train() -> None:
    splits = {
        "train": FeatureStatistics(10, 0, strings=Strings(2, {"a": 6, "b": 4})),
        "val": FeatureStatistics(20, 0, strings=Strings(30, {"c": 15, "b": 5})),
    }
    found = page.shares("label", splits, 2)
    assert [row.value for row in found.rows] == ["a", "b"]
    assert found.rows[0].counts == {"train": 6, "val": None}  # beyond the thousand values that TFDV counts
    assert found.left == 1
    assert found.most == 0.6
    assert found.share(found.rows[1], "val") == 0.25


def test_slices_come_worst_first() -> None:
    slices = {
        "": {"accuracy": 0.1, "examples": 9},
        "b": {"accuracy": 1.0, "examples": 5},
        "a": {"accuracy": 1.0, "examples": 6},
        "c": {"accuracy": 0.5, "examples": 1},
    }
    rows = page.slice_rows(slices, {"c": {"accuracy": 0.25}})
    assert [row.name for row in rows] == ["c", "a", "b"]
    assert [row.last_blessed for row in rows] == [0.25, None, None]


def test_a_network_gains_where_its_calibration_error_falls() -> None:
    network, last = {"accuracy": 0.9, "calibration_error": 0.01}, {"accuracy": 0.8, "calibration_error": 0.05}
    _, compared = page.models(network, {}, last, {})
    assert all(page.better(metric, gain) for metric, gain in compared.gains.items())
    assert not page.better("calibration_error", 0.01)


def test_of_many_labels_those_most_confused_are_drawn() -> None:
    counts = {f"l{n:02}": {f"l{n:02}": 9, f"l{n ^ 1:02}": n // 2} for n in range(50)}
    labels = page.confused_labels(counts)
    assert len(labels) == 30
    assert {"l49", "l48"} <= set(labels)
    assert "l00" not in labels


def test_two_runs_are_told_apart() -> None:
    text = render_comparison(("runs/a", good()), ("runs/b", replace(bad(), facts=row_facts("x"))))
    assert "runs/a" in text and "runs/b" in text
    assert "−11,000" in text
    assert "rejects: missing_file" in text
    assert "Only in A: bad, good" in text
    assert re.search(
        r"Accuracy</td><td class=\"n\">92.6%</td><td class=\"n\">50.0%</td><td class=\"n bad-text\">−42.6", text
    )
