"""Large JSON documents, parsed value by value.

The library ijson is not used: its C backend crashes the interpreter on deep nesting and on numbers of thousands of
digits, turns an escaped lone surrogate into a question mark, and refuses NaN; its Python backend is 20 times slower.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.bounds import has_too_many_values
from diptych.components.catalogue.readers.jsonlines import DECODER
from diptych.components.catalogue.readers.rows import CatalogueError, too_large

_BLOCK = 1 << 18
_MAX_BLOCK = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")
# An error so close to the buffer's end may only mean that a token is cut there. Apart from strings, the longest tokens
# are -Infinity and the escape of a pair of surrogates.
_LONGEST_TOKEN = 16
_UNTERMINATED = "Unterminated string"


class JsonText:
    """Parses a JSON document with no more than one of its values in memory at a time.

    Every method raises ``CatalogueError`` where the document is broken.
    """

    def __init__(self, text: TextIO, source: str, data: DataOptions) -> None:
        self._text, self._source, self._data = text, source, data
        self._buffer, self._place, self._consumed = "", 0, 0

    def members(self) -> Iterator[tuple[str, Any]]:
        """Key and value of every member of a document that is an object; an array gives one pair for each item."""
        for key in self.enter_object():
            if self.next() == "[":
                yield from ((key, self.value()) for _ in self.enter_array())
            else:
                yield key, self.value()
        self.end()

    def items(self) -> Iterator[Any]:
        """Every item of a document that is an array."""
        for _ in self.enter_array():
            yield self.value()
        self.end()

    def enter_object(self) -> Iterator[str]:
        """Each key of the object that comes next; its value must be read before the next key is taken."""
        self._take("{")
        while self.next() != "}":
            key = self.value()
            if not isinstance(key, str):
                self._fail("a key in quotes is needed")
            self._take(":")
            yield key
            self._comma_or("}")
        self._take("}")

    def enter_array(self) -> Iterator[int]:
        """The place, from 0, of each item of the array that comes next; it must be read before the next is taken."""
        self._take("[")
        place = 0
        while self.next() != "]":
            yield place
            place += 1
            self._comma_or("]")
        self._take("]")

    def skip(self, levels: int = 2) -> None:
        """Reads a value of any size and forgets it.

        Args:
            levels: of arrays and objects that are not held in memory as a whole.
        """
        sign = self.next() if levels else ""
        if sign == "{":
            for _ in self.enter_object():
                self.skip(levels - 1)
        elif sign == "[":
            for _ in self.enter_array():
                self.skip(levels - 1)
        else:
            self.value()

    def end(self) -> None:
        """Checks that nothing follows."""
        if self.next():
            self._fail("something follows its end")

    def _comma_or(self, closing: str) -> None:
        if self.next() == closing:
            return
        self._take(",")
        if self.next() == closing:
            self._fail("a value is needed after the comma")

    def _take(self, character: str) -> None:
        if self.next() != character:
            self._fail(f"'{character}' is needed")
        self._place += 1

    def next(self) -> str:
        """The next character that is no space, which is not consumed; empty at the document's end."""
        while True:
            space = _SPACE.match(self._buffer, self._place)
            self._place = space.end() if space else self._place
            if self._place < len(self._buffer):
                return self._buffer[self._place]
            if not self._read_more():
                return ""

    def value(self) -> Any:
        """The value that comes next."""
        self.next()
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._place)
            except json.JSONDecodeError as error:
                cut_short = error.msg.startswith(_UNTERMINATED) or len(self._buffer) - error.pos < _LONGEST_TOKEN
                if not (cut_short and self._read_more()):
                    self._place = error.pos
                    self._fail(error.msg)
            except RecursionError:
                self._fail("values are nested too deeply")
            else:
                # A number may go on in what has not been read.
                if len(self._buffer) - end >= _LONGEST_TOKEN or not self._read_more():
                    self._place = end
                    return value

    def _read_more(self) -> bool:
        """Reads on; says whether there was more to read.

        It reads as much again as is in the buffer, so that a long value is not parsed from its start too often. What is
        in the buffer then belongs to one value.
        """
        rest = self._buffer[self._place :]
        if len(rest) > self._data.limits.row_characters or has_too_many_values(rest, self._data):
            begins = f"the value that begins at character {self._consumed + self._place + 1:,}"
            raise too_large(self._source, f"{begins} has more than {len(rest) / 1e6:.1f} MB", self._data)
        block = self._text.read(min(max(_BLOCK, len(rest)), _MAX_BLOCK))
        if block:
            self._consumed += self._place
            self._buffer, self._place = rest + block, 0
        return bool(block)

    def _fail(self, reason: str) -> NoReturn:
        position = self._consumed + self._place + 1
        raise CatalogueError(
            f"data.catalogue: '{self._source}' cannot be read as JSON: {reason}, at character {position:,}"
        )
