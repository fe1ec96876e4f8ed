"""The pages show their data, escape all text, and load nothing."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from diptych.components.report import report_data
from diptych.components.report.catalogue_page import CataloguePage, render_catalogue_page
from diptych.components.report.comparison_page import render_comparison
from diptych.components.report.page import render_report
from tests.components.report.comparison.compared_runs import make_comparison, make_pictures
from tests.components.report.report_fixtures import (
    HOSTILE,
    ReportData,
    TagParser,
    catalogue_page,
    good_data,
    hostile_data,
    images_alone_data,
)
from tests.hostile_texts import SECRET, acting_characters

OWN_SCRIPT = re.compile("<script>(.*?)</script>", re.DOTALL)

EMPTY = CataloguePage("nothing", "x.csv", True, 0, {}, "small", {}, {}, [], [], "", [])


def report_of(make: Any) -> str:
    return render_report(make())


def comparison_of(make: Any) -> str:
    comparison = make_comparison(make(), HOSTILE)
    return render_comparison(comparison, make_pictures(comparison))


@pytest.fixture(params=["report", "comparison", "catalogue"], scope="module")
def pages(request: Any) -> list[str]:
    """A page of good data, one of hostile data, and one of next to nothing."""
    if request.param == "catalogue":
        return [render_catalogue_page(page) for page in (catalogue_page("good"), catalogue_page(HOSTILE), EMPTY)]
    render = {"report": report_of, "comparison": comparison_of}[request.param]
    return [render(make) for make in (good_data, hostile_data, lambda: ReportData("nothing"))]


def test_nothing_is_loaded_and_only_the_pages_own_script_is_run(pages: list[str]) -> None:
    for text in pages:
        tags = TagParser(text).tags
        assert not {"iframe", "object", "base", "form"} & {tag for tag, _ in tags}
        scripts = [of_tag for tag, of_tag in tags if tag == "script"]
        assert scripts in ([], [{}], [{"type": "application/json", "id": "gallery-rows"}, {}])
        digests = [base64.b64encode(sha256(own.encode()).digest()).decode() for own in OWN_SCRIPT.findall(text)]
        assert re.findall("script-src 'sha256-(.*?)';", text) == digests
        attributes = [(name, value or "") for _, of_tag in tags for name, value in of_tag.items()]
        assert not [name for name, _ in attributes if name.startswith("on")]
        loaded = [value for name, value in attributes if name in ("src", "href", "xlink:href", "srcset", "poster")]
        assert loaded
        allowed = ("#", "data:image/webp;base64,", "data:text/csv;", "data:,")
        assert all(value.startswith(allowed) for value in loaded)


def test_no_address_stands_in_the_page(pages: list[str]) -> None:
    for text in pages:
        # The script gives the pictures of the page itself to its styles.
        own = OWN_SCRIPT.sub("", text)
        assert not [word for word in ("http://", "https://", "@import", "url(") if word in own]


def test_all_text_is_escaped(pages: list[str]) -> None:
    _, hostile, _ = pages
    assert "<script>alert" not in hostile
    assert "<img src=x" not in hostile
    # Between tags a quotation mark is one; within a tag it would end the value.
    assert not re.search(r'<[^>]*" onload="', hostile)
    assert hostile.count("&lt;script&gt;") >= 14


def test_nothing_acts_or_hides_in_a_page_and_no_key_of_a_url_stands_in_it(pages: list[str]) -> None:
    for text in pages:
        assert not acting_characters(text) - {"\n"}
        assert SECRET not in text
        text.encode()
    assert "\\u202e" in pages[1]


def test_every_link_has_its_target(pages: list[str]) -> None:
    for text in pages:
        tags = TagParser(text).tags
        targets = {of_tag["id"] for _, of_tag in tags if "id" in of_tag}
        links = {(of_tag.get("href") or "")[1:] for tag, of_tag in tags if tag == "a"}
        assert {link for link in links if not link.startswith("ata:")} <= targets
        assert len(targets) == sum("id" in of_tag for _, of_tag in tags)


def test_every_image_has_a_text(pages: list[str]) -> None:
    for text in pages:
        assert all(of_tag.get("alt") is not None for tag, of_tag in TagParser(text).tags if tag == "img")


def test_a_good_run_says_so() -> None:
    text = render_report(good_data())
    assert "Blessed: passes its thresholds" in text
    assert "accuracy 0.9257 reaches 0.8971" in text
    assert "12,000 rows = 12,000 examples + 0 rejects" in text
    for said in ("No row was rejected.", "No split has any.", "Nothing was found.", "Nothing is odd."):
        assert said in text
    assert "Last blessed" not in text
    assert "+2.9" in text


def test_a_bad_run_says_so() -> None:
    text = render_report(hostile_data())
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
    text = render_report(
        ReportData("nothing", failure="ImageTextExampleGen failed: no", missing={"examples": "not there"})
    )
    assert "ImageTextExampleGen failed: no" in text
    assert "No images: not there." in text


def test_what_was_looked_for_is_told_with_how_often_it_was_found() -> None:
    rule = report_data.GateRule(
        rule="size", looks_for="Odd files", applied=True, severity="warn", limits={"factor": 4, "near": "stop"}
    )
    others = [rule.model_copy(update={"rule": "skew"}), rule.model_copy(update={"rule": "drift", "applied": False})]
    findings = [report_data.Finding(rule="size", message="m")] * 2
    verdict = report_data.Verdict(passed=True, findings=findings, rules=[rule, *others])
    text = render_report(replace(good_data(), verdict=verdict))
    row = r'<th scope="row">(\w+)</th>.*?<span.*?>(.*?)</span></td>.*?Odd files.*?factor 4, near stop'
    assert re.findall(row, text) == [("size", "2"), ("skew", "0"), ("drift", "not looked for")]
    # Where nothing was found, it is what there is to see.
    assert "<details ><summary>What was looked for" in text
    none = render_report(replace(good_data(), verdict=verdict.model_copy(update={"findings": []})))
    assert "<details open><summary>What was looked for" in none


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
    text = render_report(replace(good_data(), verdict=report_data.Verdict(passed=True, findings=[finding])))
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


def test_of_images_alone_there_is_no_word_about_texts_and_no_empty_place() -> None:
    page = render_report(images_alone_data())
    assert 'id="text"' not in page
    assert "#text" not in page
    assert not re.search("(?<!role)description", OWN_SCRIPT.sub("", page))
    assert "linear image baseline</strong> (89.7%)" in page
    assert ">Linear image baseline</th>" in page
    assert "linear text" not in page.lower()
    assert not re.search(r"<(figcaption|p|h3|td class=\"text\")>\s*</", page)
    # The picture is named by its label, where it has no text.
    assert 'alt="kept"' in page
    assert 'title="kept, train, kept"' in page


def test_figures_have_their_intervals_and_gains_theirs() -> None:
    page = render_report(good_data())
    assert "95 % interval" in page
    assert ">89.3 to 94.9</span>" in page
    # A gain within chance is neither good nor bad.
    assert '<span class="gain soft">+2.9 <span class="range">−0.7 to +6.4</span></span>' in page
    assert '<span class="gain good-text">+12.0</span>' in page


def test_notes_are_shown() -> None:
    data = good_data()
    assert data.decision is not None
    noted = replace(data, decision=data.decision.model_copy(update={"notes": ["test has <9> rows: few"]}))
    assert "test has &lt;9&gt; rows: few" in render_report(noted)


def test_with_texts_there_is_a_section_about_them_even_if_they_cannot_be_shown() -> None:
    assert 'id="text"' in render_report(replace(good_data(), profile=None))
    assert "linear text baseline</strong> (89.7%)" in render_report(good_data())
