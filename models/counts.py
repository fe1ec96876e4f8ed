"""Numbers and names of things in sentences: ``1 row``, ``2 rows``, ``a, b and 3 more``."""

from __future__ import annotations

from collections.abc import Iterable


def pluralize(number: int, noun: str, plural: str | None = None) -> str:
    """A number, with commas for thousands, and the noun that agrees with it.

    Args:
        plural: the noun for any number but 1; None for ``noun`` with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def join_names(names: Iterable[str], most: int = 5) -> str:
    """The first names and the number of the others: ``a, b, c, d, e and 3 more``.

    Args:
        most: how many names are told.
    """
    listed = list(names)
    more = f" and {len(listed) - most:,} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
