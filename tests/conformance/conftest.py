"""An S3 server, and a catalogue to put there."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.pipeline.demo.digits import write_digits_catalogue
from tests.s3_server import s3_server

#: Of the catalogue.
ROWS = 120


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demo's first rows."""
    whole, part = tmp_path_factory.mktemp("digits"), tmp_path_factory.mktemp("catalogue")
    with open(write_digits_catalogue(str(whole)), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:ROWS]
    (part / "images").mkdir()
    for row in rows:
        shutil.copy(whole / row["image"], part / row["image"])
    with open(part / "catalogue.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return part


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address
