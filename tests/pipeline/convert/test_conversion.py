"""Legacy datasets become Parquet catalogues: every row, its pixels and its texts."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.parquet import ParquetReader
from diptych.pipeline.convert import conversion
from diptych.pipeline.convert.conversion import ConversionResult, convert, write_catalogue_to_json
from diptych.pipeline.convert.errors import ConversionError
from tests.helpers import as_file, noise

COUNT = 5
IMAGES = np.stack([noise(number) for number in range(COUNT)])
TEXTS = [f"a long text about number {number}" for number in range(COUNT)]
LABELS = ["odd" if number % 2 else "even" for number in range(COUNT)]


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pickles here do no harm, and a process for each takes time."""
    monkeypatch.setattr(conversion, "call_isolated", lambda _, arguments, path: write_catalogue_to_json(*arguments))


def converted(old: Path, **options: Any) -> tuple[ConversionResult, list[dict[str, Any]]]:
    """The result, and the rows of the catalogue."""
    new = old.with_name("new.parquet")
    done = convert(str(old), str(new), options.pop("names", {}), **options)
    rows = pq.read_table(new).to_pylist()
    assert len(rows) == done.rows == done.inline + done.paths + sum(row["image"] is None for row in rows)
    return done, rows


def pickled(folder: Path, value: object, **options: Any) -> tuple[ConversionResult, list[dict[str, Any]]]:
    path = folder / "old.pkl"
    path.write_bytes(pickle.dumps(value))
    return converted(path, **options)


def pixels(row: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))


def check_whole(rows: list[dict[str, Any]], images: np.ndarray = IMAGES) -> None:
    assert [row["description"] for row in rows] == TEXTS
    assert [row["label"] for row in rows] == LABELS
    for row, image in zip(rows, images, strict=True):
        np.testing.assert_array_equal(pixels(row), image)


