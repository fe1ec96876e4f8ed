"""Large JSON documents, parsed value by value.

The library ijson is not used: its C backend crashes the interpreter on deep nesting and on numbers of thousands of
digits, turns an escaped lone surrogate into a question mark, and refuses NaN; its Python backend is 20 times slower.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO

from diptych.components.catalogue.readers.jsonlines import DECODER
from diptych.components.catalogue.readers.rows import CatalogueError

_BLOCK = 1 << 18
_SPACE = re.compile(r"[ \t\r\n]*")
# An error so close to the buffer's end may only mean that a token is cut there. Apart from strings, the longest tokens
# are -Infinity and the escape of a pair of surrogates.
_LONGEST_TOKEN = 16
_UNTERMINATED = "Unterminated string"


class JsonText:
    """Parses a JSON document with no more than one of its values in memory at a time.

    Every method raises ``CatalogueError`` where the document is broken.
    """

    def __init__(self, text: TextIO, source: str) -> None:
        self._text, self._source = text, source
        self._buffer, self._place, self._consumed = "", 0, 0

    def members(self) -> Iterator[tuple[str, Any]]:
        """Key and value of every member of a document that is an object; an array gives one pair for each item."""
        self._take("{")
        while self._next() != "}":
            key = self._value()
            if not isinstance(key, str):
                self._fail("a key in quotes is needed")
            self._take(":")
            if self._next() == "[":
                yield from ((key, item) for item in self._items())
            else:
                yield key, self._value()
            self._comma_or("}")
        self._end("}")

    def items(self) -> Iterator[Any]:
        """Every item of a document that is an array."""
        yield from self._items()
        self._end("")

    def _items(self) -> Iterator[Any]:
        self._take("[")
        while self._next() != "]":
            yield self._value()
            self._comma_or("]")
        self._take("]")

    def _end(self, closing: str) -> None:
        if closing:
            self._take(closing)
        if self._next():
            self._fail("something follows its end")

    def _comma_or(self, closing: str) -> None:
        if self._next() == closing:
            return
        self._take(",")
        if self._next() == closing:
            self._fail("a value is needed after the comma")

    def _take(self, character: str) -> None:
        if self._next() != character:
            self._fail(f"'{character}' is needed")
        self._place += 1

    def _next(self) -> str:
        """The next character that is no space, which is not consumed; empty at the document's end."""
        while True:
            space = _SPACE.match(self._buffer, self._place)
            self._place = space.end() if space else self._place
            if self._place < len(self._buffer):
                return self._buffer[self._place]
            if not self._read_more():
                return ""

    def _value(self) -> Any:
        self._next()
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

        It reads as much again as is in the buffer, so that a long value is not parsed from its start too often.
        """
        block = self._text.read(max(_BLOCK, len(self._buffer) - self._place))
        if block:
            self._consumed += self._place
            self._buffer, self._place = self._buffer[self._place :] + block, 0
        return bool(block)

    def _fail(self, reason: str) -> NoReturn:
        position = self._consumed + self._place + 1
        raise CatalogueError(
            f"data.catalogue: '{self._source}' cannot be read as JSON: {reason}, at character {position:,}"
        )
