"""``diptych check``: what ingestion would make of the whole catalogue, without TFX."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from components.data_gate.findings import Finding, check_labels, check_rejects
from components.example_gen.catalogue import Row, read_catalogue
from components.example_gen.records import Record, Reject, build_record, duplicate_key, reject_duplicate
from components.example_gen.splits import choose_split, join_keys, split_key
from models import features
from pipeline.settings import Settings


@dataclass(frozen=True)
class Check:
    """What ingestion and the gate would say.

    Attributes:
        rows: rows of the catalogue.
        examples: split to number of examples.
        rejects: every rejected row, in order.
        findings: what the gate would find, apart from schema anomalies.
    """

    rows: int
    examples: dict[str, int]
    rejects: list[Reject]
    findings: list[Finding] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        """Whether a run would get past the gate."""
        return not any(finding.stops for finding in self.findings) and all(self.examples.values())


def check_catalogue(settings: Settings) -> Check:
    """Reads every row and image.

    Raises:
        CatalogueError: the catalogue cannot be read.
    """
    rejects: list[Reject] = []
    records: list[Record] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(lambda row: _light(row, settings), read_catalogue(settings.data)):
            if isinstance(result, Reject):
                rejects.append(result)
            else:
                records.append(result)
    first: dict[str, int] = {}
    kept = []
    for record in records:
        key = duplicate_key(record)
        if key in first:
            rejects.append(reject_duplicate(record, first[key]))
        else:
            first[key] = record.row
            kept.append(record)
    rejects.sort(key=lambda reject: reject.row)
    labels = _ids_by_split_and_label(kept, settings)
    rows = len(kept) + len(rejects)
    account = {"rows": rows, "rejects": Counter(reject.reason for reject in rejects)}
    findings = check_rejects(account, [reject.as_json() for reject in rejects], settings.gate)
    if kept:
        findings += check_labels(labels)
    examples = {split: sum(map(len, of_split.values())) for split, of_split in labels.items()}
    return Check(rows, examples, rejects, findings)


def _light(row: Row, settings: Settings) -> Record | Reject:
    """The record without its pixels: a catalogue's worth of them may not fit in memory."""
    result = build_record(row, settings.data, settings.image)
    if isinstance(result, Record):
        del result.values[features.IMAGE]
    return result


def _ids_by_split_and_label(records: list[Record], settings: Settings) -> dict[str, dict[str, list[str]]]:
    keys = [split_key(record.values[features.GROUP], record.values[features.SHA256]) for record in records]
    by_pixels: dict[str, set[str]] = defaultdict(set)
    for record, key in zip(records, keys, strict=True):
        by_pixels[record.values[features.SHA256]].add(key)
    roots = join_keys(linked for linked in by_pixels.values() if len(linked) > 1)
    found: dict[str, dict[str, list[str]]] = {split: defaultdict(list) for split in features.SPLITS}
    for record, key in zip(records, keys, strict=True):
        split = choose_split(key, roots, settings.data)
        found[split][record.values[features.LABEL]].append(record.values[features.ID])
    return found
