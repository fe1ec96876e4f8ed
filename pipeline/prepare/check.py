"""``diptych check``: what ingestion would make of the whole catalogue, without TFX."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from diptych.components.catalogue.readers.kinds import find_kind, images_root, list_sources, make_reader
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import Recipe, Source
from diptych.components.catalogue.spans import name_below, resolve_span
from diptych.components.data_gate.findings import Finding, check_labels, check_rejects
from diptych.components.example_gen.account import (
    Resolution,
    all_rejects,
    count_labels,
    resolve_tables,
    row_line,
    with_progress,
)
from diptych.components.example_gen.assignment import KEPT
from diptych.components.example_gen.row_tables import Stored, Table, TableBuilder, judge_rows
from diptych.components.example_gen.workers import Built, Workers
from diptych.models import features
from diptych.pipeline.settings import Settings


@dataclass(frozen=True)
class Check:
    """What ingestion and the gate would say.

    Attributes:
        rows: rows of the catalogue.
        examples: split to number of examples.
        labels: label to split to number of examples.
        rejects: every rejected row, in order.
        findings: what the gate would find, apart from schema anomalies.
    """

    rows: int
    examples: dict[str, int]
    labels: dict[str, dict[str, int]]
    rejects: list[Reject]
    findings: list[Finding] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        """Whether a run would get past the gate."""
        return not any(finding.stops for finding in self.findings) and all(self.examples.values())


def check_catalogue(settings: Settings) -> Check:
    """Reads every row and image.

    Raises:
        SpanError: there is no span or version that the catalogue's name asks for.
        CatalogueError: the catalogue cannot be read, or changed meanwhile.
    """
    catalogue = resolve_span(settings.data.catalogue).catalogue
    recipe = Recipe(settings.data.model_copy(update={"catalogue": catalogue}), settings.image)
    tables: list[Table] = []
    lines: dict[Chunk, list[dict[str, Any]]] = {}
    labels: list[tuple[str, ...]] = []
    with TemporaryDirectory() as scratch, Workers(recipe, judge_rows) as workers:
        for chunk in _chunks(recipe, scratch):
            builder = TableBuilder(chunk)
            lines[chunk] = []
            for built in _build(chunk, recipe, workers):
                lines[chunk].append(row_line(built))
                if isinstance(built, Stored):
                    labels.append(built.labels)
                    builder.add(built)
            tables.append(builder.table())
    resolution = resolve_tables(tables, recipe.data)
    ids = [line["id"] for of_chunk in lines.values() for line in of_chunk if "reason" not in line]
    rejects = list(all_rejects(resolution, lambda chunk: lines[chunk]))
    return _judge(resolution, rejects, _ids_by_split_and_label(resolution, ids, labels), settings)


def check_columns(settings: Settings) -> None:
    """Looks into each file of the catalogue, as far as its first rows.

    Raises:
        SpanError: there is no span or version that the catalogue's name asks for.
        CatalogueError: there is no catalogue, it cannot be read, or it lacks a column.
    """
    catalogue = resolve_span(settings.data.catalogue).catalogue
    data = settings.data.model_copy(update={"catalogue": catalogue})
    reader = make_reader(find_kind(data))
    with TemporaryDirectory() as scratch:
        for index, source in enumerate(list_sources(data)):
            next(reader.cut(source, index, data, os.path.join(scratch, f"{index}.jsonl")), None)


def _chunks(recipe: Recipe, scratch: str) -> Iterator[Chunk]:
    reader = make_reader(find_kind(recipe.data))
    for index, source in enumerate(list_sources(recipe.data)):
        yield from reader.cut(source, index, recipe.data, os.path.join(scratch, f"{index}.jsonl"))


def _build(chunk: Chunk, recipe: Recipe, workers: Workers) -> Iterator[Built]:
    rows = make_reader(find_kind(recipe.data)).read(chunk, recipe.data)
    source = Source(name_below(chunk.source, recipe.data.catalogue), images_root(chunk.source, recipe.data))
    return with_progress(workers.build(rows, source, ""))


def _ids_by_split_and_label(
    resolution: Resolution, ids: list[str], labels: list[tuple[str, ...]]
) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {split: defaultdict(list) for split in features.SPLITS}
    decision = resolution.decision
    for place, (identity, of_row) in enumerate(zip(ids, labels, strict=True)):
        if decision.reason[place] == KEPT:
            of_split = found[features.SPLITS[decision.split[place]]]
            for label in of_row:
                of_split[label].append(identity)
    return found


def _judge(
    resolution: Resolution, rejects: list[Reject], ids: dict[str, dict[str, list[str]]], settings: Settings
) -> Check:
    rows = sum(part.chunk.rows for part in resolution.parts)
    account = {"rows": rows, "rejects": Counter(reject.reason for reject in rejects)}
    findings = check_rejects(account, [reject.as_json() for reject in rejects], settings.gate)
    if len(rejects) < rows:
        findings += check_labels(ids, settings.label)
    kept = Counter(resolution.decision.split.tolist())
    examples = {split: kept[number] for number, split in enumerate(features.SPLITS)}
    return Check(rows, examples, count_labels(resolution), rejects, findings)
