"""The account of every row: which became a record, which a reject, and what is written down of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.spans import name_below
from diptych.components.example_gen.assignment import KEPT, REPEATS, Decision, resolve
from diptych.components.example_gen.row_tables import Stored, Table, labels_by_digest
from diptych.components.example_gen.workers import Built
from diptych.models import features
from diptych.models.errors import FAILED, DiptychError
from diptych.models.progress import report

_REPORT_EVERY = 50


class IngestionError(DiptychError):
    """Ingestion cannot give a dataset; the message says why and what to do."""

    exit_code = FAILED


def with_progress(built: Iterable[Built]) -> Iterator[Built]:
    """The same, telling who listens how many there are."""
    done = 0
    for one in built:
        done += 1
        if done % _REPORT_EVERY == 0:
            report("rows", rows=_REPORT_EVERY)
        yield one
    report("rows", rows=done % _REPORT_EVERY)


def row_line(built: Built) -> dict[str, Any]:
    """What is written down of one row: its reject, or who it is."""
    if isinstance(built, Stored):
        return {"row": built.row, "id": built.id, "image": built.image}
    return built.as_json()


@dataclass(frozen=True)
class Part:
    """What is still needed of a chunk when all is decided.

    Attributes:
        files: see ``Table``.
        rejects: number of its rows that became no record.
        labels: see ``Table``.
    """

    chunk: Chunk
    files: Sequence[tuple[str, int]]
    rejects: int
    labels: Mapping[bytes, tuple[str, ...]]


@dataclass(frozen=True)
class Resolution:
    """The parts of the catalogue in order, and what was decided on their records."""

    data: DataOptions
    parts: Sequence[Part]
    decision: Decision

    def chunk_of(self, place: int) -> Chunk:
        """The chunk that an entry is of."""
        return self.parts[int(self.decision.table[place])].chunk


def resolve_tables(tables: Iterable[Table], data: DataOptions) -> Resolution:
    """Decides on the records of all chunks, whatever their order.

    Raises:
        CatalogueError: there is no row.
    """
    ordered = sorted(tables, key=lambda table: table.chunk)
    if not ordered:
        raise CatalogueError(f"data.catalogue: '{data.catalogue}' has no row")
    parts = [Part(table.chunk, table.files, table.rejects, table.labels) for table in ordered]
    return Resolution(data, parts, resolve(ordered, data))


def all_rejects(resolution: Resolution, lines_of: Callable[[Chunk], Iterable[dict[str, Any]]]) -> Iterator[Reject]:
    """Every reject in the catalogue's order, those that repeat another row too.

    Args:
        lines_of: gives the ``row_line`` of each row of a chunk, in order.
    """
    decision = resolution.decision
    bounds = np.searchsorted(decision.table, np.arange(len(resolution.parts) + 1))
    for number, part in enumerate(resolution.parts):
        place, stop = bounds[number], bounds[number + 1]
        if not part.rejects and (decision.reason[place:stop] == KEPT).all():
            continue
        for line in lines_of(part.chunk):
            if "reason" in line:
                yield Reject(**line)
                continue
            if decision.reason[place] != KEPT:
                yield _repeat(line, place, resolution)
            place += 1


def _repeat(line: dict[str, Any], place: int, resolution: Resolution) -> Reject:
    """The reject of a record that repeats another one."""
    decision = resolution.decision
    other = decision.repeated[place]
    own, its = (name_below(resolution.chunk_of(p).source, resolution.data.catalogue) for p in (place, other))
    where = "" if own == its else f" of {its}"
    detail = f"repeats row {decision.row[other]}{where}"
    return Reject(own, **line, reason=REPEATS[decision.reason[place]], detail=detail)


def count_labels(resolution: Resolution) -> dict[str, dict[str, int]]:
    """Label to split to number of examples that have it."""
    decision = resolution.decision
    names = labels_by_digest(part.labels for part in resolution.parts)
    kept = decision.reason == KEPT
    of_set = np.zeros((len(decision.label_sets), len(features.SPLITS)), int)
    np.add.at(of_set, (decision.label_set[kept], decision.split[kept]), 1)
    counts: dict[str, NDArray[np.int_]] = {}
    for labels, row in zip(decision.label_sets, of_set, strict=True):
        for label in names[labels] if row.any() else ():
            counts[label] = counts.get(label, 0) + row
    return {label: dict(zip(features.SPLITS, counts[label].tolist(), strict=True)) for label in sorted(counts)}
