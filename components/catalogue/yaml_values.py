"""YAML of other people's files as plain values."""

from __future__ import annotations

import io
from typing import Any, TextIO

import yaml

# PyYAML takes up to 400 bytes for each character. Names of 100,000 classes are shorter.
_MAX_CHARACTERS = 1 << 20
# Ten lines that name each other may stand for a thousand million.
_MAX_VALUES = 1_000_000


def parse_yaml(text: str | TextIO) -> Any:
    """The value of a YAML document of plain values; of a file, messages name it.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such document; the message says why.
    """
    try:
        value = yaml.safe_load(_Limited(text))
    except OSError:
        raise
    except RecursionError:
        raise ValueError("values are nested too deeply") from None
    except Exception as error:  # for a value that is not of the kind its tag says, PyYAML raises anything
        raise ValueError(str(error) or type(error).__name__) from None
    _check_count(value)
    return value


class _Limited:
    """A text that PyYAML reads piece by piece, as far as it may."""

    def __init__(self, text: str | TextIO) -> None:
        self._text = io.StringIO(text) if isinstance(text, str) else text
        self._left = _MAX_CHARACTERS
        if name := getattr(text, "name", None):
            # What messages name.
            self.name = name

    def read(self, size: int = -1) -> str:
        """Reads some characters.

        Raises:
            ValueError: they are too many in all.
        """
        block = self._text.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise ValueError(f"it has more than {_MAX_CHARACTERS:,} characters")
        return block


def _check_count(value: Any) -> None:
    """Checks how many values a document stands for, in which parts are named again and again."""
    pending, count = [value], 0
    while pending:
        outer = pending.pop()
        inner = list(outer.values()) if isinstance(outer, dict) else outer if isinstance(outer, list) else []
        pending += inner
        count += len(inner)
        if count > _MAX_VALUES:
            raise ValueError(f"it stands for more than {_MAX_VALUES:,} values")
