"""Lists that stand in one cell as text, as JSON, Python and NumPy write them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

_CLOSING = {"[": "]", "(": ")", "{": "}"}
_ESCAPE = r"""\\[\\'"abfnrtvxuU0-7]"""
_QUOTED = rf"""[uU]?'(?:[^'\\]|{_ESCAPE})*'|[uU]?"(?:[^"\\]|{_ESCAPE})*\""""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_ITEM = re.compile(rf"(?:np\.\w+\()?({_QUOTED}|{_NUMBER}|None|null|nan|NaN|True|False|true|false)\)?")
_GAP = re.compile(r"\s*(,?)\s*")
_BLANKS = re.compile(r"\s*")
_CONSTANTS = {"None": None, "null": None, "nan": None, "NaN": None, "True": True, "true": True}
_CONSTANTS |= {"False": False, "false": False}
# What only a list begins with: a class may well be called "[unknown]" or "(other)".
_BEGINNING = re.compile(r"""\s*(?:\[\s*(?:[][{('"]|-?\d|np\.|[uU]['"]|None\b|null\b)|[({]\s*(?:['"]|np\.))""")


def is_written_list(text: str) -> bool:
    """Whether a text looks like a list of quoted texts or of numbers, such as ``['a', 'b']``; it need not be whole."""
    return bool(_BEGINNING.match(text)) and text.rstrip().endswith(_CLOSING[text.lstrip()[0]])


def written_items(value: Any) -> Sequence[Any] | None:
    """The items of a list, or of the text of one; None for any other value."""
    if isinstance(value, (list, tuple)):
        return value
    if not (isinstance(value, str) and is_written_list(value)):
        return None
    try:
        return parse_written_list(value)
    except ValueError:
        return None


def parse_written_list(text: str) -> list[Any]:
    """The items of a list that is written as JSON, or as the text of a list, tuple, set or array in Python.

    Nothing is evaluated but single texts and numbers. NumPy's texts of arrays have blanks between the items.

    Returns:
        Texts, numbers, booleans and None.

    Raises:
        ValueError: it is no such list, is nested, or NumPy has left out its middle.
    """
    text = text.strip()
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return _items(text)
    if not isinstance(items, list) or any(isinstance(item, (list, dict)) for item in items):
        raise ValueError("it is no list of texts")
    return items


def _items(text: str) -> list[Any]:
    if len(text) < 2 or _CLOSING.get(text[0]) != text[-1]:
        raise ValueError("its brackets do not match")
    place, end = _end(_BLANKS, text, 1), len(text) - 1
    found, gaps = list[Any](), set[str]()
    while place < end:
        item = _ITEM.match(text, place, end)
        if not item:
            raise ValueError(f"no item begins at character {place + 1}")
        found.append(_value(item[1]))
        place = _end(_GAP, text, item.end())
        if place < end:
            gaps.add(text[item.end() : place].strip())
            if place == item.end():
                raise ValueError(f"nothing parts the items at character {place + 1}")
    if len(gaps) > 1:
        raise ValueError("some of its items have a comma between them and some have none")
    return found


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Where the match of a pattern that may match nothing ends."""
    match = pattern.match(text, start)
    return match.end() if match else start


def _value(token: str) -> Any:
    if token in _CONSTANTS:
        return _CONSTANTS[token]
    try:
        return ast.literal_eval(token)
    except SyntaxError:
        raise ValueError(f"{token} is neither a text nor a number") from None
