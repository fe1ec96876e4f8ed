"""How a table is written: its dialect and header, the sheet of a spreadsheet, the rows of a JSON document."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.delimited import DelimitedReader
from diptych.components.catalogue.readers.dialect import separator_of
from diptych.components.catalogue.readers.kinds import make_reader
from diptych.components.catalogue.readers.text_files import Lines, open_text
from diptych.components.catalogue.storage import is_remote, resolve_below
from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.dialect_candidates import Candidate, list_candidates
from diptych.pipeline.prepare.proposals.dialects import choose_dialect, describe_dialect
from diptych.pipeline.prepare.proposals.documents import propose_document
from diptych.pipeline.prepare.proposals.headings import Heading, heading_decisions, judge_heading
from diptych.pipeline.prepare.proposals.ragged_rows import propose_rest, propose_unnamed_field
from diptych.pipeline.prepare.proposals.sheets import propose_sheet

_HEAD_CHARACTERS = 1 << 20
_DELIMITERS = {"csv": ",", "tsv": "\t", "imagefolder": ","}


def propose_table(catalogue: Catalogue) -> list[Decision]:
    """The settings ``data.table.*`` for a catalogue, by its first source; none that have the right default.

    Raises:
        CatalogueError: the source cannot be read.
    """
    source, data = catalogue.sources[0], catalogue.data
    if catalogue.kind in ("xlsx", "ods"):
        return propose_sheet(source, data)
    if catalogue.kind == "json":
        return propose_document(source, data)
    if catalogue.kind not in _DELIMITERS or (catalogue.kind == "imagefolder" and not source.endswith(".csv")):
        return []
    return _propose_delimited(source, data, _DELIMITERS[catalogue.kind], _files_of(catalogue, source))


def field_names(catalogue: Catalogue) -> Sequence[str]:
    """What the first source of delimited text names its fields, in their order; empty for another kind.

    Raises:
        CatalogueError: the source cannot be read.
    """
    reader, source, data = make_reader(catalogue.kind), catalogue.sources[0], catalogue.data
    if not isinstance(reader, DelimitedReader):
        return ()
    with open_text(source, data) as text:
        return reader.layout(Lines(text, source, data), data, source).names


def _propose_delimited(
    source: str, data: DataOptions, default_delimiter: str, is_file: Callable[[str], bool]
) -> list[Decision]:
    with open_text(source, data) as file:
        text = file.read(_HEAD_CHARACTERS)
        is_whole = not file.read(1)
    first, _, rest = text.partition("\n")
    separator = separator_of(first)
    candidates = list_candidates(rest if separator else text, is_whole, separator or default_delimiter)
    if separator:
        candidates = [candidate for candidate in candidates if candidate.dialect.delimiter == separator]
    chosen = choose_dialect(candidates)
    if chosen is None:
        return []
    decisions = describe_dialect(chosen, candidates, default_delimiter)
    if chosen.leading:
        lines = chosen.records[chosen.leading].line + (1 if separator else 0)
        decisions.append(Decision("data.table.skip_lines", lines, "lines above the table"))
    heading = _judge(chosen, is_file)
    return _combined([*decisions, *heading_decisions(heading), *_propose_rows(chosen, candidates, heading)])


def _judge(chosen: Candidate, is_file: Callable[[str], bool]) -> Heading:
    first, *rows = chosen.table
    # A header may lack the name of the first field.
    missing = max(0, chosen.width - len(first)) if len(rows) > 1 else 0
    alike = [row[missing:] for row in rows if len(row) == len(first) + missing]
    return judge_heading(first, alike, chosen.known_names, is_file)


def _propose_rows(chosen: Candidate, candidates: Sequence[Candidate], heading: Heading) -> list[Decision]:
    first, *rows = chosen.table
    if heading.is_header and (decisions := propose_unnamed_field(len(first), rows)):
        return decisions
    if chosen.dialect.table.escape:
        return []
    unquoted = next(
        (
            candidate
            for candidate in candidates
            if candidate.dialect.delimiter == chosen.dialect.delimiter
            and not candidate.dialect.table.escape
            and candidate.dialect.table.comment == chosen.dialect.table.comment
            and not (candidate.dialect.table.quote and '"' in candidate.text)
        ),
        chosen,
    )
    plain = [record.fields for record in unquoted.records[chosen.leading :]]
    rows = plain[1:] if heading.is_header else plain
    names = len(first) if heading.is_header else min(map(len, plain))
    return propose_rest(names, rows, chosen.dialect.delimiter)


def _combined(decisions: list[Decision]) -> list[Decision]:
    """The last decision of each setting, at the place of the first."""
    return list({decision.key: decision for decision in decisions}.values())


def _files_of(catalogue: Catalogue, source: str) -> Callable[[str], bool]:
    root = catalogue.images_root(source)

    def is_file(path: str) -> bool:
        try:
            return bool(path.strip()) and not is_remote(root) and os.path.isfile(resolve_below(root, path))
        except (ValueError, OSError):
            return False

    return is_file
