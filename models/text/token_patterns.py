"""Token patterns: Python's regular expressions, in the syntax of TensorFlow's RE2, with Python's characters."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.models.text.character_tables import CODE_POINTS, characters_matching, re2_character_class

# How re itself reads a pattern: anything else would read some patterns otherwise. Its name differs between versions.
_parser = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

_MOST_REPEATS = 1000
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
_UNSUPPORTED = {
    "AT": r"an anchor or a \b other than both around it",
    "ASSERT": "look-around",
    "ASSERT_NOT": "look-around",
    "GROUPREF": "a back-reference",
}
_FORMS = (
    r"supported are \bBODY\b, where BODY matches nothing but word characters and has no group, and patterns of "
    r"characters, classes, repetitions, alternatives and at most one group, without \b, anchors, look-around, "
    r"back-references and flags"
)

_Nodes = Sequence[tuple[Any, Any]]


@dataclass(frozen=True)
class TokenPattern:
    """A token pattern for RE2.

    Attributes:
        words: whether tokens are the runs of word characters that ``re2`` matches as a whole; otherwise each match of
            ``re2`` in the text is one.
        re2: the pattern in RE2's syntax.
        group: the group that is the token; 0 is the whole match.
    """

    words: bool
    re2: str
    group: int = 0


def parse_token_pattern(pattern: str) -> TokenPattern:
    r"""Translates a token pattern, so that it finds what ``re.findall`` finds.

    ``\bBODY\b`` can only match runs of word characters from end to end, if BODY matches nothing else: a run is a token
    if BODY matches it whole. For what RE2 has, too, it promises the matches that Perl and Python find, the leftmost
    first; its classes become lists of the characters that Python takes for them.

    Raises:
        ValueError: it is no regular expression, or none of the supported forms, which the message names.
    """
    try:
        tree = _parser.parse(pattern)
    except re.error as error:
        raise ValueError(f"token_pattern is no regular expression: {error}") from None
    if tree.state.flags != re.UNICODE.value:
        raise _refusal(pattern, "it has flags")
    try:
        return _words(tree) if _is_bounded(list(tree)) else _search(tree)
    except _Unsupported as error:
        raise _refusal(pattern, str(error)) from None


class _Unsupported(Exception):
    """The message says what of the pattern is not supported."""


def _refusal(pattern: str, why: str) -> ValueError:
    return ValueError(f"token_pattern {pattern!r} cannot be translated, since {why}; {_FORMS}")


def _is_bounded(nodes: _Nodes) -> bool:
    return len(nodes) > 2 and all(f"{op} {argument}" == "AT AT_BOUNDARY" for op, argument in (nodes[0], nodes[-1]))


def _words(tree: Any) -> TokenPattern:
    body = list(tree)[1:-1]
    if tree.state.groups > 1:
        raise _Unsupported("it has a group between its \\b")
    word = characters_matching(r"\w")
    if any(np.any(characters & ~word) for characters in _leaves(body)):
        raise _Unsupported("what stands between its \\b matches more than word characters")
    # A run holds nothing else; the list of them all would make RE2 slow.
    return TokenPattern(words=True, re2=_translate(body).replace(re2_character_class(word), "(?s:.)"))


def _search(tree: Any) -> TokenPattern:
    groups = tree.state.groups - 1
    if groups > 1:
        raise _Unsupported(f"it has {groups} groups")
    if tree.getwidth()[0] == 0:
        raise _Unsupported("it matches the empty text")
    return TokenPattern(words=False, re2=_translate(list(tree)), group=groups)


def _leaves(nodes: _Nodes) -> Iterator[NDArray[np.bool_]]:
    """The characters of each part that matches one."""
    for op, argument in nodes:
        if (characters := _characters(str(op), argument)) is not None:
            yield characters
        else:
            for part in _parts(str(op), argument):
                yield from _leaves(part)


def _parts(op: str, argument: Any) -> list[_Nodes]:
    """The nodes below a node that matches no single character."""
    if op in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, part = argument
        if part.getwidth()[0] == 0:
            raise _Unsupported("it repeats what may be empty")
        if max(least, 0 if most == _parser.MAXREPEAT else most) > _MOST_REPEATS:
            raise _Unsupported(f"it repeats more than {_MOST_REPEATS} times")
        return [list(part)]
    if op == "BRANCH":
        return [list(part) for part in argument[1]]
    if op == "SUBPATTERN":
        _, added, removed, part = argument
        if added or removed:
            raise _Unsupported("it has flags")
        return [list(part)]
    raise _Unsupported(f"it has {_UNSUPPORTED.get(op, op)}")


def _translate(nodes: _Nodes) -> str:
    return "".join(_translate_node(str(op), argument) for op, argument in nodes)


def _translate_node(op: str, argument: Any) -> str:
    characters = _characters(op, argument)
    if characters is not None:
        return re2_character_class(characters)
    parts = [_translate(part) for part in _parts(op, argument)]
    if op == "BRANCH":
        return f"(?:{'|'.join(parts)})"
    if op == "SUBPATTERN":
        return f"({'?:' if argument[0] is None else ''}{parts[0]})"
    least, most, _ = argument
    bounds = f"{least}," if most == _parser.MAXREPEAT else f"{least},{most}"
    return f"(?:{parts[0]}){{{bounds}}}{'?' if op == 'MIN_REPEAT' else ''}"


def _characters(op: str, argument: Any) -> NDArray[np.bool_] | None:
    """Which characters a node matches, bool ``[CODE_POINTS]``; None for one that does not match a single character."""
    if op == "ANY":
        return characters_matching(".")
    if op == "NOT_LITERAL":
        return _others(_range(argument, argument))
    if op == "IN":
        negated = str(argument[0][0]) == "NEGATE"
        members = [_characters(str(kind), value) for kind, value in argument[negated:]]
        found = reduce(np.logical_or, [member for member in members if member is not None])
        return _others(found) if negated else found
    if op == "CATEGORY":
        return characters_matching(_CATEGORIES[str(argument)])
    if op == "RANGE":
        return _range(*argument)
    return _range(argument, argument) if op == "LITERAL" else None


def _others(characters: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # Not the surrogates, which no text holds.
    return characters_matching(r"[\s\S]") & ~characters


def _range(first: int, last: int) -> NDArray[np.bool_]:
    found = np.zeros(CODE_POINTS, np.bool_)
    found[first : last + 1] = True
    return found
