"""The tools, installed once a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.first_contact.tool_runner import Tools, open_tools


@pytest.fixture(scope="session")
def tools() -> Iterator[Tools]:
    """The tools."""
    with open_tools() as opened:
        yield opened
