"""Which names of files, folders and cells mean train, val or test.

The words, and what may stand around them, are those by which Hugging Face's ``datasets`` finds the files of a split
(``datasets.data_files``), with ``holdout``, ``trainval`` and ``tests`` besides, also where a word such as ``Data`` is
joined to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from diptych.models.features import SPLITS, TEST, TRAIN

_WORDS = {
    "train": ("train", "training", "trainval"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval", "evaluation", "holdout", "tests"),
}
#: Each word that means a split, and the split.
SPLIT_OF_WORD = {word: split for split in SPLITS for word in _WORDS[split]}
# Cells of a split column are often as short; names of files and folders, and labels, mean other things by these.
_SHORT = {"tr": "train", "trn": "train", "va": "val", "vld": "val", "te": "test", "tst": "test"}

_YES = ("true", "yes", "1", "1.0")
_NO = ("false", "no", "0", "0.0")
# "TrainData" is of two words, and "testset" and "valimages" as well.
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_JOINED = re.compile(
    rf"({'|'.join(sorted(SPLIT_OF_WORD, key=len, reverse=True))})(?:data(?:set)?|sets?|images?|imgs?|samples?|splits?)"
)
# What may stand between the words of a name.
_SEPARATORS = re.compile(r"[-._\s0-9]+")
_HOLD_OUT = re.compile(r"hold[-_ ]out")
_VALUE = re.compile(r"([a-z]+?)[-._\s]*(?:set|split)?[-._\s]*\d*")


def split_of_value(text: str) -> str | None:
    """The split that a cell means, as ``Dev``, ``test set``, ``train_2`` or ``te`` do; None if it means none."""
    match = _VALUE.fullmatch(_normal(text.strip()))
    return SPLIT_OF_WORD.get(match[1], _SHORT.get(match[1])) if match else None


def is_short(text: str) -> bool:
    """Whether a cell means a split only because its column is one of splits: ``te`` is a language as well."""
    return text.strip().lower() in _SHORT


def split_of_cell(text: str, column: str) -> str:
    """What a cell of a split column says, as ``split_of_value`` understands it.

    A column such as ``is_valid``, which ``fastai`` and others have, says of each row whether it is of that split; the
    other rows are train, and those of ``is_train`` are test.
    """
    split = question_of_column(column)
    if split is None or not is_answer(text):
        return text
    other = TEST if split == TRAIN else TRAIN
    return split if text.strip().lower() in _YES else other


@lru_cache
def question_of_column(column: str) -> str | None:
    """The split that a column named like ``is_valid`` or ``is_training_image`` asks for; None for another column."""
    first, *others = re.split(r"[-_ ]", _CAPITAL.sub("_", column).lower())
    return SPLIT_OF_WORD.get(_without_joined("".join(others))) if first == "is" else None


def is_answer(text: str) -> bool:
    """Whether a cell answers such a question."""
    return text.strip().lower() in (*_YES, *_NO)


def splits_of_paths(paths: Sequence[str]) -> list[str | None]:
    """The split that each path names: by the file's name, else by the name of the nearest folder that names one.

    A name of two splits, as ``test_set-train.csv``, is told by the words that not all names of its place share.

    Args:
        paths: relative to the catalogue's folder, with slashes.
    """
    parts = [path.split("/")[::-1] for path in paths]
    depth = max(map(len, parts), default=0)
    found: list[str | None] = [None] * len(paths)
    for level in range(depth):
        named = [words_of_name(path[level]) if level < len(path) else set() for path in parts]
        common = set.intersection(*named) if len(named) > 1 else set()
        for place, words in enumerate(named):
            found[place] = found[place] or _only_split(words) or _only_split(words - common)
    return found


def words_of_name(name: str) -> set[str]:
    """The words of a file's or folder's name, in lower case."""
    return {_without_joined(word) for word in _SEPARATORS.split(_normal(_CAPITAL.sub("_", name)))} - {""}


def _normal(name: str) -> str:
    return _HOLD_OUT.sub("holdout", name.lower())


def _without_joined(word: str) -> str:
    """The split's word of one such as ``testset``; any other word as it is."""
    match = _JOINED.fullmatch(word)
    return match[1] if match else word


def _only_split(words: Iterable[str]) -> str | None:
    splits = {SPLIT_OF_WORD[word] for word in words if word in SPLIT_OF_WORD}
    return splits.pop() if len(splits) == 1 else None
