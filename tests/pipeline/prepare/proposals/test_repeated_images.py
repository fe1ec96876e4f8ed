"""When init says that rows of one image are examples of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.repeated_images import propose_repeated_images
from tests.pipeline.prepare.proposals.evidence import evidence_of_rows

BOX = {"xmin": 1, "ymin": 2, "xmax": 30, "ymax": 31}


def proposed(folder: Path, rows: list[dict[str, Any]], **options: Any) -> list[Decision]:
    return propose_repeated_images(evidence_of_rows(folder, rows, columns={"description": None}, **options))


def test_rows_of_one_image_with_different_labels_are_said(tmp_path: Path) -> None:
    rows = [{"image": "1.jpg", "label": "cat"}, {"image": "1.jpg", "label": "dog"}, {"image": "2.jpg", "label": "cat"}]
    (decision,) = proposed(tmp_path, rows)
    assert (decision.key, decision.value) == ("data.several_labels", False)
    assert decision.reason == (
        "the first 3 rows name 2 images, 1 of them with different labels; each row is an example of one label"
    )
    assert decision.alternatives == [
        "data.several_labels: true, once each image has one row with the list of its labels, as in COCO's JSON"
    ]


def test_rows_far_from_one_another_in_a_sample_are_compared(tmp_path: Path) -> None:
    rows = [{"image": f"{place // 2}.jpg", "label": ("cat", "dog")[place % 2]} for place in range(5000)]
    (decision,) = proposed(tmp_path, rows)
    assert decision.reason.startswith("the first 2,000 rows name 1,000 images, 1,000 of them with different labels")


def test_boxes_of_one_label_are_said(tmp_path: Path) -> None:
    (decision,) = proposed(tmp_path, [{"image": "1.jpg", "label": "cat", **BOX}] * 2)
    assert decision.reason == (
        "the first 2 rows name 1 image; xmin, ymin, xmax, ymax are the columns of boxes; each row is an example of one "
        "label"
    )


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ([{"label": "cat", **BOX}, {"label": "dog", **BOX}], {}),
        ([{"image": "1.jpg", "label": "cat"}] * 2, {}),
        ([{"image": "1.jpg", "label": ["cat"]}, {"image": "1.jpg", "label": ["dog"]}], {"several_labels": True}),
        ([{"image": "1.jpg"}], {}),
    ],
)
def test_other_rows_are_not_said(tmp_path: Path, rows: list[dict[str, Any]], options: dict[str, Any]) -> None:
    assert proposed(tmp_path, rows, **options) == []
