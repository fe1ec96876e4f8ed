"""Translates token patterns, which are Python's regular expressions, into RE2's syntax and Python's characters."""

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

from diptych.models.text.python_characters import CODE_POINTS, characters_matching, re2_character_class

# The parser of re itself, because any other would read some patterns differently. Python 3.11 renamed it.
_parser = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

# RE2's limit.
_MAX_REPEATS = 1000
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
_SUPPORTED_FORMS = (
    r"supported are \bBODY\b, where BODY matches nothing but word characters and has no group, and patterns of "
    r"characters, classes, repetitions, alternatives and at most one group, without \b, anchors, look-around, "
    r"back-references and flags"
)

# A parsed pattern: pairs of an operation and its argument.
_Nodes = Sequence[tuple[Any, Any]]


@dataclass(frozen=True)
class TokenPattern:
    """A token pattern for RE2.

    Attributes:
        matches_runs: True if tokens are the runs of word characters that ``re2`` matches as a whole; False if tokens
            are the matches of ``re2`` anywhere in the text.
        re2: the pattern in RE2's syntax.
        group: the number of the group that is the token; 0 is the whole match.
    """

    matches_runs: bool
    re2: str
    group: int = 0


def parse_token_pattern(pattern: str) -> TokenPattern:
    r"""Translates a token pattern so that it finds in RE2 what ``re.findall`` finds.

    If BODY matches nothing but word characters, ``\bBODY\b`` can only match whole runs of word characters: a run is a
    token if BODY matches all of it. For every other supported pattern RE2 guarantees the matches that Perl and Python
    find; classes such as ``\w`` become lists of the characters that Python matches with them.

    Raises:
        ValueError: it is no regular expression, or has none of the supported forms, which the message names.
    """
    try:
        tree = _parser.parse(pattern)
    except re.error as error:
        raise ValueError(f"token_pattern is no regular expression: {error}") from None
    if tree.state.flags != re.UNICODE.value:
        raise _refusal(pattern, "it has flags")
    try:
        return _translate_run_pattern(tree) if _has_word_boundaries(list(tree)) else _translate_search_pattern(tree)
    except _UnsupportedPatternError as error:
        raise _refusal(pattern, str(error)) from None


class _UnsupportedPatternError(Exception):
    """A part of the pattern is not supported; the message says which."""


def _refusal(pattern: str, reason: str) -> ValueError:
    return ValueError(f"token_pattern {pattern!r} cannot be translated, since {reason}; {_SUPPORTED_FORMS}")


def _has_word_boundaries(nodes: _Nodes) -> bool:
    return len(nodes) > 2 and all(f"{op} {argument}" == "AT AT_BOUNDARY" for op, argument in (nodes[0], nodes[-1]))


def _translate_run_pattern(tree: Any) -> TokenPattern:
    body = list(tree)[1:-1]
    if tree.state.groups > 1:
        raise _UnsupportedPatternError("it has a group between its \\b")
    word = characters_matching(r"\w")
    if any(np.any(characters & ~word) for characters in _character_sets(body)):
        raise _UnsupportedPatternError("what stands between its \\b matches more than word characters")
    # A run contains only word characters, so any character will do; the list of them all would make RE2 slow.
    return TokenPattern(matches_runs=True, re2=_translate(body).replace(re2_character_class(word), "(?s:.)"))


def _translate_search_pattern(tree: Any) -> TokenPattern:
    groups = tree.state.groups - 1
    if groups > 1:
        raise _UnsupportedPatternError(f"it has {groups} groups")
    if tree.getwidth()[0] == 0:
        raise _UnsupportedPatternError("it matches the empty text")
    return TokenPattern(matches_runs=False, re2=_translate(list(tree)), group=groups)


def _character_sets(nodes: _Nodes) -> Iterator[NDArray[np.bool_]]:
    """The set of characters of each node, at any depth, that matches a single character."""
    for op, argument in nodes:
        if (characters := _character_set(str(op), argument)) is not None:
            yield characters
        else:
            for child in _children(str(op), argument):
                yield from _character_sets(child)


def _children(op: str, argument: Any) -> list[_Nodes]:
    """The nodes below a node that does not match a single character."""
    if op in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, repeated = argument
        if repeated.getwidth()[0] == 0:
            raise _UnsupportedPatternError("it repeats what may be empty")
        if max(least, 0 if most == _parser.MAXREPEAT else most) > _MAX_REPEATS:
            raise _UnsupportedPatternError(f"it repeats more than {_MAX_REPEATS} times")
        return [list(repeated)]
    if op == "BRANCH":
        return [list(alternative) for alternative in argument[1]]
    if op == "SUBPATTERN":
        _, added_flags, removed_flags, group = argument
        if added_flags or removed_flags:
            raise _UnsupportedPatternError("it has flags")
        return [list(group)]
    raise _UnsupportedPatternError(f"it has {_UNSUPPORTED.get(op, op)}")


def _translate(nodes: _Nodes) -> str:
    return "".join(_translate_node(str(op), argument) for op, argument in nodes)


def _translate_node(op: str, argument: Any) -> str:
    characters = _character_set(op, argument)
    if characters is not None:
        return re2_character_class(characters)
    children = [_translate(child) for child in _children(op, argument)]
    if op == "BRANCH":
        return f"(?:{'|'.join(children)})"
    if op == "SUBPATTERN":
        return f"({'?:' if argument[0] is None else ''}{children[0]})"
    least, most, _ = argument
    bounds = f"{least}," if most == _parser.MAXREPEAT else f"{least},{most}"
    return f"(?:{children[0]}){{{bounds}}}{'?' if op == 'MIN_REPEAT' else ''}"


def _character_set(op: str, argument: Any) -> NDArray[np.bool_] | None:
    """The characters that a node matches, bool ``[CODE_POINTS]``; None if it does not match a single character."""
    if op == "ANY":
        return characters_matching(".")
    if op == "NOT_LITERAL":
        return _complement(_character_range(argument, argument))
    if op == "IN":
        negated = str(argument[0][0]) == "NEGATE"
        members = [_character_set(str(kind), value) for kind, value in argument[negated:]]
        union = reduce(np.logical_or, [member for member in members if member is not None])
        return _complement(union) if negated else union
    if op == "CATEGORY":
        return characters_matching(_CATEGORIES[str(argument)])
    if op == "RANGE":
        return _character_range(*argument)
    return _character_range(argument, argument) if op == "LITERAL" else None


def _complement(characters: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All other characters, except the surrogates, which no text contains."""
    return characters_matching(r"[\s\S]") & ~characters


def _character_range(first: int, last: int) -> NDArray[np.bool_]:
    characters = np.zeros(CODE_POINTS, np.bool_)
    characters[first : last + 1] = True
    return characters
