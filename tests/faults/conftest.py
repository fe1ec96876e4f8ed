"""The library that makes operations fail, compiled once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.injection import build_shim


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled ``faults.cc``."""
    return build_shim(tmp_path_factory.mktemp("shim"))
