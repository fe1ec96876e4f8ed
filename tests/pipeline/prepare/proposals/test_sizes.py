"""The size that init proposes for the images of a catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from diptych.models.networks.choice import Machine
from diptych.pipeline.prepare.proposals import sizes
from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.sizes import propose_size
from tests.pipeline.prepare.proposals.evidence import evidence_of

PLAIN, WITH_WEIGHTS, WITH_GPU = Machine(2, False, False), Machine(2, False, True), Machine(2, True, False)
MANY = 10**9


def proposed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine, rows: int, size: tuple[int, int]
) -> list[Decision]:
    """What is decided for a catalogue of so many images, of one width and height."""
    monkeypatch.setattr(sizes, "_count_rows", lambda _: rows)
    monkeypatch.setattr(sizes, "inspect_machine", lambda: machine)
    Image.new("RGB", size).save(folder / "a.png")
    (folder / "rows.csv").write_text("image,description,label\na.png,a thing,cat\n")
    return propose_size(evidence_of(folder / "rows.csv"))


@pytest.mark.parametrize(
    ("machine", "rows", "side"),
    [
        (PLAIN, 1, 224),
        (PLAIN, 5_000, 96),
        (PLAIN, MANY, 64),
        (PLAIN._replace(cores=32), 5_000, 224),
        (WITH_WEIGHTS, 1, 224),
        (WITH_WEIGHTS, 3_000, 160),
        (WITH_WEIGHTS, MANY, 128),
        (WITH_GPU, MANY, 224),
        (WITH_GPU._replace(has_weights=True), MANY, 224),
    ],
)
def test_large_images_are_stored_as_large_as_the_machine_trains_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: Machine, rows: int, side: int
) -> None:
    height, width = proposed(tmp_path, monkeypatch, machine, rows, (500, 500))
    assert (height.key, height.value, width.key, width.value) == ("image.height", side, "image.width", side)


@pytest.mark.parametrize(
    ("size", "stored"),
    [
        ((33, 31), (32, 32)),
        ((95, 128), (96, 128)),
        ((100, 100), (96, 96)),
        ((9, 9), (32, 32)),
        ((500, 375), (128, 96)),
        ((2000, 100), (128, 32)),
    ],
)
def test_sides_are_the_nearest_multiples_of_32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], stored: tuple[int, int]
) -> None:
    """Width and height; the longer one is at most the limit, and the other in proportion to it."""
    height, width = proposed(tmp_path, monkeypatch, WITH_WEIGHTS, MANY, size)
    assert (width.value, height.value) == stored


def test_the_reason_says_what_limits_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = "the images are 500 wide and 500 high in the median"
    height, _ = proposed(tmp_path, monkeypatch, PLAIN, MANY, (500, 500))
    assert height.reason == f"{images}; larger ones may train for more than 10 minutes on 2 cores (1,000,000,000 rows)"
    height, _ = proposed(tmp_path, monkeypatch, WITH_WEIGHTS, MANY, (500, 500))
    assert height.reason == f"{images}; larger ones would be more than 300 MB of pixels (1,000,000,000 rows)"
    height, _ = proposed(tmp_path, monkeypatch, WITH_WEIGHTS, 1000, (500, 500))
    assert height.reason == f"{images}; ImageNet's weights are of a network for that size"
    height, _ = proposed(tmp_path, monkeypatch, WITH_GPU, MANY, (100, 100))
    assert height.reason == "the images are 100 wide and 100 high in the median"
