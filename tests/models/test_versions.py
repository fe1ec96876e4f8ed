"""The newest of folders named by numbers."""

from __future__ import annotations

from pathlib import Path


def test_the_newest_has_the_greatest_number(tmp_path: Path) -> None:
    from diptych.models.versions import newest

    assert newest(str(tmp_path / "absent")) is None
    assert newest(str(tmp_path)) is None
    for name in ("9", "10", "tmp", "10.old", "accepted"):
        (tmp_path / name).mkdir()
    assert newest(str(tmp_path)) == str(tmp_path / "10")
