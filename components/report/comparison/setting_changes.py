"""The settings in which two runs differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from diptych.components.report.comparison.compared_run import ComparedRun

_NONE = "–"


@dataclass(frozen=True)
class Pair:
    """A thing that two runs have, or one of them, as text."""

    name: str
    a: str
    b: str


@dataclass(frozen=True)
class PairTable:
    """Things in which two runs differ, and those that are equal; ``unknown`` are kept for one of the two only."""

    different: list[Pair]
    equal: list[Pair]
    unknown: list[Pair]


def compare_settings(a: ComparedRun, b: ComparedRun) -> PairTable:
    """The settings of two runs, each key with both values. A pushed model keeps a few of them."""
    return _compare(dict(_flatten(a.settings)), dict(_flatten(b.settings)), a.is_pushed or b.is_pushed)


def compare_versions(a: ComparedRun, b: ComparedRun) -> PairTable:
    """The versions of libraries that two runs were made with."""
    return _compare(a.versions, b.versions, a.is_pushed or b.is_pushed)


def _compare(a: Mapping[str, str], b: Mapping[str, str], is_partial: bool) -> PairTable:
    """Compares by name; where one side keeps a part or nothing, what it lacks is unknown, and no difference."""
    pairs = [Pair(name, a.get(name, _NONE), b.get(name, _NONE)) for name in dict.fromkeys([*a, *b])]
    unknown = [pair for pair in pairs if not (pair.name in a and pair.name in b)] if is_partial or not (a and b) else []
    known = [pair for pair in pairs if pair not in unknown]
    return PairTable([p for p in known if p.a != p.b], [p for p in known if p.a == p.b], unknown)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each key with those of the sections that it is in, and its value as a line of text."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
