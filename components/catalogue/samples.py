"""Samples from all over a sequence or a stream, the same each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

#: Rows that are sampled of a source, where each costs more than to stream over it.
SAMPLED_ROWS = 1000

# Of SplitMix64, whose numbers show no pattern.
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)
_MASK = (1 << 64) - 1

_T = TypeVar("_T")


def evenly_spaced(items: Sequence[_T], count: int) -> list[_T]:
    """At most ``count`` items, evenly spaced from the first one on."""
    return [items[place * len(items) // count] for place in range(count)] if len(items) > count else list(items)


def spread(items: Iterable[_T], count: int, weigh: Callable[[_T], int] = lambda _: 0, most: int = 0) -> list[_T]:
    """At most ``count`` items from all over a stream whose length is not known; it holds at most twice as many.

    Where items are heavy, it holds fewer: once they weigh more than ``most``, every second is let go, down to two.

    One item is held of each block, first of one item, then of two, of four and so on. Which one of a block differs from
    block to block: rows often come by turns, and every second one would be of one class.
    """
    held: list[_T] = []
    size, load = 1, 0
    for place, item in enumerate(items):
        block = place // size
        if block < len(held) or place % size != _choose(block, size):
            continue
        held.append(item)
        load += weigh(item)
        if len(held) == 2 * count or (load > most and len(held) % 2 == 0):
            held = [held[2 * pair + _choose(pair, 2)] for pair in range(len(held) // 2)]
            size, load = 2 * size, sum(map(weigh, held))
    if len(held) <= count:
        return held
    starts = [place * len(held) // count for place in range(count + 1)]
    return [held[start + _choose(start, stop - start)] for start, stop in zip(starts, starts[1:], strict=False)]


def _choose(number: int, count: int) -> int:
    """One of the first ``count`` numbers, which depends on a number without any order that rows may have."""
    mixed = (number + 1) * _MULTIPLIERS[0] & _MASK
    mixed = (mixed ^ mixed >> 30) * _MULTIPLIERS[1] & _MASK
    return (mixed ^ mixed >> 31) % count