SHAPES: dict[str, Callable[[Any], Any]] = {
    "list of dicts": lambda images: [
        {"img": image, "caption": text, "class": label}
        for image, text, label in zip(images, TEXTS, LABELS, strict=True)
    ],
    "list of tuples": lambda images: list(zip(images, TEXTS, LABELS, strict=True)),
    "dict of lists": lambda images: {"images": list(images), "texts": TEXTS, "labels": LABELS},
    "dict of arrays": lambda images: {"X": images, "text": np.array(TEXTS, object), "y": np.array(LABELS)},
    "tuple of arrays": lambda images: (images, np.array(TEXTS), np.array(LABELS)),
    "list of three arrays": lambda images: [images, np.array(TEXTS), np.array(LABELS)],
    "tuple of lists": lambda images: (list(images), TEXTS, LABELS),
    "array of dicts": lambda images: np.array(
        [{"image": i, "description": t, "label": c} for i, t, c in zip(images, TEXTS, LABELS, strict=True)], object
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_pickles_of_each_shape_keep_every_pixel_and_text(tmp_path: Path, shape: str) -> None:
    done, rows = pickled(tmp_path, SHAPES[shape](IMAGES))
    check_whole(rows)
    assert (done.inline, done.paths, done.problems) == (COUNT, 0, [])


def test_the_catalogue_is_read_by_the_parquet_kind(tmp_path: Path) -> None:
    pickled(tmp_path, {"images": [*IMAGES[:3], "b.png", None], "captions": TEXTS, "classes": LABELS})
    data = DataOptions(catalogue=str(tmp_path / "new.parquet"))
    reader = ParquetReader()
    rows = [row for chunk in reader.cut(data.catalogue, 0, data, "") for row in reader.read(chunk, data)]
    assert [(row.description, *row.labels, row.problem) for row in rows] == [
        (text, label, None) for text, label in zip(TEXTS, LABELS, strict=True)
    ]
    assert [row.image for row in rows] == ["", "", "", "b.png", ""]
    assert [row.content is None for row in rows] == [False, False, False, True, True]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (IMAGES[..., 0], IMAGES[..., 0]),
        (IMAGES[..., :1], IMAGES[..., 0]),
        (np.concatenate([IMAGES, IMAGES[..., :1]], -1), np.concatenate([IMAGES, IMAGES[..., :1]], -1)),
        (IMAGES.astype(np.int64), IMAGES),
        (IMAGES.astype(np.float32), IMAGES),
        (IMAGES.astype(np.float32) / 255, IMAGES),
        (IMAGES > 127, np.where(IMAGES > 127, 255, 0)),
        (IMAGES // 255, IMAGES // 255),
    ],
    ids=["grey", "one channel", "alpha", "integers", "floats", "floats to 1", "booleans", "dark bytes"],
)
def test_numbers_become_the_levels_they_stand_for(tmp_path: Path, images: np.ndarray, expected: np.ndarray) -> None:
    _, rows = pickled(tmp_path, (images, TEXTS, LABELS))
    check_whole(rows, expected)


def test_one_dark_image_is_not_brightened(tmp_path: Path) -> None:
    images = [np.zeros((9, 9)), np.ones((9, 9)), np.full((9, 9), 200.0)]
    _, rows = pickled(tmp_path, (images, TEXTS[:3], LABELS[:3]))
    assert [pixels(row).max() for row in rows] == [0, 1, 200]


def test_the_channels_of_opencv_are_turned(tmp_path: Path) -> None:
    _, rows = pickled(tmp_path, (IMAGES[..., ::-1], TEXTS, LABELS), channels="bgr")
    check_whole(rows)


def test_bytes_and_paths_are_kept_as_they_are(tmp_path: Path) -> None:
    file = as_file(noise(0), "JPEG")
    images = [file, bytearray(file), np.frombuffer(file, np.uint8), "a/b.png", {"bytes": file, "path": "c.jpg"}]
    _, rows = pickled(tmp_path, (images, TEXTS, LABELS))
    assert [(row["image"]["bytes"], row["image"]["path"]) for row in rows] == [
        *[(file, None)] * 3,
        (None, "a/b.png"),
        (file, "c.jpg"),
    ]


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (np.zeros((3, 32, 32), np.uint8), r"shape \[3, 32, 32\]"),
        (np.zeros((2, 9, 9, 3), np.uint8), "shape"),
        (np.zeros((0, 9, 3), np.uint8), "shape"),
        (np.full((9, 9), -0.6), "outside 0 to 255"),
        (np.full((9, 9), 256), "outside 0 to 255"),
        (np.full((9, 9), np.nan), "outside 0 to 255"),
        (np.array(["a", "b"]), "holds a ndarray"),
        ([[1, 2], [3]], "holds a list"),
        (7, "holds a int"),
        (None, "holds a NoneType"),
        ("", "has no image"),
        (b"", "holds a bytes"),
        ({"path": None}, "has no image"),
        ("\ud800.png", "characters that do not exist"),
    ],
)
def test_a_row_without_a_usable_image_is_told_and_kept(tmp_path: Path, image: Any, problem: str) -> None:
    value = [{"image": held, "description": "some words", "label": "c"} for held in ("a.png", image, "b.png")]
    done, rows = pickled(tmp_path, value)
    assert [row["image"] is None for row in rows] == [False, True, False]
    assert [row["description"] for row in rows] == ["some words"] * 3
    ((number, told),) = done.problems
    assert number == 2
    assert re.search(problem, told)


def test_a_row_that_is_none_is_told_and_kept(tmp_path: Path) -> None:
    good = {"image": "a.png", "description": "some words", "label": "c"}
    done, rows = pickled(tmp_path, [good, 7, good, ("only", "two")])
    assert [row["label"] for row in rows] == ["c", None, "c", None]
    assert [number for number, _ in done.problems] == [2, 4]


def test_other_columns_are_kept_as_text(tmp_path: Path) -> None:
    others = {
        "split": "train",
        "n": np.int64(7),
        "share": 0.5,
        "gone": float("nan"),
        "yes": True,
        "tags": ["a", np.array([1, 2])],
        "raw": "café".encode("latin-1"),
        "set": {"b", "a"},
        "description": "another description",
    }
    row = {"image": "a.png", "caption": "some words", "label": 3, **others}
    done, (kept,) = pickled(tmp_path, [row], names={"description": "caption"})
    assert kept == {
        "image": {"bytes": None, "path": "a.png"},
        "description": "some words",
        "label": "3",
        "split": "train",
        "n": "7",
        "share": "0.5",
        "gone": None,
        "yes": "true",
        "tags": '["a", [1, 2]]',
        "raw": "café",
        "set": '["a", "b"]',
        "description_": "another description",
    }
    assert done.problems == []


