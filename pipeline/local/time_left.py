"""Estimates how long the rest of a run takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# What a step takes on two cores, in seconds: for any number of rows, and for each 1,000 of them. Only the proportions
# matter, because a run tells how fast its machine is. They are rough, and serve the first run of a folder alone.
_TYPICAL = {
    "ImageTextExampleGen": (4.0, 1.2),
    "StatisticsGen": (1.0, 0.3),
    "DataGate": (2.0, 0.1),
    "LinearBaseline": (3.0, 4.0),
    "Transform": (10.0, 1.0),
    "Tuner": (100.0, 150.0),
    "Trainer": (15.0, 20.0),
    "Evaluator": (12.0, 2.0),
    "Report": (8.0, 1.0),
}
_OTHER = (0.5, 0.0)
# Until its rows are counted, a catalogue is taken for one of so many.
_ROWS = 1000


@dataclass(frozen=True)
class Plan:
    """The steps of a run.

    Attributes:
        steps: their names, in the order in which they run.
        earlier: how many seconds steps took in earlier runs of the same folder, of those that did work there.
    """

    steps: Sequence[str] = ()
    earlier: Mapping[str, float] = field(default_factory=dict)

    def expected_seconds(self, step: str, rows: int) -> float:
        """How long a step takes on the machine of an earlier run, or else on a typical one."""
        fixed, per_thousand = _TYPICAL.get(step, _OTHER)
        return self.earlier.get(step, fixed + per_thousand * (rows or _ROWS) / 1000)

    def seconds_after(self, step: str, rows: int) -> float:
        """How long the steps after one take, by the same measure."""
        later = self.steps[self.steps.index(step) + 1 :] if step in self.steps else ()
        return sum(self.expected_seconds(each, rows) for each in later)

    def pace(self, done: Mapping[str, float], rows: int) -> float | None:
        """How many times longer the steps that are done took than expected; None while there are none.

        Args:
            done: their seconds, of those whose earlier result was not used.
        """
        expected = sum(self.expected_seconds(step, rows) for step in done)
        return sum(done.values()) / expected if expected else None
