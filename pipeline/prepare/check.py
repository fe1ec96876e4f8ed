"""``diptych check``: reads the whole catalogue as ingestion does, without TFX, and says what a run would reject."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import RecordOptions
from diptych.components.data_gate.basic_rules import check_learnable_labels, check_rejects
from diptych.components.data_gate.findings import Finding
from diptych.components.example_gen.account import count_labels, list_rejects, result_as_json, track_progress
from diptych.components.example_gen.assignment import Assignment, assign_splits
from diptych.components.example_gen.decoder_pool import DecoderPool
from diptych.components.example_gen.duplicates import KEPT
from diptych.components.example_gen.record_index import ChunkIndex, ChunkIndexBuilder, IndexedRecord, index_records
from diptych.models import features
from diptych.pipeline.settings import Settings


@dataclass(frozen=True)
class CheckResult:
    """What ingestion and the data gate would make of a catalogue.

    Attributes:
        rows: number of rows in the catalogue.
        examples: number of examples in each split.
        labels: number of examples for each label and split.
        rejects: every rejected row, in the catalogue's order.
        findings: the findings of the data gate about rejects and labels; a run may have others, as of statistics.
    """

    rows: int
    examples: dict[str, int]
    labels: dict[str, dict[str, int]]
    rejects: list[Reject]
    findings: list[Finding] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        """Whether a run would not be stopped for these findings, nor for an empty split."""
        return not any(finding.stops for finding in self.findings) and all(self.examples.values())


def check_catalogue(settings: Settings) -> CheckResult:
    """Reads every row and image, and assigns splits.

    Raises:
        SpanError: there is no span or version that the catalogue's name asks for.
        CatalogueError: the catalogue cannot be read, or changed meanwhile.
    """
    catalogue = Catalogue.open(settings.data)
    indexes: list[ChunkIndex] = []
    results: dict[Chunk, list[dict[str, Any]]] = {}
    options = RecordOptions(catalogue.data, settings.image)
    with TemporaryDirectory() as folder, DecoderPool(options, index_records) as pool:
        for chunk in catalogue.chunks(folder):
            builder = ChunkIndexBuilder(chunk)
            results[chunk] = []
            for result in track_progress(pool.process(catalogue.read(chunk), catalogue.source_file(chunk.source), "")):
                results[chunk].append(result_as_json(result))
                if isinstance(result, IndexedRecord):
                    builder.add(result)
            indexes.append(builder.build())
    assignment = assign_splits(indexes, catalogue.data)
    ids = [result["id"] for of_chunk in results.values() for result in of_chunk if "reason" not in result]
    rejects = list(list_rejects(assignment, catalogue, lambda chunk: results[chunk]))
    return _judge(assignment, rejects, _ids_by_split_and_label(assignment, ids), settings)


def _ids_by_split_and_label(assignment: Assignment, ids: list[str]) -> dict[str, dict[str, list[str]]]:
    """Split to label to the ids of the kept records that have it.

    Args:
        ids: the ids of all records, in the catalogue's order.
    """
    found: dict[str, dict[str, list[str]]] = {split: defaultdict(list) for split in features.SPLITS}
    for place, record_id in enumerate(ids):
        if assignment.reason[place] == KEPT:
            of_split = found[features.SPLITS[assignment.split[place]]]
            for label in assignment.label_sets[assignment.label_set[place]]:
                of_split[label].append(record_id)
    return found


def _judge(
    assignment: Assignment, rejects: list[Reject], ids: dict[str, dict[str, list[str]]], settings: Settings
) -> CheckResult:
    account = {"rows": assignment.rows, "rejects": Counter(reject.reason for reject in rejects)}
    findings = check_rejects(account, [reject.as_json() for reject in rejects], settings.gate)
    if len(rejects) < assignment.rows:
        findings += check_learnable_labels(ids, settings.label)
    kept = Counter(assignment.split.tolist())
    examples = {split: kept[number] for number, split in enumerate(features.SPLITS)}
    return CheckResult(assignment.rows, examples, count_labels(assignment), rejects, findings)
