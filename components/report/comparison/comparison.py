"""Everything that a page about two runs says of both together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from diptych.components.report.comparison.compared_run import ComparedRun
from diptych.components.report.comparison.pairing import Pairing, find_shared_rows, pair, why_not_comparable
from diptych.components.report.comparison.row_changes import DataChanges, compare_data
from diptych.components.report.comparison.setting_changes import PairTable, compare_settings, compare_versions
from diptych.components.report.comparison.verdict import ComparisonVerdict, judge

#: The most rows of a kind that are shown with pictures.
MAX_PICTURES = 12

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """Two runs, what differs between them, and which is better.

    Attributes:
        pairing: None if no row of test is predicted by both.
    """

    a: ComparedRun
    b: ComparedRun
    verdict: ComparisonVerdict
    pairing: Pairing | None
    settings: PairTable
    versions: PairTable
    data: DataChanges

    def pictured(self) -> Iterator[str]:
        """The ids of the rows that are shown with pictures: those whose prediction, or whose label, is another."""
        if self.pairing:
            for changes in (self.pairing.gained, self.pairing.lost):
                yield from (change.id for change in changes[:MAX_PICTURES])
        for change in self.data.changes:
            if change.is_of_labels:
                yield from change.ids[:MAX_PICTURES]


def compare_runs(a: ComparedRun, b: ComparedRun) -> Comparison:
    """Compares two runs, of which one may be a pushed model."""
    shared = find_shared_rows(a, b)
    confidence = next((run.data.decision.confidence for run in (a, b) if run.data.decision), _CONFIDENCE)
    pairing = None if why_not_comparable(a, b, shared) else pair(a, b, shared, confidence)
    return Comparison(
        a,
        b,
        judge(a, b, shared, pairing),
        pairing,
        compare_settings(a, b),
        compare_versions(a, b),
        compare_data(a, b),
    )
