"""How a file of fields is written: chosen among the dialects that it may be written in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, groupby

from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.proposals.dialect_candidates import COMMON_DELIMITERS, Candidate
from diptych.pipeline.prepare.yaml_text import format_value

_MAX_ALTERNATIVES = 3
# Quotes about so many more fields than there are broken records are quotes.
_QUOTED_PER_BROKEN = 4
_SETTINGS = ("quote", "escape", "comment", "skip_initial_space")


def choose_dialect(candidates: Sequence[Candidate]) -> Candidate | None:
    """The likeliest dialect; None if in none of them lines have several fields.

    Args:
        candidates: those that people use most first.
    """
    groups = groupby(candidates, key=lambda candidate: (candidate.dialect.delimiter, candidate.dialect.table.quote))
    variants = [max(group, key=_variant_merit) for _, group in groups]
    if not variants:
        return None
    best = max(variants, key=lambda candidate: candidate.merit)
    return next((variant for variant in variants if _has_right_quotes(variant, best)), best)


def describe_dialect(chosen: Candidate, candidates: Sequence[Candidate], default_delimiter: str) -> list[Decision]:
    """The settings of the chosen dialect that are not the defaults, and what else the file may mean."""
    table, delimiter = chosen.dialect.table, chosen.dialect.delimiter
    others = [_spelt(other, chosen) for other in candidates if _may_be_meant(other, chosen)][:_MAX_ALTERNATIVES]
    lines = f"{len(chosen.table):,} lines" if chosen.regularity == 1 else "most lines"
    decisions = []
    if delimiter != default_delimiter or others:
        reason = f"it parts {lines} into {chosen.width} fields"
        decisions.append(Decision("data.table.delimiter", delimiter, reason, others))
    reasons = {
        "quote": f"it stands about {chosen.quoted:,} fields" if table.quote else "no field is in quotes",
        "escape": "it stands before signs that need it, and nowhere else",
        "comment": "lines that begin with it have no fields",
        "skip_initial_space": "each delimiter is followed by a space",
    }
    defaults = {setting: type(table).model_fields[setting].default for setting in _SETTINGS}
    for setting in _SETTINGS:
        if (value := getattr(table, setting)) != defaults[setting]:
            is_doubtful = setting == "quote" and not value and '"' in chosen.text
            alternatives = ["data.table.quote: '\"', if a quote is only not closed"] if is_doubtful else []
            decisions.append(Decision(f"data.table.{setting}", value, reasons[setting], alternatives))
    return decisions


def _variant_merit(candidate: Candidate) -> tuple[bool, bool, int, float, int, bool, bool]:
    """What speaks for one of the dialects with the same delimiter and quote."""
    has_image, known_names, *_ = candidate.merit
    table = candidate.dialect.table
    has_spaces = table.skip_initial_space == _has_initial_spaces(candidate)
    comments = candidate.begins_with_comments
    return (
        has_image,
        comments,
        known_names,
        candidate.regularity,
        _rank_escape(candidate),
        has_spaces,
        not table.comment,
    )


def _rank_escape(candidate: Candidate) -> int:
    """A backslash before a quote or delimiter is an escape; other signs may stand there by chance."""
    if candidate.dialect.table.escape is None:
        return 1
    signs = re.escape(candidate.dialect.delimiter + (candidate.dialect.table.quote or '"'))
    is_used = candidate.dialect.table.escape == "\\" and re.search(rf"\\[{signs}]", candidate.text)
    return 2 if is_used else 0


def _has_initial_spaces(candidate: Candidate) -> bool:
    """Whether each field after a delimiter begins with a space; those of the candidate may have lost it."""
    delimiter = re.escape(candidate.dialect.delimiter)
    return not re.search(rf"{delimiter}(?! )", candidate.text)


def _has_right_quotes(variant: Candidate, best: Candidate) -> bool:
    """Whether a dialect is the best one but for its quotes, and those are double quotes about fields."""
    is_same = variant.dialect.delimiter == best.dialect.delimiter and not best.dialect.table.quote
    has_quotes = variant.dialect.table.quote == '"' and variant.quoted > _QUOTED_PER_BROKEN * variant.broken
    return is_same and has_quotes


def _may_be_meant(other: Candidate, chosen: Candidate) -> bool:
    """Whether another dialect explains the file as well, and gives another table."""
    if other.table == chosen.table or other.regularity < chosen.regularity:
        return False
    is_unquoted = other.dialect.delimiter == chosen.dialect.delimiter and not other.dialect.table.quote
    if is_unquoted and chosen.dialect.table.quote == '"' and all(map(_is_quoted_or_plain, chain(*other.table))):
        return False
    if chosen.dialect.table.skip_initial_space and chosen.known_names and not other.dialect.table.skip_initial_space:
        # The spaces stand before the names, too.
        return False
    if chosen.image_column is not None:
        return other.image_column is not None
    # Without paths of images to go by, a sign inside of texts may part them evenly by chance.
    return other.dialect.delimiter in (*COMMON_DELIMITERS, chosen.dialect.delimiter)


def _is_quoted_or_plain(field: str) -> bool:
    """Whether a field stands in double quotes, which nobody writes who means something else, or in none."""
    return not field.startswith('"') or (len(field) > 1 and field.endswith('"'))


def _spelt(other: Candidate, chosen: Candidate) -> str:
    """The settings of another dialect that differ from those of the chosen one."""
    settings = [("delimiter", other.dialect.delimiter, chosen.dialect.delimiter)]
    tables = other.dialect.table, chosen.dialect.table
    settings += [(name, getattr(tables[0], name), getattr(tables[1], name)) for name in _SETTINGS]
    return " with ".join(f"data.table.{name}: {format_value(value)}" for name, value, old in settings if value != old)
