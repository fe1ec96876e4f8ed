"""Diptych's whole ImageTextExampleGen as in ``diptych``, of images that are stored as small as they are."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ingest_peers.diptych import ingest
from benchmarks.load import SIDE


def write(catalogue: Path, out: Path) -> None:
    """Writes ``out/artifacts`` and ``out/metadata.sqlite``."""
    ingest(catalogue, out, SIDE)
