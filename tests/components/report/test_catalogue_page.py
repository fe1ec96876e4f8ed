"""The page of a catalogue shows what a run would make of it, with the pictures of its rows."""

from __future__ import annotations

import re
from dataclasses import replace

from diptych.components.report.catalogue_page import render_catalogue_page
from tests.components.report.report_fixtures import catalogue_page


def test_what_stops_a_run_is_said_with_its_rows() -> None:
    text = render_catalogue_page(catalogue_page("good"))
    assert ">A run would be stopped<" in text
    assert "60 rows = 30 examples + 30 rejects" in text
    assert "split 'test' has no example" in text
    assert "and 10 more in good" in text
    assert "replace the file by a whole image" in text
    groups = re.findall(r'<div class="together">(.*?)</div>', text, re.DOTALL)
    assert [group.count("<figure") for group in groups] == [2, 1]


def test_a_quiet_catalogue_says_so() -> None:
    quiet = replace(
        catalogue_page("good"), passes=True, examples={"train": 20, "val": 10, "test": 9}, findings=[], rejects=[]
    )
    text = render_catalogue_page(quiet)
    assert ">A run would not be stopped<" in text
    for said in ("Nothing is odd.", "No row would be rejected.", "Only a run applies these rules of the gate: good"):
        assert said in text


def test_each_split_can_be_hidden_without_a_script() -> None:
    text = render_catalogue_page(catalogue_page("good"))
    for split in ("train", "val", "test"):
        assert f'<input type="checkbox" id="show-{split}" checked>' in text
        assert f"main:has(#show-{split}:not(:checked)) .label-rows .of-{split}" in text
