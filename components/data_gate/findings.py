"""Findings of the gate, and how their messages name rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from diptych.components.data_gate.options import Severity
from diptych.models.counts import join_names

#: The most ids in a finding.
MAX_IDS = 20
SHARE_OF_ROWS = "share of rows"


@dataclass(frozen=True)
class Finding:
    """Something that is wrong or unusual with the data.

    Attributes:
        rule: the rule that found it, a key of ``gate``; ``single_label``, ``unknown_label``, ``unlabelled`` and
            ``lost_split`` have no options.
        severity: what it does to the run.
        message: where it was found, what is wrong, and the remedy.
        feature: the feature whose values show it; None if it is no single one.
        split: the split that shows it; None for the whole catalogue.
        measured: the value of ``formula``, if there is one; above ``threshold``, except where a rule only warns.
        formula: the name of what was measured.
        threshold: the largest value that the options allow.
        ids: of up to ``MAX_IDS`` rows that show it.
    """

    rule: str
    severity: Severity
    message: str
    feature: str | None = None
    split: str | None = None
    measured: float | None = None
    formula: str | None = None
    threshold: float | None = None
    ids: tuple[str, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether it stops the run."""
        return self.severity == "stop"

    def as_json(self) -> dict[str, Any]:
        """The finding as it stands in ``verdict.json``."""
        return asdict(self)


def mention_ids(ids: Iterable[str]) -> str:
    """The end of a message that names rows: ``; rows with id a, b``. Empty if there are no ids."""
    listed = list(ids)
    return f"; rows with id {join_names(listed)}" if listed else ""
