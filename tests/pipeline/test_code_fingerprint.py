"""Fingerprints of code."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.pipeline.code_fingerprint import code_fingerprint


def test_a_changed_line_changes_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "digested"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = code_fingerprint("digested")
    code_fingerprint.cache_clear()
    assert code_fingerprint("digested") == before
    (package / "part.py").write_text("x = 2\n")
    code_fingerprint.cache_clear()
    assert code_fingerprint("digested") != before
