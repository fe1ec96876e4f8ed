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

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers import rows as catalogue_rows
from diptych.components.catalogue.readers.rows import Chunk
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import RecordOptions
from diptych.components.example_gen.account import count_labels, list_rejects, result_as_json, track_progress
from diptych.components.example_gen.assignment import Assignment, assign_splits
from diptych.components.example_gen.duplicates import KEPT
from diptych.components.example_gen.record_index import ChunkIndex, ChunkIndexBuilder, IndexedRecord, write_records
from diptych.models import features
from diptych.models.natural_order import natural_key
from diptych.models.tfrecord_framing import CHECKSUM, RECORD_HEADER
from tests.helpers import SMALL, write_image

IMAGES = ["a.png", "b.png", "c.png"]
COLUMNS = ["image", "description", "label", "group"]

# UTF-8 files cannot hold lone surrogates, and Python 3.10's csv cannot write NUL; the readers' tests cover such bytes.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
cells = st.one_of(texts, st.sampled_from(['"quoted", text', "two\nlines", " ", "", "😀", "a\u0301", "\ufeffmark"]))
catalogues = st.lists(
    st.tuples(st.sampled_from([*IMAGES, "absent.png", "../x.png", ""]), cells, st.sampled_from(["x", "y", ""]), cells),
    min_size=1,
    max_size=60,
)


@dataclass(frozen=True)
class Outcome:
    """What became of a catalogue.

    Attributes:
        kept: the records that are kept, by the number of their row.
        contents: the serialised records as they were written, by the number of their row.
    """

    assignment: Assignment
    kept: dict[int, IndexedRecord]
    contents: dict[int, bytes]
    rejects: list[Reject]


def ingest(data: DataOptions) -> Outcome:
    """Ingestion's steps without Beam and without processes."""
    catalogue, work = Catalogue.open(data), Path(data.catalogue).with_name("work.tfrecord")
    results: dict[Chunk, list[dict[str, Any]]] = {}
    records: list[IndexedRecord] = []
    contents: dict[int, bytes] = {}
    indexes: list[ChunkIndex] = []
    for chunk in catalogue.chunks(str(work.parent)):
        builder, results[chunk] = ChunkIndexBuilder(chunk), []
        source, options = catalogue.source_file(chunk.source), RecordOptions(data, SMALL)
        for result in track_progress(write_records(list(catalogue.read(chunk)), source, options, str(work))):
            results[chunk].append(result_as_json(result))
            if isinstance(result, IndexedRecord):
                builder.add(result)
                records.append(result)
        index = builder.build()
        sizes = index.entries["bytes"]
        contents |= zip(index.entries["row"].tolist(), unframed(work.read_bytes(), sizes), strict=True)
        indexes.append(index)
    assignment = assign_splits(indexes, data)
    kept = {one.row: one for one, reason in zip(records, assignment.reason, strict=True) if reason == KEPT}
    return Outcome(
        assignment, kept, contents, list(list_rejects(assignment, catalogue, lambda one: results[one.chunk]))
    )


def unframed(content: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """The records of a TFRecord file, without their framing."""
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
    """Checks that every row is either kept or rejected, and that records hold the values of their rows."""
    numbers = [*outcome.kept, *(reject.row for reject in outcome.rejects)]
    assert sorted(numbers) == list(range(1, len(rows) + 1))
    assert [reject.row for reject in outcome.rejects] == sorted(reject.row for reject in outcome.rejects)
    for number, record in outcome.kept.items():
        image, description, label, group = rows[number - 1]
        values = tf.train.Example.FromString(outcome.contents[number]).features.feature
        assert values[features.DESCRIPTION].bytes_list.value[:] == [description.encode()]
        assert values[features.GROUP].bytes_list.value[:] == ([group.strip().encode()] if group.strip() else [])
        assert values[features.LABEL].bytes_list.value[:] == [label.encode()]
        assert (record.labels, record.image) == ((label,), image)
    counts = Counter(record.labels[0] for record in outcome.kept.values())
    assert {label: sum(splits.values()) for label, splits in count_labels(outcome.assignment).items()} == counts
    assert list(count_labels(outcome.assignment)) == sorted(counts, key=natural_key)


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
    assert len(outcome.assignment.chunks) > 1
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
