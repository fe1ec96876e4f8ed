"""TFRecord files that other tools wrote: every record is a row."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.components.catalogue.readers import rows, tfrecord
from diptych.components.catalogue.readers.rows import CatalogueError, Row
from diptych.components.catalogue.readers.tfrecord import TfrecordReader
from tests.catalogue_kinds import example
from tests.components.catalogue.readers.source_reading import cut_source, read_source

GOOD = example(image=b"image", description="text", label="cat")
# Bytes before a record (its length and the checksum of that) and after it (its checksum).
FRAME_BYTES = 8 + 4 + len(GOOD) + 4


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 2)


def write(path: Path, *records: bytes, compression: str = "") -> Path:
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return path


def rows_of(folder: Path, *records: bytes, **options: object) -> list[Row]:
    return read_source(TfrecordReader(), write(folder / "rows.tfrecord", *records), **options)


def test_features_are_columns(tmp_path: Path) -> None:
    record = example(picture=b"image", text="A cat.", kind="cat", key=7, by="ann", part="val", other=[b"1", b"2"])
    columns = {"image": "picture", "description": "text", "label": "kind", "id": "key", "split": "part"}
    (row,) = rows_of(tmp_path, record, columns=columns, split_by="by")
    assert row == Row(1, "7", "", "A cat.", ("cat",), "ann", "val", b"image")


def test_without_an_id_the_place_in_the_file_is_one(tmp_path: Path) -> None:
    assert [row.id for row in rows_of(tmp_path, GOOD, GOOD, GOOD)] == [f"rows.tfrecord__{place}" for place in range(3)]


def test_a_feature_of_several_values_is_a_list_of_labels(tmp_path: Path) -> None:
    found = rows_of(
        tmp_path,
        *(example(image=b"1", description="t", label=labels) for labels in ([b"d,e", b"c"], b"d,c", [3, 1])),
        label_separator=",",
    )
    assert [row.labels for row in found] == [("c", "d,e"), ("c", "d"), ("1", "3")]


def test_several_integer_labels_get_names_and_no_name_is_parted(tmp_path: Path) -> None:
    (tmp_path / "label.labels.txt").write_text("cat\nd,e\n")
    found = rows_of(
        tmp_path,
        *(example(image=b"1", description="t", label=labels) for labels in ([1, 0], 1, [1, -1], [0, 2])),
        label_separator=",",
    )
    assert [row.labels for row in found] == [("cat", "d,e"), ("d,e",), ("d,e",), ()]
    assert [row.problem and row.problem[0] for row in found] == [None, None, None, "unknown_label"]


def test_a_record_of_too_many_values_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfrecord, "_MAX_VALUES", 100)
    records = [example(image=b"1", description="t", label="a", other=[7] * count) for count in (50, 101)]
    few, many = rows_of(tmp_path, *records)
    assert (few.problem, many.problem) == (None, ("too_large", "the record has more than 100 values"))


def test_integer_labels_get_the_names_in_the_file_of_names(tmp_path: Path) -> None:
    (tmp_path / "label.labels.txt").write_text("cat\ndog\n")
    numbers = (1, 0, -1, 2, -2)
    found = rows_of(tmp_path, *(example(image=b"1", description="t", label=number) for number in numbers))
    assert [row.labels for row in found] == [("dog",), ("cat",), (), (), ()]
    problem = ("unknown_label", "number 2 is none of the 2 labels that have names")
    assert [row.problem for row in found] == [None, None, None, problem, (problem[0], problem[1].replace("2", "-2", 1))]


def test_numbers_and_texts_without_a_file_of_names_are_labels_themselves(tmp_path: Path) -> None:
    found = rows_of(tmp_path, *(example(image=b"1", description="t", label=label) for label in (3, "cat", 0.5)))
    assert [row.labels for row in found] == [("3",), ("cat",), ("0.5",)]


def test_broken_file_of_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "label.labels.txt").write_bytes(b"\xff")
    with pytest.raises(CatalogueError, match="data.columns.label: the names in .* cannot be read"):
        rows_of(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("name", "split"), [("a-b-validation.tfrecord-00000-of-00002", "validation"), ("a.tfrecord", None)]
)
def test_split_is_that_of_the_file_name_unless_it_is_a_feature(tmp_path: Path, name: str, split: str | None) -> None:
    path = write(tmp_path / name, GOOD, example(image=b"1", description="t", label="c", split="test"))
    found = read_source(TfrecordReader(), path, columns={"split": "split"})
    assert [row.split for row in found] == [split, "test"]


def test_several_images_in_a_record_are_refused(tmp_path: Path) -> None:
    first, second = rows_of(tmp_path, example(image=[b"1", b"2"], description="t", label="c"), GOOD)
    assert (first.problem and first.problem[0], second.problem) == ("several_images", None)


def test_feature_without_a_value_is_an_empty_text(tmp_path: Path) -> None:
    empty = tf.train.Example()
    empty.features.feature["label"].SetInParent()
    first, _ = rows_of(tmp_path, empty.SerializeToString(), GOOD)
    assert (first.content, first.description, first.labels, first.problem) == (None, "", (), None)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (b"no Example", ("malformed_row", "the record is no tf.train.Example")),
        (example(image=1, description="t", label="c"), ("malformed_row", "feature 'image' holds numbers")),
        (example(image=b"1", description=b"\xff", label="c"), ("bad_encoding", "column 'description' is not valid")),
        (example(image=b"1", description=[b"a", b"b"], label="c"), ("malformed_row", "column 'description' holds")),
        (example(image=b"1" * 1_100_000, description="t", label="c"), ("too_large", "the record holds 1.1 MB")),
    ],
)
def test_unusable_record_is_the_problem_of_its_row_alone(
    tmp_path: Path, record: bytes, problem: tuple[str, str]
) -> None:
    first, second, third = rows_of(tmp_path, GOOD, record, GOOD, limits={"file_mb": 0.01})
    assert (first.problem, third.problem) == (None, None)
    assert second.problem is not None
    assert (second.id, second.problem[0]) == ("rows.tfrecord__1", problem[0])
    assert second.problem[1].startswith(problem[1])


def test_damaged_record_is_the_problem_of_its_row_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.tfrecord", GOOD, GOOD, GOOD)
    content = bytearray(path.read_bytes())
    content[FRAME_BYTES + 20] ^= 1
    path.write_bytes(content)
    found = read_source(TfrecordReader(), path)
    problem = ("malformed_row", "the record's checksum differs: it is damaged")
    assert [row.problem for row in found] == [None, problem, None]


@pytest.mark.parametrize("size", [0, 1 << 20, 1 << 62, (1 << 64) - 1])
def test_damaged_length_is_refused_and_not_read(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "rows.tfrecord", GOOD, GOOD)
    content = bytearray(path.read_bytes())
    content[FRAME_BYTES : FRAME_BYTES + 8] = struct.pack("<Q", size)
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=f"no record begins at byte {FRAME_BYTES}; write or copy it anew"):
        read_source(TfrecordReader(), path)


@pytest.mark.parametrize("left", [1, 11, 12, 13, FRAME_BYTES - 1])
def test_truncated_file_is_refused_whole(tmp_path: Path, left: int) -> None:
    path = write(tmp_path / "rows.tfrecord", GOOD, GOOD)
    path.write_bytes(path.read_bytes()[: FRAME_BYTES + left])
    with pytest.raises(CatalogueError, match=f"is no whole TFRecord file: .* at byte {FRAME_BYTES}"):
        read_source(TfrecordReader(), path)


@pytest.mark.parametrize("content", [b"<html>not found</html>", gzip.compress(b"text"), b"\x1f\x8b\x08"])
def test_what_is_no_tfrecord_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.tfrecord"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match="rows.tfrecord"):
        read_source(TfrecordReader(), path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="there is no file"):
        read_source(TfrecordReader(), tmp_path / "none.tfrecord")


def test_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert rows_of(tmp_path) == []


def test_missing_feature_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="data.columns.label: .* has no column 'label'; did you mean 'labels'"):
        rows_of(tmp_path, example(image=b"1", description="t", labels="c"))


def test_features_that_some_records_lack_are_columns(tmp_path: Path) -> None:
    assert [row.labels for row in rows_of(tmp_path, example(image=b"1", description="t"), GOOD)] == [(), ("cat",)]


def test_compressed_file_is_read_from_its_spool(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.tfrecord.gz", GOOD, GOOD, GOOD, compression="GZIP")
    assert [row.content for row in read_source(TfrecordReader(), path)] == [b"image"] * 3
    assert {chunk.spool for chunk in cut_source(TfrecordReader(), path)} == {f"{path}.spool"}


def test_length_that_looks_like_a_compressed_file_is_none(tmp_path: Path) -> None:
    lacking = 0x088B1F - len(example(image=b"image", description="text", label="cat", filler=b"0" * 0x080000))
    record = example(image=b"image", description="text", label="cat", filler=b"0" * (0x080000 + lacking))
    path = write(tmp_path / "rows.tfrecord", record)
    assert path.read_bytes().startswith(b"\x1f\x8b\x08")
    (row,) = read_source(TfrecordReader(), path)
    assert row.content == b"image"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 3 * FRAME_BYTES - 1), byte=st.integers(1, 255))
def test_any_damage_is_told_of(tmp_path: Path, place: int, byte: int) -> None:
    path = write(tmp_path / "rows.tfrecord", GOOD, GOOD, GOOD)
    content = bytearray(path.read_bytes())
    content[place] ^= byte
    path.write_bytes(content)
    try:
        found = read_source(TfrecordReader(), path)
    except CatalogueError:
        return
    assert [row.problem is None for row in found].count(False) == 1


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(
        st.tuples(st.binary(min_size=1, max_size=2000), st.text(st.characters(blacklist_categories=["Cs"])))
    ),
)
def test_any_values_are_read_as_they_are(tmp_path: Path, records: list[tuple[bytes, str]]) -> None:
    written = [example(image=image, description=text, label=text) for image, text in records]
    found = rows_of(tmp_path, *written)
    assert [(row.content, row.description, "".join(row.labels)) for row in found] == [
        (image, text, text.strip()) for image, text in records
    ]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=100)))
def test_any_bytes_are_a_row(tmp_path: Path, records: list[bytes]) -> None:
    assert len(rows_of(tmp_path, GOOD, *records)) == len(records) + 1
