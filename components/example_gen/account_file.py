"""The files of the account: the rejects, and the numbers of all rows.

Numbers are counted by name, so that those of parts of the catalogue add up: ``reject/<reason>``,
``unlabelled/<declared split>``, ``kept/<declared split>/<split>`` and ``label/<split>/<label>``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from diptych.components.artifacts import ACCOUNT_FILE, write_json
from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.storage import write_stream
from diptych.components.example_gen.account import (
    KeptCounts,
    count_kept,
    count_labels,
    count_unlabelled,
    describe_declared,
    list_rejects,
)
from diptych.components.example_gen.assignment import Assignment
from diptych.components.example_gen.chunk_decoding import json_line, read_json_lines
from diptych.components.example_gen.ingestion_job import IngestionJob
from diptych.models import features
from diptych.models.natural_order import natural_key


def write_rejects(assignment: Assignment, uri: str, catalogue: Catalogue) -> Counter[str]:
    """Writes a line for each reject; returns the numbers of what became of the rows."""
    counts = Counter({f"kept/{declared}/{split}": count for (declared, split), count in count_kept(assignment).items()})
    for label, by_split in count_labels(assignment).items():
        counts.update({f"label/{split}/{label}": count for split, count in by_split.items()})
    with write_stream(uri) as file:
        for reject in list_rejects(assignment, catalogue, lambda summary: read_json_lines(summary.results)):
            counts[f"reject/{reject.reason}"] += 1
            counts.update({f"unlabelled/{split}": count for split, count in count_unlabelled([reject]).items()})
            file.write(json_line(reject.as_json()))
    return counts


def write_account(rows: int, counts: Counter[str], written: Iterable[tuple[str, int]], job: IngestionJob) -> None:
    """Writes the account of all rows.

    Args:
        rows: of the catalogue.
        counts: see ``write_rejects``.
        written: split and number of records of each shard.
    """
    examples = dict.fromkeys(features.SPLITS, 0)
    for split, count in written:
        examples[split] += count
    declared = describe_declared(_kept(counts), _named(counts, "unlabelled/"), job.catalogue)
    account = {
        "rows": rows,
        "examples": examples,
        "rejects": dict(sorted(_named(counts, "reject/").items())),
        "labels": _labels(counts),
        "declared": declared.model_dump() if declared else None,
        # The records alone do not tell the shape of raw pixels, nor whether one label could be several.
        "image": job.image.model_dump(),
        "descriptions": job.catalogue.data.columns.description is not None,
        "task": "multilabel" if job.catalogue.data.has_several_labels else "multiclass",
    }
    write_json(job.rejects_uri, ACCOUNT_FILE, account)


def _named(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in counts.items() if name.startswith(prefix)}


def _kept(counts: Counter[str]) -> KeptCounts:
    pairs = ((name.split("/"), count) for name, count in _named(counts, "kept/").items())
    return Counter({(int(declared), int(split)): count for (declared, split), count in pairs})


def _labels(counts: Counter[str]) -> dict[str, dict[str, int]]:
    """For each label, in natural order, the number of examples that have it in each split."""
    found: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(features.SPLITS, 0))
    for name, count in _named(counts, "label/").items():
        split, _, label = name.partition("/")
        found[label][split] = count
    return {label: found[label] for label in sorted(found, key=natural_key)}
