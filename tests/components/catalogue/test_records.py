"""A row becomes a record or a reject, whatever its image is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.rows import Row, SourceFile
from diptych.components.catalogue.reasons import REASONS, Reject
from diptych.components.catalogue.records import Record, RecordOptions, build_record, make_reject
from diptych.models import features
from tests.helpers import SMALL, as_file, noise, write_image


@pytest.fixture
def source(tmp_path: Path) -> SourceFile:
    """A source whose images' root holds good.png."""
    write_image(tmp_path / "images" / "good.png", seed=1)
    return SourceFile("catalogue.csv", str(tmp_path / "images"))


def row(image: str = "good.png", **changes: Any) -> Row:
    return Row(**{"number": 3, "id": "r3", "image": image, "description": "A text.", "labels": ("cat",), **changes})


def build(one: Row, source: SourceFile, **options: Any) -> Record | Reject:
    return build_record(one, source, RecordOptions(DataOptions(catalogue="catalogue.csv", **options), SMALL))


def rejected(one: Row, source: SourceFile, **options: Any) -> Reject:
    built = build(one, source, **options)
    assert isinstance(built, Reject)
    assert (built.source, built.row, built.id, built.image) == ("catalogue.csv", 3, "r3", one.image)
    return built


def accepted(one: Row, source: SourceFile, **options: Any) -> Record:
    built = build(one, source, **options)
    assert isinstance(built, Record), built
    return built


def test_a_good_row_becomes_a_whole_record(source: SourceFile) -> None:
    record = accepted(row(group="ann"), source)
    assert set(record.values) == set(features.RECORD_FEATURES)
    assert len(record.values[features.IMAGE]) == SMALL.height * SMALL.width * 3
    assert (record.values[features.WIDTH], record.values[features.HEIGHT]) == (14, 12)
    assert record.values[features.FILE_BYTES] == len(as_file(noise(1)))
    assert record.values[features.GROUP] == "ann"
    assert record.values[features.ENCODING] == "raw"


def test_a_row_without_a_text_is_kept_if_asked_as_it_is(source: SourceFile) -> None:
    record = accepted(row(description=" "), source, missing_descriptions="keep")
    assert record.values[features.DESCRIPTION] == " "
    assert rejected(row(description=" "), source).reason == "missing_description"


def test_of_images_alone_no_record_has_a_description(source: SourceFile) -> None:
    record = accepted(row(description=""), source, columns={"description": None})
    assert record.values[features.DESCRIPTION] is None
    assert b"description" not in features.encode_record(record.values)


def test_an_image_in_the_catalogue_itself_is_the_same(source: SourceFile) -> None:
    assert accepted(row("", content=as_file(noise(1))), source).values == accepted(row(), source).values


