"""Which columns hold texts that describe the image, and what becomes of rows without any."""

from __future__ import annotations

import re
from collections import defaultdict
from statistics import fmean
from typing import Any

from diptych.components.catalogue.options import Columns
from diptych.components.catalogue.readers.cell_text import as_text
from diptych.components.catalogue.reasons import RowError
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.infer_columns import is_image, words_of_column
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence
from diptych.pipeline.prepare.yaml_text import format_value

_KEY = "data.columns.description"
# Words in the names of columns that describe what an image shows, in the order in which they stand in a text.
_TEXT_NAMES = (
    *("title", "headline", "name", "subtitle", "brand", "manufacturer", "artist", "caption", "description", "desc"),
    *("summary", "abstract", "body", "text", "alt", "details", "features", "keywords", "material", "color", "colour"),
)
# Of these, the values need not have several words.
_SHORT_NAMES = frozenset({"title", "headline", "brand", "manufacturer", "artist", "caption", "description", "desc"})
_MAX_COLUMNS = 4
_MIN_WORDS_SHARE = 0.5
# The values of a column of another name are texts if they have so many words, and so many of them are different.
_MIN_WORDS, _MIN_DISTINCT = 4, 0.2
_MIN_TEXTS = 0.9
# Of words and pairs, a few thousand texts have more than those 5,000 that are enough for words.
_MAX_TERMS = 20_000


def propose_texts(evidence: Evidence) -> list[Decision]:
    """The column, or the template of several columns, that describes the image; null if no column holds texts.

    A column that decides the label is left out of a template: the text would give the label away.
    """
    if not evidence.rows:
        return []
    decisions = _propose_column(evidence)
    decided = evidence.decided(decisions)
    return decisions + _propose_missing(decided) + _propose_encoding(decided)


def _propose_column(evidence: Evidence) -> list[Decision]:
    chosen = evidence.data.columns.description
    if chosen is None:
        return []
    texts = [column for column in evidence.columns if _is_free(column, evidence) and _is_text(column, evidence)]
    if chosen in texts or (chosen in evidence.columns and _texts(chosen, evidence)):
        texts = sorted({chosen, *texts}, key=lambda column: (_place(column), evidence.columns.index(column)))
    if not texts:
        return [Decision(_KEY, None, f"{_why_none(chosen, evidence)}: a model of the images alone")]
    if len(texts) == 1:
        reason = "the text that describes the image"
        return [] if texts[0] == chosen else [Decision(_KEY, texts[0], reason)]
    some = texts[:_MAX_COLUMNS]
    template = ". ".join(f"{{{column}}}" for column in some)
    alternatives = [f"{_KEY}: {format_value(column)}" for column in texts]
    return [Decision(_KEY, template, f"{len(some)} columns hold texts; what is empty is left out", alternatives)]


def _propose_missing(evidence: Evidence) -> list[Decision]:
    """Keeps rows without a text if some have none, but not all."""
    if evidence.data.columns.description is None:
        return []
    empty = sum(not evidence.row(place).description.strip() for place in range(len(evidence.rows)))
    if not 0 < empty < len(evidence.rows):
        return []
    has = "has" if empty == 1 else "have"
    reason = f"{empty:,} of {len(evidence.rows):,} sampled rows {has} no text; kept with an empty one"
    return [Decision("data.missing_descriptions", "keep", reason, ["data.missing_descriptions: reject"])]


def _propose_encoding(evidence: Evidence) -> list[Decision]:
    """Tf-idf of words and pairs of words, on which linear models are better than on counts."""
    if evidence.data.columns.description is None:
        return []
    return [
        Decision("text.encoding", "tfidf", "terms that few texts have count more"),
        Decision("text.ngrams", [1, 2], "words, and two in a row"),
        Decision("text.max_features", _MAX_TERMS, "the most frequent ones"),
    ]


def _why_none(chosen: str, evidence: Evidence) -> str:
    if numbers := next((str(value) for value in evidence.values(chosen) if str(value).strip()), None):
        return f"{format_value(chosen)} holds no words, as '{' '.join(numbers.split())[:40]}'"
    if chosen in evidence.columns:
        return f"{format_value(chosen)} is empty in all that was sampled ({pluralize(len(evidence.rows), 'row')})"
    return "no column holds texts that describe the images"


def _is_free(column: str, evidence: Evidence) -> bool:
    """Whether a column may be part of a template, and has no other role; a part of a path may be a text as well."""
    columns = evidence.data.columns
    used = [columns.image, columns.id, columns.split, evidence.data.split_by]
    used += columns.label if isinstance(columns.label, list) else [columns.label]
    return bool(column) and column not in used and not set("{}") & set(column)


def _is_text(column: str, evidence: Evidence) -> bool:
    """Whether a column's name and values say that it holds texts; and they do not decide the label."""
    values, texts = evidence.values(column), _texts(column, evidence)
    if not texts or len(texts) < _MIN_TEXTS * len(values) or any(is_image(text) or _is_url(text) for text in texts):
        return False
    words = [len(text.split()) for text in texts]
    has_words = fmean(count > 1 for count in words) >= _MIN_WORDS_SHARE
    is_prose = fmean(words) >= _MIN_WORDS and len(set(texts)) >= _MIN_DISTINCT * len(texts)
    named = {_TEXT_NAMES[_place(column)]} if _place(column) < len(_TEXT_NAMES) else set()
    if not (is_prose or (has_words and named) or named & _SHORT_NAMES):
        return False
    return (column == Columns().description and has_words) or not _decides_label(column, evidence)


def _texts(column: str, evidence: Evidence) -> list[str]:
    """The values of a column that are texts with letters, without spaces around them."""
    values = (value.strip() for value in evidence.values(column) if isinstance(value, str))
    return [value for value in values if re.search(r"[^\W\d_]", value)]


def _is_url(text: str) -> bool:
    return "://" in text and " " not in text


def _place(column: str) -> int:
    """The place of a column's name among those of texts; their number for another name."""
    words = words_of_column(column)
    return next((place for place, name in enumerate(_TEXT_NAMES) if name in words), len(_TEXT_NAMES))


def _decides_label(column: str, evidence: Evidence) -> bool:
    """Whether each value that several rows have always comes with the same label, of several labels."""
    label = evidence.data.columns.label
    if isinstance(label, list) or label not in evidence.columns:
        return False
    labels: defaultdict[str, set[str]] = defaultdict(set)
    rows: defaultdict[str, int] = defaultdict(int)
    for row in evidence.rows:
        value, of_row = _plain(row.get(column)), _plain(row.get(label))
        if value and of_row:
            labels[value].add(of_row)
            rows[value] += 1
    repeated = [value for value in rows if rows[value] > 1]
    is_kind = len(repeated) > len(rows) / 2
    return is_kind and len(set().union(*labels.values())) > 1 and all(len(labels[value]) == 1 for value in repeated)


def _plain(value: Any) -> str:
    try:
        return as_text(value).strip()
    except RowError:
        return str(value)
