"""Thumbnails show the stored images, and of rejected rows only images that are safe to decode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diptych.components.report.report_data import RejectedRow
from diptych.components.report.thumbnails import make_reject_thumbnails, make_thumbnails
from diptych.models.images.options import ImageOptions
from tests.helpers import SMALL, as_file, noise, record_values, write_image, write_records


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_pictures_are_the_stored_images(tmp_path: Path, encoding: Any) -> None:
    options = SMALL.model_copy(update={"encoding": encoding})
    flat = np.zeros((SMALL.height, SMALL.width, 3), np.uint8) + np.array([200, 30, 60], np.uint8)
    stored = as_file(flat) if encoding == "png" else flat.tobytes()
    write_records(tmp_path / "Split-val" / "x", [record_values(0), record_values(1, image=stored)])
    found = make_thumbnails(str(tmp_path), {"val": [1, 1]}, options)
    assert list(found) == [("val", 1)]
    (tmp_path / "x.webp").write_bytes(found["val", 1].webp)
    # WebP is lossy.
    np.testing.assert_allclose(np.asarray(Image.open(tmp_path / "x.webp")), flat, atol=4)


def test_large_images_become_small_ones(tmp_path: Path) -> None:
    write_records(tmp_path / "Split-val" / "x", [record_values(1, image=noise(1, 100, 200).tobytes())])
    picture = make_thumbnails(str(tmp_path), {"val": [0]}, ImageOptions(height=100, width=200))["val", 0]
    assert (picture.width, picture.height) == (96, 48)


def test_rejected_rows_show_their_image_where_it_was_not_what_was_wrong(tmp_path: Path) -> None:
    root = tmp_path / "images"
    write_image(root / "good.png", 1)
    write_image(tmp_path / "outside.png", 1)
    (root / "text.png").write_text("no image")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    reasons = [
        ("unknown_label", "good.png"),
        ("corrupt", "good.png"),
        ("unknown_label", "text.png"),
        ("unknown_label", "../outside.png"),
        ("unknown_label", str(tmp_path / "outside.png")),
        ("unknown_label", "link.png"),
        ("unknown_label", "absent\0.png"),
        ("unknown_label", ""),
        ("unknown_label", "good.png"),
    ]
    rows = [RejectedRow(row=n, reason=reason, image=image) for n, (reason, image) in enumerate(reasons)]
    assert sorted(make_reject_thumbnails(rows, str(root), 9)) == [0, 8]
    assert sorted(make_reject_thumbnails(rows, str(root), 1)) == [0]
