"""Reads a catalogue of any bytes as a run does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import isolated_reading, rows
from diptych.components.catalogue.records import Record, RecordOptions, build_record
from diptych.models import features
from diptych.models.images.options import ImageOptions
from tests import catalogue_kinds
from tests.catalogue_kinds import Item
from tests.fuzz.target import Target, refusals, split_choice, with_choices
from tests.image_kinds import by_opencv, picture

Options = Mapping[str, Any]

#: Small pictures, so that inputs are short.
STORED = ImageOptions(height=8, width=8)
_LIMITS = {"file_mb": 1, "memory_mb": 100, "scratch_gb": 0.1}
# Few rows, so that short inputs have several chunks.
_CHUNK_ROWS = 2
_SAMPLED = 20
# Of processor time, until a spreadsheet whose reading has no end is refused; an input is read several times.
_SECONDS = 1


def items() -> list[Item]:
    """Rows with small pictures."""
    small = by_opencv(".png", picture()[::5, ::5])
    labels = ("cat", "dog", "cat", "7")
    texts = ("a text", 'with, a "quote"', "two\nlines", "caf\u00e9 \U0001f600")
    return [
        Item(str(number), f"{number}.png", small, text, label, f"g{number // 2}")
        for number, (label, text) in enumerate(zip(labels, texts, strict=True))
    ]


def table() -> list[dict[str, Any]]:
    """Rows of columns whose names are the defaults, without pictures."""
    return [
        {"id": each.id, "image": each.name, "description": each.description, "label": each.label, "split": "train"}
        for each in items()
    ]


def reader(
    name: str,
    seeds: Callable[[], Iterable[bytes]],
    options: Sequence[Options] = ({},),
    words: Sequence[bytes] = (),
    make: Callable[[bytes], bytes] = bytes,
) -> Target:
    """A target that reads a file.

    Args:
        name: of the file, which says of which kind it is.
        options: of ``DataOptions``; each input chooses among them.
        make: what of an input is written into the file.
    """

    def run(content: bytes) -> None:
        choice, content = split_choice(content, len(options))
        read_file(name, make(content), options[choice])

    return Target(run, lambda: with_choices(len(options), seeds()), words)


def read_file(name: str, content: bytes, options: Options) -> None:
    """Reads a catalogue of one file."""
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        read_catalogue(str(path), options)


def read_catalogue(path: str, options: Options) -> None:
    """Samples a catalogue and reads each of its rows; a row becomes a record, or a reject that can be written."""
    with (
        refusals(),
        patch.object(rows, "ROWS_PER_CHUNK", _CHUNK_ROWS),
        patch.object(isolated_reading, "_BASE_SECONDS", _SECONDS),
    ):
        data = DataOptions(**{"catalogue": path, "limits": _LIMITS, **options})
        catalogue = Catalogue.open(data)
        with refusals():
            catalogue.sample(_SAMPLED)
        numbers: dict[str, int] = {}
        for source, row in catalogue.rows():
            # Each image of a row may be a row of the same number.
            assert row.number - numbers.get(source, 0) in (0, 1), "a row is lost"
            numbers[source] = row.number
            _check(build_record(row, catalogue.source_file(source), RecordOptions(catalogue.data, STORED)))


def _check(built: Any) -> None:
    """Whatever a row became, it can be stored."""
    if isinstance(built, Record):
        values = built.values
        texts = [built.id, values[features.DESCRIPTION], values[features.GROUP], *values[features.LABEL]]
        "".join(filter(None, texts)).encode()
        assert len(values[features.IMAGE]) == STORED.height * STORED.width * 3
    else:
        json.dumps(built.as_json())


def written(kind: str, name: str) -> bytes:
    """The file of a name in a catalogue of a kind that ``tests.catalogue_kinds`` writes."""
    with TemporaryDirectory() as folder:
        target = Path(folder, "catalogue")
        catalogue_kinds.write_kind(kind, target, items())
        return (target / name).read_bytes()
