"""Settings of every test."""

from __future__ import annotations

import signal
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("diptych", deadline=None)
settings.load_profile("diptych")

# What nohup or a script's ``&`` has started ignores these signals, and so would all that it starts.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


def pytest_make_parametrize_id(config: pytest.Config, val: Any, argname: str) -> str | None:
    """Bytes are named by their argument: those of an archive hold the time, and every process must name tests alike."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hands what a test promises to the report in JUnit's format, from which ``tests.promises`` makes a table."""
    for item in items:
        if promise := item.get_closest_marker("promise"):
            item.user_properties.append(("promise", *promise.args))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escapes lone surrogates that a test printed: a process of pytest-xdist cannot send them to the other."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report
