"""The latest of version directories."""

from __future__ import annotations

from pathlib import Path

from diptych.models.version_directories import latest_version


def test_the_newest_has_the_greatest_number(tmp_path: Path) -> None:
    assert latest_version(str(tmp_path / "absent")) is None
    assert latest_version(str(tmp_path)) is None
    for name in ("9", "10", "tmp", "10.old", "accepted"):
        (tmp_path / name).mkdir()
    assert latest_version(str(tmp_path)) == str(tmp_path / "10")
