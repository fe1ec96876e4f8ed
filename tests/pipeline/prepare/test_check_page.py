"""The page of ``diptych check`` shows rows as the model would get them, and is bounded."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.models.images.options import ImageOptions
from diptych.pipeline.prepare.check import CheckResult, check_catalogue
from diptych.pipeline.prepare.check_page import make_check_page, write_check_page
from diptych.pipeline.settings import Settings
from tests.helpers import as_file, write_catalogue
from tests.pipeline.prepare.odd_catalogue import write_odd_catalogue


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, CheckResult]:
    settings = write_odd_catalogue(tmp_path_factory.mktemp("odd"))
    return settings, check_catalogue(settings)


def test_each_label_has_rows_of_each_split_with_their_pictures(odd: tuple[Settings, CheckResult]) -> None:
    settings, result = odd
    page = make_check_page(result, settings, "r.jsonl")
    assert [each.label for each in page.label_rows] == ["Circle", "box", "circle", "triangle"]
    for each in page.label_rows:
        shown = Counter(row.split for row in each.rows)
        assert shown == {
            split: min(count, 12 if split == "train" else 6) for split, count in each.counts.items() if count
        }
        assert {row.label for row in each.rows} == {each.label}
        for row in each.rows:
            assert row.thumbnail
            assert (row.thumbnail.width, row.thumbnail.height) == (settings.image.width, settings.image.height)


def test_the_rows_of_an_image_under_two_labels_stand_side_by_side(odd: tuple[Settings, CheckResult]) -> None:
    settings, result = odd
    page = make_check_page(result, settings, "r.jsonl")
    (number,) = [number for number, finding in enumerate(page.findings) if finding.rule == "label_conflict"]
    (group,) = page.finding_rows[number]
    assert [row.id for row in group] == ["30.png", "31.png"]
    assert group[0].label != group[1].label
    assert group[0].thumbnail == group[1].thumbnail


def test_rejects_whose_image_is_whole_have_a_picture(odd: tuple[Settings, CheckResult]) -> None:
    settings, result = odd
    page = make_check_page(result, settings, "r.jsonl")
    assert {page.rejects[index].reason for index in page.reject_pictures} == {"missing_label", "duplicate"}


def test_the_page_escapes_the_catalogues_texts(odd: tuple[Settings, CheckResult], tmp_path: Path) -> None:
    settings, result = odd
    write_check_page(result, settings, str(tmp_path / "page.html"), "r.jsonl")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; box" in text


def test_pictures_are_as_the_model_gets_them(tmp_path: Path) -> None:
    """A wide image is padded with the background, and a transparent one is laid on it."""
    rows = []
    for number in range(30):
        wide = np.zeros((10, 40, 4), np.uint8)
        wide[:, :20] = (255, 255, 255, 255)
        wide[0, 0] = number
        (tmp_path / f"{number}.png").write_bytes(as_file(wide))
        rows.append({"image": f"{number}.png", "description": f"row {number}", "label": "ab"[number % 2]})
    image = ImageOptions(height=64, width=64, aspect="pad", background="#ff0000")
    data = write_catalogue(tmp_path, rows, splits={"train": 0.6, "val": 0.2, "test": 0.2})
    settings = Settings(name="wide", data=data, image=image)
    page = make_check_page(check_catalogue(settings), settings, "r.jsonl")
    thumbnail = page.label_rows[0].rows[0].thumbnail
    assert thumbnail
    pixels = np.asarray(Image.open(io.BytesIO(thumbnail.webp)).convert("RGB")).astype(int)
    assert pixels.shape == (64, 64, 3)
    red, white = np.array([255, 0, 0]), np.array([255, 255, 255])
    for place, colour in (((4, 32), red), ((60, 32), red), ((32, 52), red), ((32, 10), white)):
        assert np.abs(pixels[place] - colour).max() < 24, place


def test_of_many_labels_some_are_shown_and_large_images_are_shrunk(tmp_path: Path) -> None:
    rows = []
    for number in range(70):
        pixels = np.full((300, 300, 3), number, np.uint8)
        pixels[:30, :30] = np.random.default_rng(number).integers(256, size=(30, 30, 3))
        (tmp_path / f"{number}.png").write_bytes(as_file(pixels))
        rows.append({"image": f"{number}.png", "description": "t", "label": f"label {number}"})
    settings = Settings(data=write_catalogue(tmp_path, rows), image=ImageOptions(height=256, width=256))
    result = check_catalogue(settings)
    page = make_check_page(result, settings, "r.jsonl")
    assert len(page.label_rows) == 60
    sizes = {
        (row.thumbnail.width, row.thumbnail.height) for each in page.label_rows for row in each.rows if row.thumbnail
    }
    assert sizes == {(128, 128)}
    assert "here shrunk to 128" in page.stored
