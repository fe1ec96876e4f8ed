"""The table of promises is made from tests that passed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.promises import PAGE, read_promises, render_table

CASE = '<testcase classname="tests.faults.test_run" name="test_{name}[{number}]">{properties}{outcome}</testcase>'


def report(tmp_path: Path, *cases: str) -> Path:
    path = tmp_path / "report.xml"
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return path


def case(number: int, outcome: str = "", **properties: str) -> str:
    listed = "".join(f'<property name="{name}" value="{value}"/>' for name, value in properties.items())
    return CASE.format(
        name="full_disk", number=number, properties=f"<properties>{listed}</properties>", outcome=outcome
    )


def test_cases_of_a_test_are_one_row(tmp_path: Path) -> None:
    path = report(tmp_path, case(0, promise="Nothing | lost.", figure="3 faults"), case(1, promise="Nothing | lost."))
    rows = render_table(read_promises(path)).splitlines()[2:]
    assert rows == [r"| Nothing \| lost. | `tests/faults/test_run.py`: test_full_disk | 3 faults |"]


def test_a_test_without_a_promise_is_no_row(tmp_path: Path) -> None:
    assert not list(read_promises(report(tmp_path, case(0, figure="3 faults"))))


@pytest.mark.parametrize("outcome", ["failure", "error", "skipped"])
def test_a_promise_that_was_not_shown_is_refused(tmp_path: Path, outcome: str) -> None:
    path = report(tmp_path, case(0, f"<{outcome}/>", promise="Nothing is lost."))
    with pytest.raises(ValueError, match=r"'Nothing is lost\.' .*test_full_disk did not pass"):
        list(read_promises(path))


def marked_tests() -> Iterator[tuple[str, str]]:
    """The promise of each marked test, and the test as the page names it."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else []:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.promise":
                    yield ast.literal_eval(mark.args[0]), f"`{path.relative_to(ROOT)}`: {node.name}"


def test_the_page_has_a_row_for_each_marked_test_and_no_other() -> None:
    rows = re.findall(r"^\| (?!promise |---)(.+?) \| (`tests/.+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(marked_tests()), "make promises"
