"""The demo's descriptions come from the image alone."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from diptych.pipeline.demo.digits import describe_digit, write_digits_catalogue


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(write_digits_catalogue(str(tmp_path_factory.mktemp("demo"))))


def drawing(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    image = Image.new("L", (32, 32), 255)
    for box in boxes:
        ImageDraw.Draw(image).ellipse(box, outline=0, width=3)
    return np.asarray(image)


def test_every_digit_has_a_row_and_an_image(demo: Path) -> None:
    with demo.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1797
    assert {row["label"] for row in rows} == {f"digit {digit}" for digit in range(10)}
    assert all((demo.parent / row["image"]).is_file() for row in rows)


def test_a_description_can_be_told_from_the_file_alone(demo: Path) -> None:
    with demo.open() as file:
        rows = list(csv.DictReader(file))
    for row in rows[::100]:
        assert row["description"] == describe_digit(np.asarray(Image.open(demo.parent / row["image"])))
        assert "digit" not in row["description"]


def test_writing_again_changes_no_byte(demo: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in demo.parent.rglob("*") if path.is_file()}

    before = contents()
    damaged, kept = (demo.parent / "images" / f"digit-{number:04d}.png" for number in (7, 8))
    damaged.write_bytes(b"damaged")
    time = kept.stat().st_mtime_ns
    write_digits_catalogue(str(demo.parent))
    assert contents() == before
    assert kept.stat().st_mtime_ns == time


def test_loops_are_counted_and_placed() -> None:
    assert "two closed loops" in describe_digit(drawing((8, 2, 22, 15), (8, 15, 22, 29)))
    assert "one closed loop high" in describe_digit(drawing((8, 2, 22, 15)))
    assert "one closed loop low" in describe_digit(drawing((8, 17, 22, 30)))
    assert "no closed loop" in describe_digit(255 - 255 * np.eye(32, dtype=np.uint8))


def test_slant_tells_left_from_right() -> None:
    falling = 255 - 255 * np.eye(32, dtype=np.uint8)
    assert "leaning to the left" in describe_digit(falling)
    assert "leaning strongly to the right" in describe_digit(falling[:, ::-1])


def test_an_empty_sheet_is_described() -> None:
    assert describe_digit(np.full((32, 32), 255, np.uint8)) == "An empty sheet without any stroke."
