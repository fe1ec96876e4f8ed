"""The evidence that proposals are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.prepare.proposals.evidence import evidence_of_rows


@pytest.mark.parametrize("count", [1, 50, 99, 1000])
def test_images_are_opened_from_all_over_the_sample(tmp_path: Path, count: int) -> None:
    for place in range(count // 2, count):
        (tmp_path / f"{place}.jpg").write_bytes(b"image")
    images = evidence_of_rows(tmp_path, [{"label": "cat"}] * count).images
    assert len(images) == min(count, 50) - min(count, 50) // 2