@pytest.mark.parametrize(
    ("bad", "reason", "detail"),
    [
        (row(problem=("malformed_row", "2 fields")), "malformed_row", "2 fields"),
        (row(problem=("several_images", "2 images")), "several_images", "2 images"),
        (row(" "), "missing_image", "'image' is empty"),
        (row(description=" \n"), "missing_description", "'description' is empty"),
        (row(description="x" * 100_001), "description_too_long", "100,001 characters, 100,000 are allowed"),
        (row(labels=()), "missing_label", "'label' is empty"),
        (row("absent.png"), "missing_file", "there is no file 'absent.png'"),
        (row("good.png/inner.png"), "missing_file", "there is no file"),
        (row("../outside.png"), "outside_root", "leaves the images' root"),
        (row("https://example.org/a.png"), "outside_root", "data.images_root"),
        (row("."), "unreadable_file", "Is a directory"),
        (row("x" * 300), "missing_file", "there is no file"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(source: SourceFile, bad: Row, reason: str, detail: str) -> None:
    reject = rejected(bad, source)
    assert reject.reason == reason
    assert detail in reject.detail


def test_a_path_with_a_zero_byte_is_rejected(source: SourceFile) -> None:
    assert rejected(row("a\0b.png"), source).reason == "missing_file"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty_file"), (b"no image", "not_an_image"), (as_file(noise(2))[:-30], "truncated")],
)
def test_a_broken_image_is_rejected(source: SourceFile, content: bytes, reason: str) -> None:
    (Path(source.images_root) / "broken.png").write_bytes(content)
    assert rejected(row("broken.png"), source).reason == reason


@pytest.mark.parametrize("inline", [True, False])
def test_a_file_beyond_the_limit_is_rejected(source: SourceFile, inline: bool) -> None:
    content = as_file(noise(1, 200, 200))
    (Path(source.images_root) / "large.png").write_bytes(content)
    one = row("large.png", content=content if inline else None)
    reject = rejected(one, source, limits={"file_mb": 0.1})
    detail = "more than 0.1 MB" if inline else "'large.png' holds more than 0.1 MB"
    assert (reject.reason, reject.detail) == ("too_large", detail)


def test_a_label_must_be_one_of_those_declared(source: SourceFile) -> None:
    assert accepted(row(), source, labels=["cat", "dog"])
    reject = rejected(row(labels=("cta",)), source, labels=["cat", "dog"])
    assert (reject.reason, reject.detail) == ("unknown_label", "'cta' is not in data.labels")


def test_each_of_several_labels_must_be_one_of_those_declared(source: SourceFile) -> None:
    both = accepted(row(labels=("cat", "dog")), source, labels=["dog", "cat"], label_separator=",")
    assert both.values[features.LABEL] == ("cat", "dog")
    reject = rejected(row(labels=("cat", "cow", "dgo")), source, labels=["cat", "dog"], label_separator=",")
    assert (reject.reason, reject.detail) == ("unknown_label", "'cow', 'dgo' are not in data.labels")


@pytest.mark.parametrize(
    ("given", "meant"), [("train", "train"), ("Validation", "val"), ("dev", "val"), ("testing", "test")]
)
def test_other_names_of_the_splits_are_understood(source: SourceFile, given: str, meant: str) -> None:
    assert accepted(row(split=given), source, columns={"split": "part"}).split == meant


@pytest.mark.parametrize("given", ["all", "train val", "3", None])
def test_an_unknown_split_is_rejected(source: SourceFile, given: str | None) -> None:
    assert rejected(row(split=given), source, columns={"split": "part"}).reason == "unknown_split"


def test_a_pipe_is_rejected_and_not_waited_for(source: SourceFile) -> None:
    os.mkfifo(Path(source.images_root) / "pipe.png")
    reject = rejected(row("pipe.png"), source)
    assert (reject.reason, reject.detail) == ("unreadable_file", "'pipe.png' cannot be read: Not a regular file")


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user who is not root: root reads every file")
def test_a_forbidden_file_is_rejected(source: SourceFile) -> None:
    (Path(source.images_root) / "good.png").chmod(0)
    assert "Permission denied" in rejected(row(), source).detail


def test_a_link_out_of_the_root_is_rejected(source: SourceFile) -> None:
    write_image(Path(source.images_root).parent / "secret.png", seed=5)
    (Path(source.images_root) / "link.png").symlink_to("../secret.png")
    assert rejected(row("link.png"), source).reason == "outside_root"


@pytest.mark.parametrize("name", ["ein Bild.png", "größe.png", "写真.png", "🙂.png", "a,b'\"c.png", "-x.png"])
def test_any_file_name_will_do(source: SourceFile, name: str) -> None:
    write_image(Path(source.images_root) / name, seed=2)
    assert accepted(row(name), source)


def test_a_reason_that_is_not_in_the_list_is_no_reason() -> None:
    with pytest.raises(ValueError, match="none of the reasons"):
        Reject("rows.csv", 1, "a", "a.png", "bad_mood", "")
    assert all(REASONS.values())


def test_the_key_of_a_signed_url_goes_no_further_than_the_request() -> None:
    """Not into the id, which stays the same when the URL is signed anew, nor into a reject."""
    source = SourceFile("rows.csv", "https://host/images")
    signed = Row(1, id="a.jpg?w=1&X-Amz-Date=2&X-Amz-Signature=key", image="a.jpg?X-Amz-Signature=key", labels=("x",))
    reject = make_reject(signed, source, "missing_file", "'https://me:key@host/a.jpg?sig=key' is gone")
    assert reject.id == "a.jpg?w=1&X-Amz-Date=***&X-Amz-Signature=***"
    assert reject.image == "a.jpg?X-Amz-Signature=***"
    assert reject.detail == "'https://***@host/a.jpg?sig=***' is gone"
    local = make_reject(signed, SourceFile("rows.csv", "/images"), "missing_file", "gone")
    assert local.id == signed.id
