"""Tables of any dialect that Python's ``csv`` can write come back equal, or are refused, or called unsure."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.pipeline.prepare.proposals.decisions import Decision, apply_decisions
from diptych.pipeline.prepare.proposals.tables import propose_table

HEADER = ["image", "description", "label"]
Table = list[list[str]]
# NUL is read as the replacement character.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    [
        "",
        " ",
        '"',
        '""',
        "'it'",
        "a, b; c | d",
        "\t",
        "\n",
        "\r\n",
        "a\r",
        "#",
        "\\",
        'say \\"hi\\"',
        "x,y",
        "1",
        "b.png",
    ]
)
# What people and tools use; a letter or digit, or a sign of paths and numbers, is found by nobody.
USED_DELIMITERS = st.sampled_from(",;\t|:^~!#&*@ \x01\x1f")
ANY_DELIMITERS = USED_DELIMITERS | st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n\"' \ufeff")


@st.composite
def dialects(draw: st.DrawFn, delimiters: st.SearchStrategy[str]) -> dict[str, Any]:
    """Parameters of ``csv.writer``."""
    delimiter = draw(delimiters)
    quote = draw(st.sampled_from("\"'"))
    escape = draw(st.sampled_from([None, "\\", "^"]))
    assume(delimiter not in (quote, escape))
    return {
        "delimiter": delimiter,
        "quotechar": quote,
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_NONE])),
        "escapechar": escape,
        "doublequote": draw(st.booleans()) if escape else True,
        "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
    }


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Rows of image, description and label."""
    pairs = draw(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8))
    return [[f"images/{number}.png", text, label] for number, (text, label) in enumerate(pairs)]


def write(path: Path, table: Sequence[Sequence[str]], dialect: dict[str, Any]) -> None:
    """Writes a table that Python's ``csv`` can read back itself."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, **dialect).writerows(table)
        with path.open(newline="", encoding="utf-8") as file:
            read = [fields for fields in csv.reader(file, strict=True, **dialect) if fields]
    except csv.Error:
        assume(False)
    assume(read == [list(fields) for fields in table])
    # A mark at the start of a file is one of its encoding.
    assume(not path.read_bytes().startswith(b"\xef\xbb\xbf"))


def read_texts(catalogue: Catalogue) -> Table:
    """Image, description and label as they are read, in the chunks that ingestion reads."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "ROWS_PER_CHUNK", 3)
        for _, row in catalogue.rows():
            found.append([row.image, row.description, row.labels[0] if row.labels else ""])
            assert row.problem is None
    return found


def columns_of(has_header: bool) -> dict[str, str]:
    return dict(zip(HEADER, HEADER if has_header else "123", strict=True))


@settings(max_examples=400, deadline=None)
@given(
    table=tables(),
    dialect=dialects(ANY_DELIMITERS),
    has_header=st.booleans(),
    comment=st.booleans(),
    skipped=st.integers(0, 2),
)
def test_a_table_comes_back_equal_by_its_settings(
    tmp_path_factory: pytest.TempPathFactory,
    table: Table,
    dialect: dict[str, Any],
    has_header: bool,
    comment: bool,
    skipped: int,
) -> None:
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    write(path, [HEADER, *table] if has_header else table, dialect)
    path.write_bytes(b"skipped, or so\n" * skipped + b"//comment's\n" * comment + path.read_bytes())
    options = {
        "delimiter": dialect["delimiter"],
        "quote": "" if dialect["quoting"] == csv.QUOTE_NONE else dialect["quotechar"],
        "escape": dialect["escapechar"],
        "header": has_header,
        "comment": "//" if comment else None,
        "skip_lines": skipped,
    }
    data = DataOptions(catalogue=str(path), table=options, columns=columns_of(has_header))
    assert read_texts(Catalogue.open(data)) == [[image, text, as_label(label)] for image, text, label in table]


@settings(max_examples=400, deadline=None)
@given(table=tables(), dialect=dialects(USED_DELIMITERS), has_header=st.booleans())
def test_a_table_alone_comes_back_equal_or_is_called_unsure(
    tmp_path_factory: pytest.TempPathFactory, table: Table, dialect: dict[str, Any], has_header: bool
) -> None:
    # A field in double quotes is always taken for a quoted one.
    has_double_quotes = dialect["quoting"] != csv.QUOTE_NONE and dialect["quotechar"] == '"'
    assume(has_double_quotes or not any(is_in_quotes(field) for row in table for field in row))
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    write(path, [HEADER, *table] if has_header else table, dialect)
    opened = Catalogue.open(DataOptions(catalogue=str(path)))
    try:
        decisions = propose_table(opened)
        read = apply_decisions(opened, [*decisions, *column_decisions(opened, decisions)])
        found = read_texts(read)
    except (CatalogueError, AssertionError):
        return  # refused, as a whole or by row
    if not any(decision.alternatives for decision in decisions):
        assert found == [[image, text, as_label(label)] for image, text, label in table]


def as_label(text: str) -> str:
    """A label as it is read: without spaces about it, and 1 for the 1.0 that a missing value made of it."""
    return re.sub(r"^(-?\d+)\.0$", r"\1", text.strip())


def is_in_quotes(field: str) -> bool:
    return len(field) > 1 and field[0] == field[-1] == '"'


def column_decisions(catalogue: Catalogue, decisions: Sequence[Decision]) -> list[Decision]:
    """The columns by name or number, as the header was understood; without an image column, nobody reads the table."""
    is_headless = any(decision.key == "data.table.header" and decision.value is False for decision in decisions)
    return [Decision(f"data.columns.{role}", name, "") for role, name in columns_of(not is_headless).items()]
