"""The Beam pipeline of ingestion: rows in, TFRecord files per split and an account of every row out.

Records are written twice. The first pass decodes each image once and writes shards in the order of the catalogue; only
then is it known which rows share pixels, and the second pass copies each shard's records to their splits. Nothing
depends on the order in which workers finish, and no more than one record is in a worker's hands.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx.dsl.io import fileio

from components.artifacts import write_json
from components.example_gen.catalogue import Row, read_catalogue
from components.example_gen.options import DataOptions
from components.example_gen.records import Reject, build_record, duplicate_key, reject_duplicate
from components.example_gen.splits import choose_split, join_keys, split_key
from models import features
from models.images import ImageOptions
from models.progress import report

REJECTS_FILE = "rejects.jsonl"
ACCOUNT_FILE = "account.json"

_REJECTS = "rejects"
_REPORT_EVERY = 50


@dataclass(frozen=True)
class Plan:
    """What is ingested, and where to.

    Attributes:
        rows: number of rows in the catalogue.
        examples_uri: gets ``Split-<split>/data-<shard>-of-<shards>.tfrecord``.
        rejects_uri: gets ``rejects.jsonl`` and ``account.json``.
    """

    data: DataOptions
    image: ImageOptions
    rows: int
    examples_uri: str
    rejects_uri: str

    @property
    def shards(self) -> int:
        """Number of files per split; a shard that has no record of a split writes none."""
        return max(1, math.ceil(self.rows / self.data.rows_per_shard))

    @property
    def work_uri(self) -> str:
        """Where the first pass writes; deleted at the end."""
        return os.path.join(self.examples_uri, ".ingestion")

    def work_file(self, shard: int) -> str:
        return os.path.join(self.work_uri, f"{shard:05d}.tfrecord")

    def split_file(self, split: str, shard: int) -> str:
        folder = os.path.join(self.examples_uri, f"Split-{split}")
        return os.path.join(folder, f"data-{shard:05d}-of-{self.shards:05d}.tfrecord")


@dataclass(frozen=True)
class Entry:
    """What the second pass needs of one stored record, in the order of the shard's file."""

    row: int
    id: str
    image: str
    key: str


class WriteShard(beam.DoFn):
    """(shard, rows) -> (shard, entries); tags ``links``, ``contents`` and ``rejects``."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, element: tuple[int, Iterable[Row]]) -> Iterator[Any]:
        shard, rows = element
        entries = []
        with tf.io.TFRecordWriter(self._plan.work_file(shard)) as writer:
            for done, row in enumerate(sorted(rows, key=lambda row: row.number), start=1):
                if done % _REPORT_EVERY == 0:
                    report("rows", rows=_REPORT_EVERY, total=self._plan.rows)
                record = build_record(row, self._plan.data, self._plan.image)
                if isinstance(record, Reject):
                    yield beam.pvalue.TaggedOutput(_REJECTS, record)
                    continue
                writer.write(features.encode_record(record.values))
                sha256 = record.values[features.SHA256]
                key = split_key(record.values[features.GROUP], sha256)
                entry = Entry(record.row, record.values[features.ID], record.image, key)
                entries.append(entry)
                yield beam.pvalue.TaggedOutput("links", (sha256, key))
                yield beam.pvalue.TaggedOutput("contents", (duplicate_key(record), entry))
        report("rows", rows=done % _REPORT_EVERY, total=self._plan.rows)
        yield shard, entries


def find_duplicates(element: tuple[str, Iterable[Entry]]) -> Iterator[Reject]:
    """Of the rows that say the same, all but the first."""
    first, *others = sorted(element[1], key=lambda entry: entry.row)
    for entry in others:
        yield reject_duplicate(entry, first.row)


class SplitShard(beam.DoFn):
    """Copies one shard's records to the files of their splits; yields the split of each."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(
        self, element: tuple[int, list[Entry]], roots: dict[str, str], duplicates: list[Reject]
    ) -> Iterator[str]:
        shard, entries = element
        skipped = {reject.row for reject in duplicates}
        records = tf.data.TFRecordDataset(self._plan.work_file(shard)).as_numpy_iterator()
        writers: dict[str, tf.io.TFRecordWriter] = {}
        for entry, record in zip(entries, records, strict=True):
            if entry.row in skipped:
                continue
            split = choose_split(entry.key, roots, self._plan.data)
            if split not in writers:
                writers[split] = tf.io.TFRecordWriter(self._plan.split_file(split, shard))
            writers[split].write(record)
            yield split
        for writer in writers.values():
            writer.close()


def ingest(pipeline: beam.Pipeline, plan: Plan) -> None:
    """Adds the ingestion of ``plan`` to a Beam pipeline."""
    for folder in (plan.work_uri, plan.rejects_uri, *(os.path.dirname(plan.split_file(s, 0)) for s in features.SPLITS)):
        fileio.makedirs(folder)
    shards = plan.shards
    written = (
        pipeline
        | "Catalogue" >> beam.Create([plan.data])
        | "ReadRows" >> beam.FlatMap(read_catalogue)
        | "ChooseShard" >> beam.Map(lambda row: (row.number % shards, row))
        | "GatherShards" >> beam.GroupByKey()
        | "WriteShard" >> beam.ParDo(WriteShard(plan)).with_outputs(_REJECTS, "links", "contents", main="shards")
    )
    roots = (
        written.links
        | "ByPixels" >> beam.GroupByKey()
        | "DistinctKeys" >> beam.MapTuple(lambda _, keys: sorted(set(keys)))
        | "Linked" >> beam.Filter(lambda keys: len(keys) > 1)
        | "GatherLinks" >> beam.combiners.ToList()
        | "JoinKeys" >> beam.Map(join_keys)
    )
    duplicates = written.contents | "ByContent" >> beam.GroupByKey() | "FindDuplicates" >> beam.FlatMap(find_duplicates)
    splits = written.shards | "SplitShard" >> beam.ParDo(
        SplitShard(plan), beam.pvalue.AsSingleton(roots), beam.pvalue.AsList(duplicates)
    )
    counts = splits | "CountSplits" >> beam.combiners.Count.PerElement() | "Counts" >> beam.combiners.ToList()
    rejects = (written.rejects, duplicates) | "AllRejects" >> beam.Flatten() | "Rejects" >> beam.combiners.ToList()
    _ = counts | "WriteAccount" >> beam.Map(_write_account, beam.pvalue.AsSingleton(rejects), plan)


def _write_account(counts: list[tuple[str, int]], rejects: list[Reject], plan: Plan) -> None:
    ordered = sorted(rejects, key=lambda reject: reject.row)
    with fileio.open(os.path.join(plan.rejects_uri, REJECTS_FILE), "w") as file:
        file.write("".join(json.dumps(reject.as_json(), ensure_ascii=False) + "\n" for reject in ordered))
    account = {
        "rows": plan.rows,
        "examples": {split: dict(counts).get(split, 0) for split in features.SPLITS},
        "rejects": dict(sorted(Counter(reject.reason for reject in ordered).items())),
    }
    write_json(plan.rejects_uri, ACCOUNT_FILE, account)
