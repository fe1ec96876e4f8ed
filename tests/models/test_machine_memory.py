"""The memory that a process may use is that of the machine, or less in a container with a limit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from diptych.models import machine_memory as module


@pytest.mark.parametrize(
    ("limit", "memory"), [("max", 8 << 30), ("1073741824", 1 << 30), ("99999999999", 8 << 30), (None, 8 << 30)]
)
def test_memory_is_counted_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str | None, memory: int
) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 2 << 20, "SC_PAGE_SIZE": 4096}.__getitem__)
    monkeypatch.setattr(module, "_MEMORY_LIMIT_FILE", tmp_path / "memory.max")
    if limit:
        (tmp_path / "memory.max").write_text(limit + "\n")
    assert module.count_memory() == memory
