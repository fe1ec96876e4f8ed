"""The account of every row: which rows became examples, and which were rejected and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.reasons import Reject
from diptych.components.example_gen.assignment import Assignment
from diptych.components.example_gen.duplicates import DUPLICATE_REASONS, KEPT
from diptych.components.example_gen.record_index import IndexedRecord, RowResult
from diptych.models import features
from diptych.models.errors import FAILED, DiptychError
from diptych.models.progress import report_progress

_REPORT_EVERY = 50


class IngestionError(DiptychError):
    """Ingestion cannot give a dataset; the message says why and what to do."""

    exit_code = FAILED


def track_progress(results: Iterable[RowResult]) -> Iterator[RowResult]:
    """Yields the results, and reports every 50 rows how many are done."""
    done = 0
    for result in results:
        done += 1
        if done % _REPORT_EVERY == 0:
            report_progress("rows", rows=_REPORT_EVERY)
        yield result
    report_progress("rows", rows=done % _REPORT_EVERY)


def result_as_json(result: RowResult) -> dict[str, Any]:
    """A row's result as a JSON object: its reject, or the row's number, id and image."""
    if isinstance(result, IndexedRecord):
        return {"row": result.row, "id": result.id, "image": result.image}
    return result.as_json()


def list_rejects(
    assignment: Assignment, catalogue: Catalogue, read_results: Callable[[Chunk], Iterable[dict[str, Any]]]
) -> Iterator[Reject]:
    """Every reject in the catalogue's order, duplicates among them.

    Args:
        read_results: gives for each row of a chunk, in order, what ``result_as_json`` returned.
    """
    bounds = np.searchsorted(assignment.chunk, np.arange(len(assignment.chunks) + 1))
    for number, summary in enumerate(assignment.chunks):
        place, stop = bounds[number], bounds[number + 1]
        if not summary.rejects and (assignment.reason[place:stop] == KEPT).all():
            continue
        for result in read_results(summary.chunk):
            if "reason" in result:
                yield Reject(**result)
                continue
            if assignment.reason[place] != KEPT:
                yield _reject_duplicate(result, place, assignment, catalogue)
            place += 1


def _reject_duplicate(result: dict[str, Any], place: int, assignment: Assignment, catalogue: Catalogue) -> Reject:
    """The reject of a record that repeats another one."""
    original = assignment.original[place]
    name, its_name = (catalogue.source_name(assignment.chunk_of(p).source) for p in (place, original))
    where = "" if name == its_name else f" of {its_name}"
    reason = DUPLICATE_REASONS[assignment.reason[place]]
    return Reject(name, **result, reason=reason, detail=f"repeats row {assignment.row[original]}{where}")


def count_labels(assignment: Assignment) -> dict[str, dict[str, int]]:
    """For each label, sorted, the number of examples that have it in each split."""
    kept = assignment.reason == KEPT
    by_set = np.zeros((len(assignment.label_sets), len(features.SPLITS)), int)
    np.add.at(by_set, (assignment.label_set[kept], assignment.split[kept]), 1)
    counts: dict[str, NDArray[np.int_]] = {}
    for labels, by_split in zip(assignment.label_sets, by_set, strict=True):
        for label in labels if by_split.any() else ():
            counts[label] = counts.get(label, 0) + by_split
    return {label: dict(zip(features.SPLITS, counts[label].tolist(), strict=True)) for label in sorted(counts)}
