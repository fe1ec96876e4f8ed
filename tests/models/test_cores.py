"""The cores that a process may use are those of the system, or fewer in a container with a limit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diptych.models import cores as module


@pytest.mark.parametrize(("limit", "cores"), [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), (None, 8)])
def test_cores_are_counted_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str | None, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(module, "_CPU_LIMIT_FILE", tmp_path / "cpu.max")
    if limit:
        (tmp_path / "cpu.max").write_text(limit + "\n")
    assert module.count_cores() == cores
