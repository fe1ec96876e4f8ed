"""What proposals see of a catalogue, or of rows that are written as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.pipeline.prepare.proposals.decisions import Decision, Evidence


def evidence_of(catalogue: Path, **options: Any) -> Evidence:
    """The evidence of a catalogue."""
    opened = Catalogue.open(DataOptions(catalogue=str(catalogue), **options))
    sampled = opened.sample(1000)
    return Evidence(opened, [row for _, row in sampled], [source for source, _ in sampled])


def write_rows(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Writes a catalogue of rows, and returns its file."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def evidence_of_rows(folder: Path, rows: Sequence[Mapping[str, Any]], **options: Any) -> Evidence:
    """The evidence of rows, each of which gets an image."""
    named = ({"image": f"{place}.jpg", **row} for place, row in enumerate(rows))
    return evidence_of(write_rows(folder, named), **options)


def settings_of(propose: Callable[[Evidence], list[Decision]], evidence: Evidence) -> dict[str, Any]:
    """What is decided, by setting without its ``data.``; the same evidence always gives the same decisions."""
    decisions = propose(evidence)
    assert propose(evidence) == decisions
    return {decision.key.removeprefix("data."): decision.value for decision in decisions}
