"""A row becomes a record or a reject, whatever its image is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.example_gen.catalogue import Row, read_catalogue
from components.example_gen.options import DataOptions
from components.example_gen.records import REASONS, Record, Reject, build_record, duplicate_key, reject_duplicate
from models import features
from tests.helpers import SMALL, as_file, noise, write_image


@pytest.fixture
def data(tmp_path: Path) -> DataOptions:
    """A catalogue's options whose folder holds good.png."""
    write_image(tmp_path / "images" / "good.png", seed=1)
    return DataOptions(catalogue=str(tmp_path / "images" / "catalogue.csv"))


def row(image: str, **changes: object) -> Row:
    return Row(**{"number": 3, "id": "r3", "image": image, "description": "A text.", "label": "cat", **changes})


def rejected(built: Record | Reject) -> Reject:
    assert isinstance(built, Reject)
    assert (built.row, built.id) == (3, "r3")
    assert built.reason in REASONS
    return built


def test_a_good_row_becomes_a_whole_record(data: DataOptions) -> None:
    record = build_record(row("good.png", group="ann"), data, SMALL)
    assert isinstance(record, Record)
    assert set(record.values) == set(features.RECORD)
    assert len(record.values[features.IMAGE]) == SMALL.height * SMALL.width * 3
    assert (record.values[features.WIDTH], record.values[features.HEIGHT]) == (14, 12)
    assert record.values[features.FILE_BYTES] == len(as_file(noise(1)))
    assert record.values[features.GROUP] == "ann"


@pytest.mark.parametrize(
    ("bad", "reason", "detail"),
    [
        (row("good.png", problem="2 fields"), "malformed_row", "2 fields"),
        (row(" "), "missing_image", "column 'image' is empty"),
        (row("good.png", description=" \n"), "empty_description", "column 'description' is empty"),
        (row("good.png", label=""), "missing_label", "column 'label' is empty"),
        (row("absent.png"), "missing_file", "there is no file 'absent.png'"),
        (row("good.png/inner.png"), "missing_file", "there is no file"),
        (row("../outside.png"), "outside_root", "leaves the images' root"),
        (row("https://example.org/a.png"), "outside_root", "is not relative"),
        (row("."), "unreadable_image", "Is a directory"),
        (row("a\0b.png"), "unreadable_image", "null"),
        (row("x" * 300), "unreadable_image", "File name too long"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(data: DataOptions, bad: Row, reason: str, detail: str) -> None:
    reject = rejected(build_record(bad, data, SMALL))
    assert reject.reason == reason
    assert detail in reject.detail


@pytest.mark.parametrize("content", [b"", b"no image", as_file(noise(2))[:-30], as_file(noise(2), "JPEG")[:300]])
def test_a_broken_image_is_rejected(data: DataOptions, content: bytes) -> None:
    Path(data.catalogue).with_name("broken.png").write_bytes(content)
    assert rejected(build_record(row("broken.png"), data, SMALL)).reason == "unreadable_image"


def test_a_pipe_is_rejected_and_not_waited_for(data: DataOptions) -> None:
    os.mkfifo(Path(data.catalogue).with_name("pipe.png"))
    reject = rejected(build_record(row("pipe.png"), data, SMALL))
    assert (reject.reason, reject.detail) == ("unreadable_image", "cannot be read: Not a regular file")


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user who is not root: root reads every file")
def test_a_forbidden_file_is_rejected(data: DataOptions) -> None:
    path = Path(data.catalogue).with_name("good.png")
    path.chmod(0)
    assert "Permission denied" in rejected(build_record(row("good.png"), data, SMALL)).detail


@pytest.mark.parametrize("name", ["ein Bild.png", "größe.png", "写真.png", "🙂.png", "a,b'\"c.png", "-x.png"])
def test_any_file_name_will_do(data: DataOptions, name: str) -> None:
    write_image(Path(data.catalogue).with_name(name), seed=2)
    assert isinstance(build_record(row(name), data, SMALL), Record)


def test_every_reason_is_reached(tmp_path: Path) -> None:
    write_image(tmp_path / "good.png", seed=1)
    (tmp_path / "broken.png").write_bytes(b"no image")
    catalogue = tmp_path / "rows.csv"
    catalogue.write_text(
        "image,description,label\n"
        "good.png,t,c\ngood.png,t\n,t,c\nabsent.png,t,c\n../x.png,t,c\nbroken.png,t,c\ngood.png,,c\ngood.png,t,\n"
    )
    data = DataOptions(catalogue=str(catalogue))
    built = [build_record(each, data, SMALL) for each in read_catalogue(data)]
    reasons = {each.reason for each in built if isinstance(each, Reject)}
    assert reasons | {"duplicate"} == set(REASONS)


def test_rows_that_say_the_same_have_one_key(data: DataOptions) -> None:
    def key(**changes: object) -> str:
        record = build_record(row("good.png", **changes), data, SMALL)
        assert isinstance(record, Record)
        return duplicate_key(record)

    assert key() == key(number=9, id="r9", group="bob")
    assert len({key(), key(description="Another."), key(label="dog")}) == 3
    assert key(description="a\0b", label="c") != key(description="a", label="b\0c")


def test_a_duplicate_names_the_row_it_repeats(data: DataOptions) -> None:
    record = build_record(row("good.png"), data, SMALL)
    assert isinstance(record, Record)
    assert reject_duplicate(record, kept_row=2).as_json() == {
        "row": 3,
        "id": "r3",
        "image": "good.png",
        "reason": "duplicate",
        "detail": "repeats row 2",
    }
