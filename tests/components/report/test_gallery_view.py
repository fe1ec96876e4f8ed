"""The gallery's JSON says what the rows are, ends no element, and holds texts as they may be shown."""

from __future__ import annotations

import json
import math

from diptych.components.report.gallery_rows import GalleryRow, Prediction, RowGallery
from diptych.components.report.gallery_view import view_gallery
from tests.components.report.report_fixtures import HOSTILE, make_gallery_rows
from tests.hostile_texts import SECRET, acting_characters


def test_rows_are_described_in_the_order_of_their_pictures() -> None:
    view = view_gallery(make_gallery_rows("good"))
    content = json.loads(view.json)
    assert content["sheets"] == [{"width": 14, "height": 12, "pictures": 6}]
    assert content["rows"][2] == ["good 2", "test", ["other"], "good", ["good"], 0.75, []]
    assert content["rows"][0][4:] == [None, None, ["good"]]
    assert (view.splits, view.labels, view.predicted) == (["train", "val", "test"], ["good", "other"], ["good"])
    assert view.sheets[0].caption == "Rows 1 to 6, of train and val and test"


def test_hostile_texts_neither_end_the_element_nor_act() -> None:
    view = view_gallery(make_gallery_rows(HOSTILE))
    assert not set("<>&'") & set(view.json)
    assert SECRET not in view.json
    assert not acting_characters(view.json)
    assert "</script><img src=x" in json.loads(view.json)["rows"][0][2][0] + json.loads(view.json)["rows"][1][2][0]


def test_the_choices_of_the_filters_are_texts_of_the_rows() -> None:
    view = view_gallery(make_gallery_rows(HOSTILE))
    rows = json.loads(view.json)["rows"]
    assert {label for row in rows for label in row[2]} == set(view.labels)
    assert {rule for row in rows for rule in row[6]} == set(view.findings)


def test_a_score_that_is_no_number_is_none() -> None:
    row = GalleryRow("a", "test", ("x",), "", Prediction(("x",), math.nan))
    assert json.loads(view_gallery(RowGallery(1, [row], [])).json)["rows"][0][5] is None
