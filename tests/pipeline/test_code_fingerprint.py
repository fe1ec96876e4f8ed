"""Fingerprints of code."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.pipeline.code_fingerprint import code_fingerprint


@pytest.mark.parametrize("file", ["part.py", "templates/page.html"])
def test_a_changed_line_changes_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    name = f"digested_{Path(file).stem}"
    package = tmp_path / name
    (package / file).parent.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / file).write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    code_fingerprint.cache_clear()
    before = code_fingerprint(name)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "part.cpython-310.pyc").write_bytes(b"of no matter")
    code_fingerprint.cache_clear()
    assert code_fingerprint(name) == before
    (package / file).write_text("x = 2\n")
    code_fingerprint.cache_clear()
    assert code_fingerprint(name) != before
