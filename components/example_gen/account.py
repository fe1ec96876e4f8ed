"""The account of every row: which rows became examples, and which were rejected and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.reasons import UNLABELLED, Reject
from diptych.components.declared_account import DeclaredAccount
from diptych.components.example_gen.assignment import Assignment
from diptych.components.example_gen.duplicates import DUPLICATE_REASONS, KEPT
from diptych.components.example_gen.record_index import NO_SPLIT, ChunkSummary, IndexedRecord, RowResult
from diptych.models import features
from diptych.models.errors import FAILED, DiptychError
from diptych.models.natural_order import natural_key
from diptych.models.progress import report_progress

_REPORT_EVERY = 50
_PLACES = list(enumerate(features.SPLITS))

#: The number of examples by declared split and split.
KeptCounts = Counter[tuple[int, int]]


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
    assignment: Assignment, catalogue: Catalogue, read_results: Callable[[ChunkSummary], Iterable[dict[str, Any]]]
) -> Iterator[Reject]:
    """Every reject in the catalogue's order, duplicates among them.

    Args:
        read_results: gives for each row of a chunk, in order, what ``result_as_json`` returned.
    """
    bounds = np.searchsorted(assignment.chunk, np.arange(len(assignment.chunks) + 1))
    labelled = {features.SPLITS[split] for split in assignment.declared_splits}
    for number, summary in enumerate(assignment.chunks):
        place, stop = bounds[number], bounds[number + 1]
        if not summary.rejects and (assignment.reason[place:stop] == KEPT).all():
            continue
        for result in read_results(summary):
            if "reason" in result:
                yield _judge_unlabelled(Reject(**result), labelled)
                continue
            if assignment.reason[place] != KEPT:
                yield _reject_duplicate(result, place, assignment, catalogue)
            place += 1


def _judge_unlabelled(reject: Reject, labelled: Collection[str]) -> Reject:
    """The reject; a row without a label is no row of an unlabelled split if other rows of the split have labels."""
    if reject.reason != UNLABELLED or reject.split not in labelled:
        return reject
    return replace(reject, reason="missing_label", detail=f"it has no label, as other rows of '{reject.split}' have")


def _reject_duplicate(result: dict[str, Any], place: int, assignment: Assignment, catalogue: Catalogue) -> Reject:
    """The reject of a record that repeats another one, or straddles declared splits together with it."""
    original = assignment.original_of(place)
    name = catalogue.source_name(assignment.chunk_of(place).source)
    its_name = catalogue.source_name(original.source)
    where = "" if name == its_name else f" of {its_name}"
    reason = DUPLICATE_REASONS[assignment.reason[place]]
    split, its_split = (_split_name(number) for number in (assignment.declared[place], original.declared))
    row = f"row {original.row}{where}"
    detail = f"belongs with {row}, which is in '{its_split}'" if reason == "straddling" else f"repeats {row}"
    return Reject(name, **result, reason=reason, detail=detail, split=split)


def _split_name(number: int) -> str | None:
    return None if number == NO_SPLIT else features.SPLITS[number]


def count_unlabelled(rejects: Iterable[Reject]) -> dict[str, int]:
    """The number of rows of each declared split that has no labels at all."""
    return Counter(reject.split for reject in rejects if reject.split and reject.reason == UNLABELLED)


def count_kept(assignment: Assignment) -> KeptCounts:
    """The number of examples by declared split and split, as places in ``SPLITS``; ``NO_SPLIT`` if none is declared."""
    kept = assignment.reason == KEPT
    pairs, counts = np.unique(np.stack([assignment.declared[kept], assignment.split[kept]]), axis=1, return_counts=True)
    return Counter(dict(zip(map(tuple, pairs.T.tolist()), counts.tolist(), strict=True)))


def describe_declared(kept: KeptCounts, unlabelled: Mapping[str, int], catalogue: Catalogue) -> DeclaredAccount | None:
    """The account of the splits that the catalogue declares; None if it declares none.

    Args:
        kept: what ``count_kept`` returns.
        unlabelled: what ``count_unlabelled`` returns.
    """
    counts = [sum(count for (declared, _), count in kept.items() if declared == place) for place, _ in _PLACES]
    present = [place for place, _ in _PLACES if counts[place]]
    if not present and not unlabelled:
        return None
    return DeclaredAccount(
        by=catalogue.splits.by or f"the column '{catalogue.data.columns.split}'",
        examples={split: counts[place] for place, split in _PLACES if place in present},
        unlabelled=dict(unlabelled),
        from_train=[split for place, split in _PLACES[1:] if place not in present],
        moved=sum(count for (declared, split), count in kept.items() if split != declared and split in present),
        ignores_equal_images=catalogue.data.duplicates.exact == "keep",
        unread=[catalogue.source_name(source) for source in catalogue.splits.unread],
    )


def count_labels(assignment: Assignment) -> dict[str, dict[str, int]]:
    """For each label, in natural order, the number of examples that have it in each split."""
    kept = assignment.reason == KEPT
    by_set = np.zeros((len(assignment.label_sets), len(features.SPLITS)), int)
    np.add.at(by_set, (assignment.label_set[kept], assignment.split[kept]), 1)
    counts: dict[str, NDArray[np.int_]] = {}
    for labels, by_split in zip(assignment.label_sets, by_set, strict=True):
        for label in labels if by_split.any() else ():
            counts[label] = counts.get(label, 0) + by_split
    ordered = sorted(counts, key=natural_key)
    return {label: dict(zip(features.SPLITS, counts[label].tolist(), strict=True)) for label in ordered}
