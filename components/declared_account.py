"""What a run says of the splits that its catalogue declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from diptych.models.counts import join_names, pluralize
from diptych.models.features import SPLITS


class DeclaredAccount(BaseModel):
    """The account of declared splits, a part of ``account.json``.

    Attributes:
        by: what declares them, as a phrase: "the names of its files".
        examples: number of examples that are declared to be in each split; others have none.
        unlabelled: number of rows in each split that has no labels, and is not learned from.
        from_train: the splits that were taken from train, because no example is declared to be in them.
        moved: number of examples that were moved to another declared split (``data.straddling: move``).
        ignores_equal_images: whether equal images count as different rows (``data.duplicates.exact: keep``).
        unread: files beside the catalogue's that are no part of it, because they name no split.
    """

    by: str
    examples: dict[str, int] = {}
    unlabelled: dict[str, int] = {}
    from_train: list[str] = []
    moved: int = 0
    ignores_equal_images: bool = False
    unread: list[str] = []

    def describe(self) -> str:
        """A sentence for a person: "declared by the names of its files: train 800, test 200; val taken from train"."""
        return "; ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        # JSON that was written with sorted keys has another order.
        counts = ", ".join(f"{split} {self.examples[split]:,}" for split in SPLITS if split in self.examples)
        yield f"declared by {self.by}: {counts or 'no example'}"
        for split, count in self.unlabelled.items():
            yield f"{split} has {pluralize(count, 'row')} without labels: not learned from"
        if self.from_train:
            yield f"{' and '.join(self.from_train)} taken from train"
        if self.moved:
            yield f"{self.moved:,} moved to another split, with equal images or rows of their group"
        if self.unread:
            yield f"not read, because they name no split: {join_names(self.unread, most=3)}"


def parse_declared(account: Mapping[str, Any]) -> DeclaredAccount | None:
    """The declared splits of an ``account.json``; None if the catalogue declares none."""
    declared = account.get("declared")
    return DeclaredAccount(**declared) if declared else None
