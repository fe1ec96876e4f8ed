"""``diptych check`` of a catalogue takes the settings that a run of it would take, and writes none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diptych.pipeline.prepare.check_settings import find_settings
from diptych.pipeline.prepare.run_settings import SETTINGS_FILE, keep_settings, run_folder_of
from diptych.pipeline.settings import SettingsError
from tests.helpers import write_catalogue, write_image


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    rows = [{"file": f"{n}.png", "text": f"a text about {n}", "class": "ab"[n % 2]} for n in range(6)]
    for number in range(6):
        write_image(tmp_path / "shop" / f"{number}.png", number)
    return write_catalogue(tmp_path / "shop", rows).catalogue


def test_settings_are_decided_and_nothing_is_written(catalogue: str, tmp_path: Path) -> None:
    before = sorted(os.walk(tmp_path))
    settings, said = find_settings(catalogue, ["data.seed=7"])
    assert (settings.data.catalogue, settings.data.columns.label, settings.data.seed) == (catalogue, "class", 7)
    assert any("data.columns.label" in line for line in said)
    assert said[-1].startswith(f"diptych run {catalogue} takes these settings")
    assert sorted(os.walk(tmp_path)) == before


def test_settings_that_a_run_keeps_are_taken(catalogue: str) -> None:
    folder = run_folder_of(catalogue)
    list(keep_settings(catalogue, folder))
    with open(os.path.join(folder, SETTINGS_FILE), "a", encoding="utf-8") as file:
        file.write("train: {epochs: 3}\n")
    settings, said = find_settings(catalogue, [])
    assert settings.train.epochs == 3
    assert "earlier" in said[0]


def test_a_settings_file_is_read_as_it_is(catalogue: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: mine\ndata: {catalogue: shop/catalogue.csv}\n")
    settings, said = find_settings("a.yaml", [])
    assert (settings.name, said) == ("mine", [])
    with pytest.raises(SettingsError):
        find_settings("none.yaml", [])
