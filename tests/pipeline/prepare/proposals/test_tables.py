"""What init proposes for tables that people write: the dialect, the header, and where it is unsure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.pipeline.prepare.proposals.tables import propose_table

ROWS = [(f"{number}.png", f"picture {number}", "cat" if number % 2 else "dog") for number in range(8)]


def decided(path: Path, content: str) -> tuple[dict[str, Any], list[str]]:
    """The settings by their last name, and those that it was unsure of."""
    path.write_text(content, encoding="utf-8")
    decisions = propose_table(Catalogue.open(DataOptions(catalogue=str(path))))
    values = {decision.key.removeprefix("data.table."): decision.value for decision in decisions}
    return values, [decision.key.removeprefix("data.table.") for decision in decisions if decision.alternatives]


def lines(delimiter: str, *first: str, end: str = "", rows: list[tuple[str, ...]] | None = None) -> str:
    return "\n".join([*first, *(delimiter.join(row) + end for row in rows or ROWS)]) + "\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (lines(",", "image,description,label"), {}),
        (lines(";", "image;description;label"), {"delimiter": ";"}),
        (lines("\t", "sep=\t", "image\tdescription\tlabel"), {"delimiter": "\t"}),
        (lines("|"), {"delimiter": "|", "header": False}),
        (lines(", ", "image, description, label"), {"skip_initial_space": True}),
        (lines(",", "image,description,label", rows=[(image, f'"{text}"', label) for image, text, label in ROWS]), {}),
        (lines(",", "# one", "# two, three", "image,description,label"), {"comment": "#"}),
        (lines(",", "#image,description,label"), {}),
        (lines(";", "A title", "", "image;description;label"), {"delimiter": ";", "skip_lines": 2}),
        (lines(",", "image,description,label", end=","), {"unnamed_field": "last"}),
        (
            lines(",", "image,description,label", rows=[(str(n), *row) for n, row in enumerate(ROWS, 1)]),
            {"unnamed_field": "first"},
        ),
        (lines(",", ",image,description,label", rows=[(str(n), *row) for n, row in enumerate(ROWS)]), {}),
        (lines(",", "image,path,label", rows=[(str(n), f"images\\{n}.png", "c") for n in range(8)]), {}),
        (lines(",", "sku,what,kind", rows=[(f"{n}", f"text {n}", "c") for n in range(8)]), {}),
        (lines(",", rows=[(f"{n}", f"text {n}", "12") for n in range(8)]), {"header": False}),
        (lines(";", "code;country;continent", rows=[(f"c{n}", "Aruba", "Asia") for n in range(8)]), {"delimiter": ";"}),
        ("image\n1.png\n2.png\n", {}),
    ],
)
def test_what_is_plain_is_found_for_sure(tmp_path: Path, content: str, expected: dict[str, Any]) -> None:
    assert decided(tmp_path / "rows.csv", content) == (expected, [])


def test_texts_at_the_end_may_hold_delimiters(tmp_path: Path) -> None:
    rows = [(image, label, f"{text}{', indeed' * (place % 2)}") for place, (image, text, label) in enumerate(ROWS)]
    content = lines(",", "image,label,caption", rows=rows)
    assert decided(tmp_path / "rows.csv", content) == ({"quote": "", "last_field": "rest"}, ["last_field"])


def test_texts_in_the_middle_are_left_to_be_rejected(tmp_path: Path) -> None:
    rows = [(image, f"{text}{', indeed' * (place % 2)}", label) for place, (image, text, label) in enumerate(ROWS)]
    values, _ = decided(tmp_path / "rows.csv", lines(",", "image,caption,label", rows=rows))
    assert "last_field" not in values


def test_a_first_row_that_names_files_is_no_header(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"p{number}").touch()
    content = lines(",", rows=[(f"p{number}", f"words {number}", "x") for number in range(4)])
    assert decided(tmp_path / "rows.csv", content) == ({"header": False}, [])


def test_where_nothing_tells_the_first_row_from_the_others_it_says_so(tmp_path: Path) -> None:
    content = lines(",", rows=[("ab", "one two"), ("cd", "three four"), ("ef", "five six")])
    assert decided(tmp_path / "rows.csv", content) == ({"header": True}, ["header"])


def test_the_same_file_gives_the_same_decisions(tmp_path: Path) -> None:
    content = lines("^", "image^description^label", rows=[(image, f"'{text}'", label) for image, text, label in ROWS])
    found = [decided(tmp_path / "rows.csv", content) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert found[0][0]["delimiter"] == "^"