def test_text_that_is_none_is_told_and_its_row_is_kept(tmp_path: Path) -> None:
    rows = [{"image": "a.png", "description": text, "label": "c"} for text in ("two words", "\ud800 x", 10**5000)]
    done, kept = pickled(tmp_path, rows, names={"description": "description"})
    assert [row["description"] for row in kept] == ["two words", None, None]
    assert [number for number, _ in done.problems] == [2, 3]


@pytest.mark.parametrize("orient", ["records", "list", "columns"])
def test_json_of_rows_and_of_columns_is_read(tmp_path: Path, orient: str) -> None:
    """The three ways in which pandas' ``to_json`` and ``to_dict`` write a table."""
    rows = [
        {"file": f"{n}.png", "text": text, "class": label}
        for n, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    by_index = {name: dict(enumerate(values)) for name, values in columns.items()}
    value = {"records": rows, "list": columns, "columns": by_index}[orient]
    (tmp_path / "old.json").write_text(json.dumps(value))
    done, kept = converted(tmp_path / "old.json")
    assert [row["image"]["path"] for row in kept] == [f"{n}.png" for n in range(COUNT)]
    assert [row["description"] for row in kept] == TEXTS
    assert done.paths == COUNT


def test_pixels_in_json_are_read(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps({"image": IMAGES.tolist(), "text": TEXTS, "label": LABELS}))
    _, rows = converted(tmp_path / "old.json")
    check_whole(rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_any_encoding_and_with_any_delimiter_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    texts = [f"une fenêtre fermée, à côté du café; {number} «été»\nligne" for number in range(COUNT)]
    with (tmp_path / "old.csv").open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["file", "caption", "class"])
        writer.writerows([f"{number}.png", text, "fenêtre"] for number, text in enumerate(texts))
    done, rows = converted(tmp_path / "old.csv")
    assert [row["description"] for row in rows] == texts
    assert {row["label"] for row in rows} == {"fenêtre"}
    assert done.problems == []


def test_a_table_is_read_as_init_reads_it(tmp_path: Path) -> None:
    """No header, vertical bars, a row with a field too many: no field is shifted, no label invented."""
    lines = [f"images/{number}.png|picture {number}, of a {label}|{label}" for number, label in enumerate(LABELS * 3)]
    lines[4] = "images/4.png|picture|4|even"
    (tmp_path / "old.txt").write_text("\n".join(lines), encoding="utf-16")
    done, rows = converted(tmp_path / "old.txt", names={"image": "1", "description": "2", "label": "3"})
    assert [row["label"] for row in rows] == [None if number == 4 else label for number, label in enumerate(LABELS * 3)]
    assert rows[0] == {
        "image": {"bytes": None, "path": "images/0.png"},
        "description": "picture 0, of a even",
        "label": "even",
    }
    assert [number for number, _ in done.problems] == [5]
    assert any(note.startswith("data.table.header: false") for note in done.notes)
    assert set(done.notes) <= set(done.lines())


def test_broken_csv_rows_are_told_and_kept(tmp_path: Path) -> None:
    quoted = b'a.png,"two words",c\n' * 5
    content = b"image,description,label\n" + quoted + b'b.png,two words\nc.png,"two"x,c\nd.png,\xe9\xe8 two,c\n'
    (tmp_path / "old.csv").write_bytes(content + "é".encode() * 30 + b".png,two words,c\n")
    done, rows = converted(tmp_path / "old.csv")
    paths = [(row["image"] or {}).get("path") for row in rows]
    assert paths == [*["a.png"] * 5, None, None, "d.png", "é" * 30 + ".png"]
    assert [number for number, _ in done.problems] == [6, 7, 8]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=30))
def test_any_text_of_a_pickle_comes_through(tmp_path: Path, texts: list[str]) -> None:
    (tmp_path / "new.parquet").unlink(missing_ok=True)
    value = {"image": ["a.png"] * len(texts), "text": texts, "label": texts}
    _, rows = pickled(tmp_path, value, names={"description": "text", "label": "label"})
    assert [row["description"] for row in rows] == texts


