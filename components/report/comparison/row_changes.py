"""The rows in which two datasets differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from diptych.components.report.comparison.compared_run import ComparedRun, DatasetRow, StoredDataset

_RELABELLED = "another label"


@dataclass(frozen=True)
class RowChange:
    """A kind of change, and the rows that it is found in.

    Attributes:
        ids: of all rows, in the order of the dataset.
        details: id to what was before and what is after; empty where the kind says all.
    """

    kind: str
    ids: Sequence[str]
    details: Mapping[str, tuple[str, str]]

    @property
    def is_of_labels(self) -> bool:
        """Whether the rows have other labels than before."""
        return self.kind == _RELABELLED


@dataclass(frozen=True)
class DataChanges:
    """How the data of two runs differ.

    Attributes:
        is_equal: whether the digests of the datasets are equal; None if one is unknown.
        sentence: what is known of it.
        changes: the kinds of changes that there are.
    """

    is_equal: bool | None
    sentence: str
    changes: Sequence[RowChange] = ()


def compare_data(a: ComparedRun, b: ComparedRun) -> DataChanges:
    """Compares the datasets of two runs by their digests, and if these differ, row by row."""
    if a.dataset is None or b.dataset is None:
        lacking = " and ".join(name for name, run in (("A", a), ("B", b)) if run.dataset is None)
        return DataChanges(None, f"The data cannot be compared: there are none of {lacking}.")
    digests = (a.dataset.digest, b.dataset.digest)
    if all(digests) and digests[0] == digests[1]:
        return DataChanges(True, f"The data are equal, record by record: digest {digests[0][:16]}…")
    changes = [change for change in _list_changes(a.dataset, b.dataset) if change.ids]
    known = " and ".join(f"{digest[:16]}…" if digest else "unknown" for digest in digests)
    return DataChanges(False if all(digests) else None, f"{_describe(a, b, changes)} Digests: {known}", changes)


def _describe(a: ComparedRun, b: ComparedRun, changes: Sequence[RowChange]) -> str:
    assert a.dataset and b.dataset
    part = "" if a.dataset.is_whole and b.dataset.is_whole else " of test (there are too many others to compare each)"
    same_storage = a.dataset.image == b.dataset.image
    if changes:
        stored = "" if same_storage else " The images are stored differently, too."
        return f"The rows{part} differ.{stored}"
    if not same_storage:
        return f"The rows{part} are equal, and their images are stored differently."
    return f"The rows{part} have equal images, texts, labels and splits."


def _list_changes(a: StoredDataset, b: StoredDataset) -> list[RowChange]:
    both = [row_id for row_id in a.rows if row_id in b.rows]

    def changed(kind: str, value: Callable[[DatasetRow], str]) -> RowChange:
        pairs = {row_id: (value(a.rows[row_id]), value(b.rows[row_id])) for row_id in both}
        details = {row_id: pair for row_id, pair in pairs.items() if pair[0] != pair[1]}
        return RowChange(kind, list(details), details)

    return [
        RowChange("only in A", [row_id for row_id in a.rows if row_id not in b.rows], {}),
        RowChange("only in B", [row_id for row_id in b.rows if row_id not in a.rows], {}),
        changed(_RELABELLED, lambda row: ", ".join(row.labels)),
        changed("another split", lambda row: row.split),
        changed("another description", lambda row: row.description),
        changed("another image", lambda row: row.image),
    ]
