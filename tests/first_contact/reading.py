"""Reads a catalogue as a person does who meets Diptych first: ``init``, no edit, and what a run would ingest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import Record, RecordOptions, build_record
from diptych.components.example_gen.assignment import assign_splits
from diptych.components.example_gen.duplicates import KEPT
from diptych.components.example_gen.record_index import ChunkIndexBuilder, IndexedRecord, index_records
from diptych.models import features
from diptych.models.errors import OK
from diptych.pipeline.cli.main import main
from diptych.pipeline.settings import Settings, load_settings
from tests.first_contact.pictures import Item, picture_number


@dataclass(frozen=True)
class FirstContact:
    """What ``init`` made of a catalogue, and what is read by it.

    Attributes:
        printed: what ``init`` printed.
        settings: the settings that it wrote, unedited.
        rows: the examples.
        rejects: the rejected rows; duplicates are not among them.
    """

    printed: str
    settings: Settings
    rows: list[Item]
    rejects: list[Reject]


def first_contact(catalogue: Path | str, folder: Path) -> FirstContact:
    """Runs ``init`` and reads every row.

    Args:
        folder: for the settings file.
    """
    file = folder / "diptych.yaml"
    with redirect_stdout(StringIO()) as printed:
        assert main(["init", str(catalogue), "--output", str(file)]) == OK, printed.getvalue()
    settings = load_settings(str(file))
    return FirstContact(printed.getvalue(), settings, *_read(settings))


def _read(settings: Settings) -> tuple[list[Item], list[Reject]]:
    catalogue = Catalogue.open(settings.data)
    options = RecordOptions(catalogue.data, settings.image)
    records: list[Record] = []
    rejects: list[Reject] = []
    indexes = []
    with TemporaryDirectory() as scratch:
        for chunk in catalogue.chunks(scratch):
            builder = ChunkIndexBuilder(chunk)
            for row in catalogue.read(chunk):
                source = catalogue.source_file(chunk.source)
                record = build_record(row, source, options)
                if isinstance(record, Reject):
                    rejects.append(record)
                    continue
                records.append(record)
                (indexed,) = index_records([row], source, options, "")
                assert isinstance(indexed, IndexedRecord)
                builder.add(indexed)
            indexes.append(builder.build())
    assignment = assign_splits(indexes, catalogue.data)
    kept = assignment.reason == KEPT
    splits = (features.SPLITS[number] for number in assignment.split[kept])
    records = [record for record, is_kept in zip(records, kept, strict=True) if is_kept]
    return list(_items(records, splits, settings)), rejects


def _items(records: list[Record], splits: Iterator[str], settings: Settings) -> Iterator[Item]:
    shape = settings.image.height, settings.image.width, 3
    for record, split in zip(records, splits, strict=True):
        pixels = np.frombuffer(record.values[features.IMAGE], np.uint8).reshape(shape)
        labels = tuple(sorted(record.values[features.LABEL]))
        yield Item(picture_number(pixels), labels, record.values.get(features.DESCRIPTION) or "", split)
