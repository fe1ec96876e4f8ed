"""``diptych check``: reads the whole catalogue as ingestion does, and says what a run would reject and its gate find.

Neither TFX nor TensorFlow is imported, so it starts within a moment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import RecordOptions
from diptych.components.catalogue.storage import is_remote
from diptych.components.data_gate.accepted_data import read_accepted
from diptych.components.data_gate.findings import Finding
from diptych.components.data_gate.rules import COMPARING_RULE_KEYS, GateInput, apply_rules
from diptych.components.data_gate.split_rows import ROW_FEATURES, SplitRows, make_split_rows
from diptych.components.declared_account import DeclaredAccount
from diptych.components.example_gen.account import (
    count_kept,
    count_labels,
    count_unlabelled,
    describe_declared,
    list_rejects,
    result_as_json,
    track_progress,
)
from diptych.components.example_gen.assignment import assign_splits
from diptych.components.example_gen.decoder_pool import DecoderPool
from diptych.components.example_gen.duplicates import KEPT
from diptych.components.example_gen.record_index import ChunkIndex, ChunkIndexBuilder, MeasuredRecord, index_records
from diptych.models import features
from diptych.models.scratch_folders import scratch_folder
from diptych.pipeline.prepare.pictures import RowOrigin
from diptych.pipeline.settings import Settings, SettingsError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

# It needs the run's statistics.
_ANOMALY_RULE = "anomaly"


@dataclass(frozen=True)
class CheckResult:
    """What ingestion and the data gate would make of a catalogue.

    Attributes:
        rows: number of rows in the catalogue.
        examples: number of examples in each split.
        labels: number of examples for each label and split.
        rejects: every rejected row, in the catalogue's order.
        declared: the splits that the catalogue declares; None if it declares none.
        findings: what the rules of the data gate find; none with severity ``ignore``.
        not_applied: the rules of the data gate that only a run applies.
        splits: split to the rows that become its examples, in the catalogue's order.
        origins: split to the origin of each of these rows.
    """

    rows: int
    examples: dict[str, int]
    labels: dict[str, dict[str, int]]
    rejects: list[Reject]
    declared: DeclaredAccount | None = None
    findings: list[Finding] = field(default_factory=list)
    not_applied: Sequence[str] = (_ANOMALY_RULE,)
    splits: Mapping[str, SplitRows] = field(default_factory=dict)
    origins: Mapping[str, list[RowOrigin]] = field(default_factory=dict)

    @property
    def empty_splits(self) -> list[str]:
        """The splits without an example, for which ingestion would stop."""
        return [split for split, count in self.examples.items() if count == 0]

    @property
    def passes(self) -> bool:
        """Whether a run would not be stopped for these findings, nor for an empty split."""
        return not any(finding.stops for finding in self.findings) and not self.empty_splits


@dataclass
class _ReadRows:
    """What is kept of every row, in the catalogue's order.

    Attributes:
        results: what each row became, by chunk.
        origins: of each record.
        labels: of each record.
        values: each of ``ROW_FEATURES`` to its value in each record.
    """

    indexes: list[ChunkIndex] = field(default_factory=list)
    results: dict[Chunk, list[dict[str, Any]]] = field(default_factory=dict)
    origins: list[RowOrigin] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in ROW_FEATURES})

    def add(self, record: MeasuredRecord, source: str) -> None:
        self.origins.append(RowOrigin(source, record.row, record.image))
        self.labels.append(record.labels)
        for name, values in self.values.items():
            value = record.values[name]
            # Texts without a value are empty, as where stored examples are read.
            values.append("" if value is None else value)


def check_catalogue(settings: Settings, push_directory: str = "") -> CheckResult:
    """Reads every row and image, assigns splits, and applies the rules of the gate.

    Args:
        push_directory: of the run that is to be foreseen, whose last accepted data these are compared with. If it lies
            in a store, they are not.

    Raises:
        SpanError: there is no span or version that the catalogue's name asks for.
        CatalogueError: the catalogue cannot be read, or changed meanwhile.
        SettingsError: ``data.schema_file`` holds no schema.
    """
    catalogue = Catalogue.open(settings.data)
    catalogue.check_splits()
    read = _read_rows(catalogue, settings)
    assignment = assign_splits(read.indexes, catalogue.data)
    rejects = list(list_rejects(assignment, catalogue, lambda summary: read.results[summary.chunk]))
    declared = describe_declared(count_kept(assignment), count_unlabelled(rejects), catalogue)
    places = {
        split: np.flatnonzero((assignment.reason == KEPT) & (assignment.split == number)).tolist()
        for number, split in enumerate(features.SPLITS)
    }
    splits = {split: _rows_at(read, of_split) for split, of_split in places.items()}
    accepted = read_accepted(push_directory).profiles if push_directory and not is_remote(push_directory) else {}
    data = GateInput(
        rows=assignment.rows,
        rejects=[reject.as_json() for reject in rejects],
        splits=splits,
        accepted=accepted,
        schema=_read_schema(settings.data.schema_file),
        label=settings.label,
        text=settings.text,
        declared=declared,
    )
    return CheckResult(
        rows=assignment.rows,
        examples={split: len(of_split) for split, of_split in places.items()},
        labels=count_labels(assignment),
        declared=declared,
        rejects=rejects,
        findings=[finding for finding in apply_rules(data, settings.gate) if finding.severity != "ignore"],
        not_applied=(_ANOMALY_RULE, *(() if accepted else COMPARING_RULE_KEYS)),
        splits=splits,
        origins={split: [read.origins[place] for place in of_split] for split, of_split in places.items()},
    )


def _read_rows(catalogue: Catalogue, settings: Settings) -> _ReadRows:
    read = _ReadRows()
    options = RecordOptions(catalogue.data, settings.image)
    with scratch_folder() as folder, DecoderPool(options, index_records) as pool:
        for chunk in catalogue.chunks(folder):
            builder = ChunkIndexBuilder(chunk)
            read.results[chunk] = []
            source = catalogue.source_file(chunk.source)
            for result in track_progress(pool.process(catalogue.read(chunk), source, "")):
                read.results[chunk].append(result_as_json(result))
                if isinstance(result, MeasuredRecord):
                    builder.add(result)
                    read.add(result, source.name)
            read.indexes.append(builder.build())
    return read


def _rows_at(read: _ReadRows, places: list[int]) -> SplitRows:
    """The rows of some records."""

    def column(name: str) -> Any:
        # Floats are stored with 32 bits; with more, a value would not equal the stored one that it is compared with.
        dtype = {"bytes": object, "int64": np.int64, "float": np.float32}[features.RECORD_FEATURES[name].kind]
        return np.array([read.values[name][place] for place in places], dtype)

    return make_split_rows([read.labels[place] for place in places], {name: column(name) for name in ROW_FEATURES})


def _read_schema(path: str | None) -> schema_pb2.Schema:
    """The curated schema; an empty one if there is none, or if it lies in a store.

    Raises:
        SettingsError: the file holds no schema.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = schema_pb2.Schema()
    if path and os.path.isfile(path):
        with open(path, encoding="utf-8") as file:
            content = file.read()
        try:
            text_format.Parse(content, schema)
        except text_format.ParseError as error:
            raise SettingsError(f"data.schema_file: '{path}' is no schema in protobuf's text format: {error}") from None
    return schema
