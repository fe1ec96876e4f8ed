"""The rules about descriptions that tell the label, or tell nothing because they are names of rows."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from diptych.components.data_gate.findings import MAX_IDS, SHARE_OF_ROWS, Finding, mention_ids
from diptych.components.data_gate.options import ShareRule
from diptych.components.data_gate.split_rows import SplitRows
from diptych.components.data_gate.text_rows import TextRow, sample_rows
from diptych.components.unicode_scripts import letter_script
from diptych.models.counts import join_names, pluralize
from diptych.models.credentials import mask_credentials
from diptych.models.features import DESCRIPTION

# Of more rows, as many are looked at, evenly spread: they give a share to about half a percent.
_MAX_ROWS = 20_000
# A name of a row is seen as one if there are at least so many of them.
_FEWEST_NAMES = 5
# Ids are distinct; a word or code that many rows share may be a text.
_DISTINCT_SHARE = 0.9

_SEPARATORS = re.compile(r"[\W_]+")
# Scripts whose words no space separates.
_WITHOUT_SPACES = frozenset({"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"})

_NAME_FORMS = re.compile(
    r"""
    (?=.*[0-9])[0-9a-f][0-9a-f-]{6,}                # a hash, a UUID
    | [\d\W_]*\d[\d\W_]*                            # a number, a date, a code of digits
    | \S+\.(jpe?g|jfif|png|gif|bmp|webp|tiff?|heic|avif)   # a name of an image file
    | (\w+://|/|\w:\\|\.{1,2}/)\S+                  # an address or a path
    | (?=\S*[a-z])\S*\d{3,}\S*                      # IMG_0001, SKU-1234-B
    """,
    re.VERBOSE | re.IGNORECASE,
)


def check_label_in_text(splits: Mapping[str, SplitRows], rule: ShareRule) -> Iterator[Finding]:
    """Finds that most descriptions name the labels of their rows and no other label.

    A label that is named as often by the rows of other labels tells nothing, as the label ``a`` in English texts; it
    counts as not named.
    """
    rows = sample_rows(list(splits.values()), _MAX_ROWS)
    rows = [replace(row, labels=tuple(dict.fromkeys(map(_words_of, row.labels)))) for row in rows]
    names = _LabelNames({label for row in rows for label in row.labels})
    named = [names.find(row.text) for row in rows]
    telling = _telling_labels(rows, named)
    given_away = [
        row for row, found in zip(rows, named, strict=True) if found & telling and found & telling == set(row.labels)
    ]
    share = len(given_away) / max(len(rows), 1)
    if share > rule.max:
        total = Counter(chain.from_iterable(row.labels for row in rows))
        of_label = Counter(chain.from_iterable(row.labels for row in given_away))
        shares = join_names(
            f"'{label}' in {count / total[label]:.0%} of its {pluralize(total[label], 'row')}"
            for label, count in sorted(of_label.items(), key=lambda item: (-item[1] / total[item[0]], item[0]))
        )
        ids = [row.id for row in given_away]
        message = (
            f"feature '{DESCRIPTION}': {share:.1%} of the descriptions name the label of their row and no other: "
            f"{shares}; gate.label_in_text.max allows {rule.max:.1%}{mention_ids(ids)}; if such texts will not be "
            "there when the model is asked, take the label's words out of them, or set data.columns.description to null"
        )
        yield Finding(
            "label_in_text",
            rule.severity,
            message,
            DESCRIPTION,
            measured=share,
            formula=SHARE_OF_ROWS,
            threshold=rule.max,
            ids=tuple(ids[:MAX_IDS]),
        )


def check_text_is_id(splits: Mapping[str, SplitRows], rule: ShareRule) -> Iterator[Finding]:
    """Finds descriptions that are names of rows: ids, numbers, paths or names of files, nearly all of them distinct."""
    rows = [row for row in sample_rows(list(splits.values()), _MAX_ROWS) if row.text.strip()]
    names = [row for row in rows if _is_name(row)]
    share = len(names) / max(len(rows), 1)
    distinct = len({row.text for row in names}) / max(len(names), 1)
    if len(names) >= _FEWEST_NAMES and distinct >= _DISTINCT_SHARE and share > rule.max:
        ids = [row.id for row in names]
        message = (
            f"feature '{DESCRIPTION}': {share:.1%} of the descriptions look like ids or names of files "
            f"({join_names(repr(mask_credentials(row.text)[:60]) for row in names)}), gate.text_is_id.max allows "
            f"{rule.max:.1%}"
            f"{mention_ids(ids)}; name the column that has the texts in data.columns.description, or set it to null"
        )
        yield Finding(
            "text_is_id",
            rule.severity,
            message,
            DESCRIPTION,
            measured=share,
            formula=SHARE_OF_ROWS,
            threshold=rule.max,
            ids=tuple(ids[:MAX_IDS]),
        )


def _is_name(row: TextRow) -> bool:
    text = row.text.strip()
    return text == row.id or _NAME_FORMS.fullmatch(text) is not None


def _telling_labels(rows: Sequence[TextRow], named: Sequence[set[str]]) -> set[str]:
    """The labels that their own rows name at least twice as often as others do."""
    rows_of = Counter(label for row in rows for label in row.labels)
    own = Counter(label for row, found in zip(rows, named, strict=True) for label in found.intersection(row.labels))
    other = Counter(label for row, found in zip(rows, named, strict=True) for label in found.difference(row.labels))
    return {
        label
        for label, count in own.items()
        if count / rows_of[label] >= 2 * other[label] / max(len(rows) - rows_of[label], 1)
    }


def _words_of(label: str) -> str:
    """The words of a label; labels of the same words, such as ``Cat`` and ``cat``, are one to a reader."""
    return " ".join(split_words(label))


def split_words(text: str) -> tuple[str, ...]:
    """The words of a text: runs of letters and digits, without regard to case or form."""
    return tuple(word for word in _SEPARATORS.split(unicodedata.normalize("NFKC", text).casefold()) if word)


class _LabelNames:
    """Finds the labels, as ``_words_of`` gives them, whose words are in a text, one after the other.

    Where a label is part of a longer one, as in ``hot dog``, the longer one is found.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self._by_first_word: dict[str, list[tuple[str, ...]]] = {}
        self._parts: set[str] = set()
        for label in labels:
            words = tuple(label.split(" "))
            if any(letter_script(letter) in _WITHOUT_SPACES for word in words for letter in word):
                self._parts.add(label)
            else:
                self._by_first_word.setdefault(words[0], []).append(words)

    def find(self, text: str) -> set[str]:
        """The labels that are in a text."""
        words = split_words(text)
        joined = " ".join(words) if self._parts else ""
        parts = {part for part in self._parts if part in joined}
        found = {part for part in parts if not any(part in other for other in parts - {part})}
        place = 0
        while place < len(words):
            wanted = self._longest_at(words, place)
            found.update([" ".join(wanted)] if wanted else [])
            place += len(wanted) or 1
        return found

    def _longest_at(self, words: tuple[str, ...], place: int) -> tuple[str, ...]:
        """The words of the longest label that begins at a place; none if there is no label."""
        fitting = (
            wanted
            for wanted in self._by_first_word.get(words[place], ())
            if words[place : place + len(wanted)] == wanted
        )
        return max(fitting, key=len, default=())
