"""Which files the values of rows name: by whole paths, by names without endings, or by parts of names."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from diptych.components.catalogue.readers.row_files import has_image_ending
from diptych.pipeline.prepare.proposals.image_index import ImageIndex, NamePart, comparable, without_zeros

_WHOLE_FLOAT = re.compile(r"(\d+)\.0+")
_MAX_DIGITS, _MAX_LENGTHS = 99, 4
_MAX_FILES_OF_VALUE = 10


@dataclass(frozen=True)
class Match:
    """A file that a value names.

    Attributes:
        name: the end of a template, with the value's column in it, without the file's ending.
        parts: the number of folders and names in that end.
        ending: of the file; empty if the value has it.
    """

    name: str
    parts: int
    path: str
    ending: str


#: The files that a value names, by its column and its text.
Matcher = Callable[[str, str], Iterator[Match]]


def whole_matcher(index: ImageIndex, values: Collection[str]) -> Matcher:
    """Finds files whose paths end with a value, with or without the file's ending.

    Args:
        values: all that will be asked for.
    """
    names = _Names(index.names(_wanted(values)))

    def matches(column: str, text: str) -> Iterator[Match]:
        if has_image_ending(text):
            key = comparable(text)
            for path in index.by_end.get(key, ())[:_MAX_FILES_OF_VALUE]:
                yield Match(f"{{{column}}}", len(key.split("/")), path, "")
        yield from names.matches(column, text)

    return matches


def part_matcher(index: ImageIndex, values: Collection[str]) -> Matcher:
    """Finds files whose names without their endings are a value after a prefix, or before a suffix."""
    return _Names(index.name_parts(_wanted(values))).matches


class _Names:
    """Files by names, and the numbers of digits that names with zeros before them have."""

    def __init__(self, files: Mapping[str, Sequence[NamePart]]) -> None:
        self._files = files
        lengths = Counter(len(name) for name in files if without_zeros(name) != name and len(name) <= _MAX_DIGITS)
        self._digits = [length for length, _ in lengths.most_common(_MAX_LENGTHS)]

    def matches(self, column: str, text: str) -> Iterator[Match]:
        for placeholder, name in self._written(column, text):
            for file in self._files.get(name, ())[:_MAX_FILES_OF_VALUE]:
                if "{" not in file.prefix + file.suffix:
                    whole = f"{file.prefix}{placeholder}{file.suffix}"
                    yield Match(whole, len(name.split("/")), file.path, posixpath.splitext(file.path)[1])

    def _written(self, column: str, text: str) -> Iterator[tuple[str, str]]:
        """The forms in which a value may stand in a file's name, each with its placeholder."""
        name = _number(text)
        yield (f"{{{column}}}" if name == comparable(text) else f"{{{column}:d}}"), name
        if name.isascii() and name.isdecimal():
            for digits in self._digits:
                yield f"{{{column}:0{digits}d}}", without_zeros(name).zfill(digits)


def _wanted(values: Collection[str]) -> set[str]:
    return {without_zeros(_number(value)) for value in values}


def _number(text: str) -> str:
    """What a value is called in the names of files: ``7`` for ``7.0``."""
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole[1] if whole else comparable(text)
