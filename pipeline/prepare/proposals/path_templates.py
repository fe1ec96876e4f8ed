"""Templates of image paths, such as ``images/{id}.jpg``, that are found by comparing the values of rows with files."""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diptych.pipeline.prepare.proposals.image_index import ImageIndex, most_likely_folder
from diptych.pipeline.prepare.proposals.path_cells import texts_of
from diptych.pipeline.prepare.proposals.path_matches import Match, Matcher, part_matcher, whole_matcher

# Names of columns that are likely to name images, likely ones first; the last are numbers that tables are given.
_NAMES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        "image|img|photo|picture|file|path",
        r"(^|[\W_])(id|uid|uuid|key|code|sku|name)([\W_]|$)|[a-z]I[dD]$",
        r"^(?!(index|level_\d+|unnamed.*|#|)$)",
    )
]
_MAX_LENGTH = 200
_MAX_DEPTH = 6

# The texts of a row by column.
_Texts = Mapping[str, str]


@dataclass
class FoundTemplate:
    """A template without the file's ending, and the files that rows have by it.

    Attributes:
        files: of each ending, the files; no ending if the rows' values have it.
        rows: the places of the rows.
    """

    template: str
    column: str
    files: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    rows: set[int] = field(default_factory=set)

    @property
    def endings(self) -> list[str]:
        """The endings, the most frequent first."""
        return sorted(self.files, key=lambda ending: (-len(self.files[ending]), ending))

    @property
    def distinct(self) -> int:
        """The number of different files."""
        return sum(map(len, self.files.values()))


def find_templates(rows: Mapping[int, Mapping[str, Any]], index: ImageIndex) -> list[FoundTemplate]:
    """The templates by which most rows have a file, the best first.

    Args:
        rows: raw values by column, by the row's place in the sample.
    """
    texts = {place: {name: text for name, text in texts_of(row) if _is_name(name, text)} for place, row in rows.items()}
    values = {text for row in texts.values() for text in row.values()}
    found = _find(texts, whole_matcher(index, values)) or _find(texts, part_matcher(index, values))
    return _without_ambiguous(found)


def _is_name(column: str, text: str) -> bool:
    """Whether a template may have the column, and the text may be part of a path."""
    return bool(column) and not set("{}") & set(column) and 0 < len(text) <= _MAX_LENGTH


def _find(rows: Mapping[int, _Texts], matches: Matcher) -> list[FoundTemplate]:
    found: dict[tuple[str, str], FoundTemplate] = {}
    order: dict[str, int] = {}
    for place, texts in rows.items():
        for column, text in texts.items():
            order.setdefault(column, len(order))
            for match in matches(column, text):
                for template in _with_folders(match, column, texts):
                    one = found.setdefault((column, template), FoundTemplate(template, column))
                    one.files[match.ending].add(match.path)
                    one.rows.add(place)
    enough = [one for one in found.values() if _is_enough(one, len(rows))]
    return sorted(
        enough,
        key=lambda one: (
            *(-one.distinct, -len(one.rows), _rank_name(one.column)),
            *(one.template.count("{"), order[one.column], len(one.template), one.template),
        ),
    )


def _rank_name(column: str) -> int:
    """How likely a column is to name images, by its name: the least number for the most likely."""
    return next((rank for rank, names in enumerate(_NAMES) if names.search(column)), len(_NAMES))


def _is_enough(found: FoundTemplate, rows: int) -> bool:
    """Whether half of the rows have a file, and not all of them the same few, as of values that many rows share."""
    return 2 * len(found.rows) >= rows and found.distinct >= max(min(2, len(found.rows)), len(found.rows) / 10)


def _without_ambiguous(found: Sequence[FoundTemplate]) -> list[FoundTemplate]:
    """The templates without others in the best one's place; none if nobody could tell which folder is meant."""
    if not found:
        return []
    best = found[0]
    name = posixpath.basename(best.template)
    rivals = [one for one in found if _is_rival(one, best) and posixpath.basename(one.template) == name]
    folder = most_likely_folder([posixpath.dirname(one.template) for one in rivals])
    if folder is None:
        return []
    likely = [one for one in rivals if posixpath.dirname(one.template) == folder]
    return likely + [one for one in found if one not in rivals]


def _is_rival(one: FoundTemplate, best: FoundTemplate) -> bool:
    return one.column == best.column and one.distinct == best.distinct and one.rows == best.rows


def _with_folders(match: Match, column: str, texts: Mapping[str, str]) -> Iterable[str]:
    """The template with the file's folders as they are, and with columns in the place of folders that they name."""
    folders = match.path.split("/")[: -match.parts]
    if any("{" in folder for folder in folders):
        return []
    named = [_column_of(folder, column, texts) or folder for folder in folders[:_MAX_DEPTH]] + folders[_MAX_DEPTH:]
    return dict.fromkeys(posixpath.join(*parts, match.name) for parts in (folders, named))


def _column_of(folder: str, other: str, texts: Mapping[str, str]) -> str | None:
    columns = [column for column, text in texts.items() if text == folder and column != other]
    return f"{{{columns[0]}}}" if columns else None


def file_endings(found: FoundTemplate) -> Sequence[str]:
    """The endings of a template's files, each as most of them spell it."""
    spelt: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for ending in found.endings:
        spelt[ending.lower()][ending] += len(found.files[ending])
    return [counts.most_common(1)[0][0] for counts in spelt.values()]
