"""Pictures of chosen rows, wherever they lie in a catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers import rows as reader_rows
from diptych.pipeline.prepare.pictures import RowOrigin, read_pictures
from tests.helpers import SMALL, write_catalogue, write_image


def test_the_wanted_rows_have_pictures_and_broken_ones_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_rows, "ROWS_PER_CHUNK", 4)
    rows = []
    for number in range(11):
        write_image(tmp_path / f"{number}.png", number)
        rows.append({"image": f"{number}.png", "description": "", "label": ""})
    (tmp_path / "9.png").write_bytes(b"no image")
    catalogue = Catalogue.open(write_catalogue(tmp_path, rows))
    origins = {number: RowOrigin("catalogue.csv", number + 1, f"{number}.png") for number in (0, 3, 4, 9, 10)}
    elsewhere = {RowOrigin("other.csv", 2, "1.png"), RowOrigin("catalogue.csv", 2, "other.png")}
    found = read_pictures(catalogue, SMALL, {*origins.values(), *elsewhere})
    assert set(found) == {origins[number] for number in (0, 3, 4, 10)}
    assert len({picture.webp for picture in found.values()}) == 4
