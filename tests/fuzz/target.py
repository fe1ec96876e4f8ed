"""What a target is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from diptych.models.errors import DiptychError


@dataclass(frozen=True)
class Target:
    """A function that is given any bytes.

    Attributes:
        run: raises whatever is a bug; what a person can mend it has caught.
        seeds: inputs to start from.
        words: parts of inputs that are seldom found by chance.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: Sequence[bytes] = ()


def refusals() -> suppress:
    """Catches what a person can mend."""
    return suppress(DiptychError)


def split_choice(content: bytes, count: int) -> tuple[int, bytes]:
    """A number below ``count`` that the first byte gives, and the rest: targets choose options by it."""
    return (content[0] if content else 0) % count, content[1:]


def with_choices(count: int, seeds: Iterable[bytes]) -> list[bytes]:
    """Each seed with each number below ``count`` before it."""
    return [bytes([choice]) + seed for seed in seeds for choice in range(count)]
