"""``diptych run`` of a catalogue: its settings are decided once, and kept with the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.pipeline.prepare.run_settings import SETTINGS_FILE, is_settings_file, keep_settings, run_folder_of
from diptych.pipeline.settings import SettingsError, load_settings
from tests.helpers import write_catalogue, write_image


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    rows = [{"file": f"{n}.png", "text": f"a text about {n}", "class": "ab"[n % 2]} for n in range(6)]
    for number in range(6):
        write_image(tmp_path / f"{number}.png", number)
    return write_catalogue(tmp_path, rows).catalogue


def test_settings_are_decided_said_and_kept(catalogue: str, tmp_path: Path) -> None:
    said = list(keep_settings(catalogue, str(tmp_path / "run")))
    kept = load_settings(str(tmp_path / "run" / SETTINGS_FILE))
    assert (kept.data.catalogue, kept.data.columns.label) == (catalogue, "class")
    assert any("data.columns.label" in line for line in said)


def test_settings_that_are_there_are_kept_as_they_are(catalogue: str, tmp_path: Path) -> None:
    list(keep_settings(catalogue, str(tmp_path / "run")))
    file = tmp_path / "run" / SETTINGS_FILE
    file.write_text(edited := file.read_text() + "train: {epochs: 3}\n")
    (said,) = keep_settings(catalogue, str(tmp_path / "run"))
    assert "earlier" in said
    assert file.read_text() == edited


def test_settings_of_another_catalogue_are_not_taken(catalogue: str, tmp_path: Path) -> None:
    list(keep_settings(catalogue, str(tmp_path / "run")))
    with pytest.raises(SettingsError, match="name another folder"):
        list(keep_settings(str(tmp_path / "other.csv"), str(tmp_path / "run")))


def test_what_is_no_catalogue_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no file"):
        list(keep_settings(str(tmp_path / "none.csv"), str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("path", "is_settings", "folder"),
    [
        ("diptych.yaml", True, None),
        ("a/b.YML", True, None),
        ("shop/catalogue.csv", False, "runs/shop"),
        ("pets/", False, "runs/pets"),
        ("s3://bucket/pets/part-*.parquet", False, "runs/pets"),
    ],
)
def test_a_path_names_settings_or_a_catalogue(path: str, is_settings: bool, folder: str | None) -> None:
    assert is_settings_file(path) == is_settings
    assert folder is None or run_folder_of(path) == folder