def test_row_groups_are_small_enough_to_hold(tmp_path: Path) -> None:
    value = [{"image": "a.png", "description": "some words", "label": "c"}] * 3000
    pickled(tmp_path, value)
    metadata = pq.ParquetFile(tmp_path / "new.parquet").metadata
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [1024, 1024, 952]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("old.csv", b"", "is empty"),
        ("old.csv", b"image,description,label\n", "holds no row"),
        ("old.csv", b"image,description,label\n" + b'a.png,"two words",c\n' * 9 + b'b.png,"two,c\n', "never closed"),
        ("old.csv", b"image,image,label\na.png,b,c\n", r"\['image'\] twice; rename all but one"),
        ("old.csv", b"\xff\xfea", "holds no row"),
        ("old.json", b"[1, 2", "cannot be read as JSON"),
        ("old.json", b"7", "holds no rows"),
        ("old.json", b"[" * 100_000, "nested too deeply"),
        ("old.json", b"[]", "holds no row"),
        ("old.json", b'{"image": ["a.png"], "text": ["a", "b"], "n": 1}', "'image' 1, 'text' 2"),
        ("old.xlsx", b"", "ends with '.xlsx'; convertible are .csv"),
    ],
)
def test_a_dataset_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConversionError, match=message):
        converted(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


def test_an_absent_dataset_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"^there is no file .*old\.csv"):
        converted(tmp_path / "old.csv")


@pytest.mark.parametrize(
    ("rows", "names", "message"),
    [
        ([{"a": 1, "b": 2}], {}, "--image NAME and --description NAME"),
        ([{"image": "a.png", "text": "two words", "label": "c"}], {"label": "lable"}, "did you mean 'label'"),
        ([{"image": "a.png", "text": "two words"}], {"label": "text", "description": "text"}, "different columns"),
        ([{"image": np.full((9, 9), -1), "text": "two words", "label": "c"}], {}, "no row of .* has an image; row 1"),
    ],
)
def test_what_nobody_can_know_is_asked_for(tmp_path: Path, rows: Any, names: dict[str, str], message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        pickled(tmp_path, rows, names=names)
    assert os.listdir(tmp_path) == ["old.pkl"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "new.parquet").write_text("precious")
    with pytest.raises(ConversionError, match="exists"):
        pickled(tmp_path, (IMAGES, TEXTS, LABELS))
    assert (tmp_path / "new.parquet").read_text() == "precious"
    with pytest.raises(ConversionError, match="must end with .parquet"):
        convert(str(tmp_path / "old.pkl"), str(tmp_path / "new.csv"), {})
    with pytest.raises(FileNotFoundError, match="absent/new.parquet"):
        convert(str(tmp_path / "old.pkl"), str(tmp_path / "absent" / "new.parquet"), {})


def test_an_unsafe_pickle_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"old\.pkl.*pathlib"):
        pickled(tmp_path, [{"image": Path("a.png")}])


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("value", [np.dtype("i4"), np.ndarray, list, set], ids=str)
def test_classes_are_no_data(tmp_path: Path, value: Any, protocol: int) -> None:
    rows = [{"image": "a.png", "description": "two words", "label": "c", "more": held} for held in (1, value, [value])]
    (tmp_path / "old.pkl").write_bytes(pickle.dumps(rows, protocol))
    done, kept = converted(tmp_path / "old.pkl")
    assert [row["more"] for row in kept] == ["1", None, None]
    assert [number for number, _ in done.problems] == [2, 3]
    assert all("is no text" in problem for _, problem in done.problems)
    (tmp_path / "new.parquet").unlink()
    (tmp_path / "old.pkl").write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(ConversionError, match="where rows or columns are needed"):
        converted(tmp_path / "old.pkl")


def test_problems_are_told_in_few_lines() -> None:
    problems = [(number, "column 'image' has no image") for number in range(1, 9)]
    lines = list(ConversionResult({"image": "img"}, rows=9, paths=1, problems=problems).lines())
    assert lines[0] == "9 rows: 0 images inside the catalogue, 1 by path"
    assert "data.images_root" in lines[2]
    assert lines[-1].startswith("and 3 more rows")
