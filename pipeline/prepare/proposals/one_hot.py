"""One-hot columns: zeros and ones, each column named like a class."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any

from diptych.components.catalogue.readers.cell_text import as_text, is_null
from diptych.components.catalogue.readers.label_values import is_one
from diptych.components.catalogue.reasons import RowError
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.infer_columns import ROLE_WORDS, score_name
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence
from diptych.pipeline.prepare.yaml_text import format_value

_LABEL, _NAMES, _SEVERAL = "data.columns.label", "data.class_names", "data.several_labels"
_NULLS = "data.null_values"
# CelebA has it where others have 0; CheXpert has it where a radiologist was unsure.
_MINUS = ("-1", "-1.0")
_ZERO = ("0", "0.0")
_OTHER_ROLES = ("data.columns.id", "data.columns.split", "data.split_by")
# label_cat, label=cat, label.cat
_PREFIX = re.compile(r"(.+?)[_=.:-]\s*(?=.)")
# Fewer columns that all are zero or one are as likely two attributes.
_MIN_SEVERAL = 3
# At most this share of the rows has no one at all.
_MAX_WITHOUT = 0.2
# A run of columns is searched for a part that is one-hot if it has at most so many.
_MAX_SEARCHED = 200


@dataclass(frozen=True)
class _Table:
    """Columns that hold nothing but zeros and ones.

    Attributes:
        names: in the order of the catalogue.
        ones: for each row whether each column holds a one.
    """

    names: Sequence[str]
    ones: Sequence[Sequence[bool]]

    def part(self, names: Sequence[str]) -> _Table:
        places = [self.names.index(name) for name in names]
        return _Table(names, [[row[place] for place in places] for row in self.ones])

    @property
    def sums(self) -> list[int]:
        return list(map(sum, self.ones))

    @property
    def is_one_hot(self) -> bool:
        """Whether each row has exactly one 1, but for a few without any; and each column has one somewhere."""
        sums = self.sums
        share = _MAX_WITHOUT if len(self.names) >= _MIN_SEVERAL else _MAX_WITHOUT / 4
        return max(sums) == 1 and sums.count(0) <= share * len(sums) and self._is_varied

    @property
    def is_several(self) -> bool:
        """Whether the columns may be labels of which a row can have several."""
        return len(self.names) >= _MIN_SEVERAL and max(self.sums) > 1 and self._is_varied

    @property
    def _is_varied(self) -> bool:
        return len(self.names) > 1 and all(any(column) and not all(column) for column in zip(*self.ones, strict=True))


def propose_one_hot(evidence: Evidence) -> list[Decision]:
    """The one-hot columns, where they are likelier than the column that was taken for the label.

    They may hold -1 as well, which then counts as no one.
    """
    if decisions := _propose(evidence):
        return decisions
    before = evidence.data.null_values
    signs = {sign for column in evidence.columns for sign in _spelt(evidence, column, _MINUS)}
    if not signs:
        return []
    nulls = sorted({*before, *signs})
    decisions = _propose(evidence.decided([Decision(_NULLS, nulls, "")]))
    names: list[str] = next((decision.value for decision in decisions if decision.key == _LABEL), [])
    minus = [name for name in names if _spelt(evidence, name, _MINUS)]
    if not minus:
        return []
    reason = f"-1 in {len(minus):,} of the {len(names):,} columns counts as no label"
    if not any(_spelt(evidence, name, _ZERO) for name in names):
        return [*decisions, Decision(_NULLS, nulls, f"{reason}: they hold no 0")]
    reject = f"{_NULLS}: {format_value(sorted(before))}, which rejects rows that hold it"
    return [*decisions, Decision(_NULLS, nulls, f"{reason}, though it may mean unsure beside 0 and 1", [reject])]


def _spelt(evidence: Evidence, column: str, number: tuple[str, ...]) -> set[str]:
    """How the values of a column spell a number, where they do."""
    return {as_text(value).strip() for value in evidence.values(column) if is_null(value, number)}


def _propose(evidence: Evidence) -> list[Decision]:
    table = _binary_columns(evidence)
    label = evidence.data.columns.label
    if len(table.names) < 2 or not isinstance(label, str) or (found := _choose(table, label, evidence)) is None:
        return []
    names = list(found.names)
    sums = found.sums
    rows = pluralize(len(sums), "row")
    of_rows = f"in each of {rows}" if min(sums) else f"in {len(sums) - sums.count(0):,} of {rows}"
    if max(sums) == 1:
        decisions = [Decision(_LABEL, names, f"one-hot: one of {len(names)} columns holds a 1 {of_rows}")]
    else:
        reason = f"{len(names)} columns of zeros and ones, up to {max(sums)} ones in a row"
        others = [f"{_LABEL}: {label}"] if label in evidence.columns else []
        several = sum(count > 1 for count in sums)
        decisions = [
            Decision(_LABEL, names, reason, [*others, f"{_LABEL}: some of them, if others are no classes"]),
            Decision(_SEVERAL, True, f"{several:,} of {rows} {'has' if several == 1 else 'have'} several ones"),
        ]
    if prefix := _label_prefix(names):
        named = {name: name[len(prefix) :] for name in names}
        decisions.append(Decision(_NAMES, named, f"the names of the columns without '{prefix}'"))
    return decisions + _freed_roles(names, evidence)


def _binary_columns(evidence: Evidence) -> _Table:
    columns = evidence.data.columns
    candidates = [name for name in evidence.columns if name not in (columns.image, columns.description)]
    found = {name: ones for name in candidates if (ones := _ones(evidence, name)) is not None}
    return _Table(list(found), list(zip(*found.values(), strict=True)))


def _ones(evidence: Evidence, column: str) -> list[bool] | None:
    """Whether each row has a one; None if the column holds anything but zeros and ones."""
    nulls = evidence.data.null_values
    try:
        found = [not is_null(row.get(column), nulls) and is_one(row.get(column)) for row in evidence.rows]
        return found if evidence.values(column) else None
    except RowError:
        return None


def _choose(table: _Table, label: str, evidence: Evidence) -> _Table | None:
    """The columns that are one-hot, or labels of which a row has several; None if ``label`` is likelier."""
    groups = [table.part(names) for names in _groups(table.names, evidence.columns)]
    one_hot = [part for group in groups if (part := _one_hot_part(group)) is not None]
    several = [group for group in groups if group.is_several]
    if label in evidence.columns and label not in table.names:
        # A column that is named like a label is one; one that only repeats its values may be anything.
        one_hot = [] if score_name(label, "label") else [part for part in one_hot if len(part.names) >= _MIN_SEVERAL]
        several = []
    elif label in table.names and label.lower() in ROLE_WORDS["label"]:
        one_hot, several = ([part for part in parts if label in part.names] for parts in (one_hot, several))
        # The column "label" beside others of zeros and ones: two classes, and attributes.
        one_hot = [part for part in one_hot if len(part.names) >= _MIN_SEVERAL]
        several = []
    return max(one_hot or several, key=lambda part: len(part.names), default=None)


def _groups(names: Sequence[str], columns: Sequence[str]) -> Iterator[list[str]]:
    """Columns that may belong together: those of one prefix, and those that follow one another."""
    by_prefix: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if match := _PREFIX.match(name):
            by_prefix[match[0]].append(name)
    yield from (group for group in by_prefix.values() if len(group) > 1)
    for is_binary, run in groupby(columns, lambda name: name in names):
        if is_binary and len(group := list(run)) > 1:
            yield group


def _one_hot_part(group: _Table) -> _Table | None:
    """The longest run of columns of a group that is one-hot."""
    if group.is_one_hot:
        return group
    width = len(group.names)
    if width > _MAX_SEARCHED:
        return None
    running = [list(accumulate(row, initial=0)) for row in group.ones]
    # Two columns of labels of which rows have several may well exclude each other.
    for length in range(width - 1, _MIN_SEVERAL - 1, -1):
        for start in range(width - length + 1):
            if all(row[start + length] - row[start] <= 1 for row in running):
                part = group.part(group.names[start : start + length])
                if part.is_one_hot:
                    return part
    return None


def _label_prefix(names: Sequence[str]) -> str:
    """The prefix of all names, if it means label, as pandas' ``get_dummies`` writes ``label_cat``; else empty."""
    match = _PREFIX.match(names[0])
    prefix = match[0] if match else ""
    return prefix if match and score_name(match[1], "label") and all(name.startswith(prefix) for name in names) else ""


def _freed_roles(names: Sequence[str], evidence: Evidence) -> list[Decision]:
    """Takes other roles from the columns."""
    data = evidence.data
    roles: dict[str, Any] = dict(zip(_OTHER_ROLES, (data.columns.id, data.columns.split, data.split_by), strict=True))
    return [Decision(key, None, f"'{column}' is a class") for key, column in roles.items() if column in names]
