"""Makes the table of ``docs/promises.md`` from a report of the tests in JUnit's format.

``python -m tests.promises REPORT``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.paths import ROOT

PAGE = ROOT / "docs" / "promises.md"
MARK = "<!-- made by `make promises` -->"
HEADER = "| promise | test | figure |\n| --- | --- | --- |\n"


@dataclass(frozen=True)
class Promise:
    """What a test shows.

    Attributes:
        text: what holds, for users.
        test: its file and name.
        figure: what the test has measured or counted; may be empty.
    """

    text: str
    test: str
    figure: str


def read_promises(report: Path) -> Iterator[Promise]:
    """The promises of the tests that passed, in the report's order.

    Raises:
        ValueError: a test that promises something did not pass.
    """
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        properties = [(each.get("name"), each.get("value", "")) for each in case.iter("property")]
        for text in (value for name, value in properties if name == "promise"):
            test = f"`{case.get('classname', '').replace('.', '/')}.py`: {case.get('name', '').partition('[')[0]}"
            if any(case.find(outcome) is not None for outcome in ("failure", "error", "skipped")):
                raise ValueError(f"'{text}' is not kept, or was not tried: {test} did not pass")
            yield Promise(text, test, "; ".join(value for name, value in properties if name == "figure"))


def render_table(promises: Iterator[Promise]) -> str:
    """A table in Markdown, with a row for each promise; the figures of a test's cases are joined."""
    rows: dict[tuple[str, str], list[str]] = {}
    for promise in promises:
        rows.setdefault((promise.text, promise.test), []).append(promise.figure)
    cells = ([text, test, "<br>".join(filter(None, figures))] for (text, test), figures in rows.items())
    return HEADER + "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in cells)


def main(report: str) -> None:
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(f"{head}{mark}\n\n{render_table(read_promises(Path(report)))}", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
