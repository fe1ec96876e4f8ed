"""Whatever a catalogue holds, each row becomes an example or a reject, and an example says what its row said."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows as catalogue_rows
from diptych.components.catalogue.readers.delimited import CsvReader
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import Recipe, Source
from diptych.components.example_gen.account import (
    Resolution,
    all_rejects,
    count_labels,
    resolve_tables,
    row_line,
    with_progress,
)
from diptych.components.example_gen.assignment import KEPT
from diptych.components.example_gen.row_tables import Stored, TableBuilder, store_rows
from diptych.models import features
from diptych.models.tfrecord_framing import CHECKSUM, RECORD_HEADER
from tests.helpers import SMALL, write_image

IMAGES = ["a.png", "b.png", "c.png"]
COLUMNS = ["image", "description", "label", "group"]

# No file could hold lone surrogates, and Python 3.10 writes no zeros; the readers' tests have such bytes.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
cells = st.one_of(texts, st.sampled_from(['"quoted", text', "two\nlines", " ", "", "😀", "a\u0301", "\ufeffmark"]))
catalogues = st.lists(
    st.tuples(st.sampled_from([*IMAGES, "absent.png", "../x.png", ""]), cells, st.sampled_from(["x", "y", ""]), cells),
    min_size=1,
    max_size=60,
)


@dataclass(frozen=True)
class Outcome:
    """What became of a catalogue: rows that are kept, as told of and as written, and rejects."""

    resolution: Resolution
    kept: dict[int, Stored]
    records: dict[int, bytes]
    rejects: list[Reject]


def ingest(data: DataOptions) -> Outcome:
    """Ingestion's steps without Beam and without processes."""
    reader, recipe = CsvReader(), Recipe(data, SMALL)
    work = Path(data.catalogue).with_name("work.tfrecord")
    lines: dict[Chunk, list[dict[str, Any]]] = {}
    all_stored: list[Stored] = []
    records: dict[int, bytes] = {}
    tables = []
    source = Source("catalogue.csv", str(Path(data.catalogue).parent))
    for chunk in reader.cut(data.catalogue, 0, data, ""):
        builder, lines[chunk] = TableBuilder(chunk), []
        for built in with_progress(store_rows(list(reader.read(chunk, data)), source, recipe, str(work))):
            lines[chunk].append(row_line(built))
            if isinstance(built, Stored):
                builder.add(built)
                all_stored.append(built)
        table = builder.table()
        records |= zip(table.entries["row"].tolist(), unframed(work.read_bytes(), table.entries["bytes"]), strict=True)
        tables.append(table)
    resolution = resolve_tables(tables, data)
    reasons = resolution.decision.reason
    kept = {one.row: one for one, reason in zip(all_stored, reasons, strict=True) if reason == KEPT}
    return Outcome(resolution, kept, records, list(all_rejects(resolution, lines.__getitem__)))


def unframed(content: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """The records in the frames of a file."""
    stop = 0
    for size in sizes:
        start, stop = stop, stop + int(size)
        yield content[start + RECORD_HEADER.size : stop - CHECKSUM.size]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("catalogue")
    for seed, name in enumerate(IMAGES):
        write_image(made / name, seed)
    return made


def write(folder: Path, rows: Iterable[tuple[str, ...]]) -> str:
    path = folder / "catalogue.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return str(path)


def check(rows: list[tuple[str, ...]], outcome: Outcome) -> None:
    """Every row is there once, in one of two places, and what is kept is what was given."""
    numbers = [*outcome.kept, *(reject.row for reject in outcome.rejects)]
    assert sorted(numbers) == list(range(1, len(rows) + 1))
    assert [reject.row for reject in outcome.rejects] == sorted(reject.row for reject in outcome.rejects)
    for number, stored in outcome.kept.items():
        image, description, label, group = rows[number - 1]
        values = tf.train.Example.FromString(outcome.records[number]).features.feature
        assert values[features.DESCRIPTION].bytes_list.value[:] == [description.encode()]
        assert values[features.GROUP].bytes_list.value[:] == ([group.strip().encode()] if group.strip() else [])
        assert values[features.LABEL].bytes_list.value[:] == [label.encode()]
        assert (stored.labels, stored.image) == ((label,), image)
    counts = Counter(stored.labels[0] for stored in outcome.kept.values())
    assert {label: sum(splits.values()) for label, splits in count_labels(outcome.resolution).items()} == counts


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=catalogues,
    chunk=st.integers(1, 20),
    exact=st.sampled_from(["keep", "together", "drop"]),
    stratify=st.booleans(),
)
def test_any_catalogue_reconciles(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[str, ...]],
    chunk: int,
    exact: str,
    stratify: bool,
) -> None:
    monkeypatch.setattr(catalogue_rows, "ROWS_PER_CHUNK", chunk)
    data = DataOptions(catalogue=write(folder, rows), split_by="group", duplicates={"exact": exact}, stratify=stratify)
    check(rows, ingest(data))


def test_ten_thousand_rows_reconcile(folder: Path) -> None:
    kinds = [*IMAGES, "absent.png", ""]
    rows = [(kinds[n % 5], f"text {n // 7}", "xy"[n % 2], f"group {n // 11}") for n in range(10_000)]
    outcome = ingest(DataOptions(catalogue=write(folder, rows), split_by="group"))
    check(rows, outcome)
    assert len(outcome.resolution.parts) > 1
    assert Counter(reject.reason for reject in outcome.rejects) == {"missing_file": 2_000, "missing_image": 2_000}


def test_a_repeat_names_the_row_it_repeats(folder: Path) -> None:
    rows = [("a.png", "t", "x", ""), ("b.png", "t", "x", ""), ("a.png", "t", "x", "")]
    (reject,) = ingest(DataOptions(catalogue=write(folder, rows))).rejects
    assert reject.as_json() == {
        "source": "catalogue.csv",
        "row": 3,
        "id": "a.png",
        "image": "a.png",
        "reason": "duplicate",
        "detail": "repeats row 1",
    }
