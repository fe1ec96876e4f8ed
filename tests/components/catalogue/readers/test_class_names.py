"""Files of class names: lines, numbered lines, YOLO's YAML and JSON."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.fingerprint import digest_inputs
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.class_names import name_number, parse_class_names
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.reasons import RowError
from tests.helpers import write_catalogue, write_image

CATS = {"0": "cat", "1": "dog"}


@pytest.mark.parametrize(
    ("text", "extension", "names"),
    [
        ("cat\r\ndog\r\n\r\n", ".txt", CATS),
        ("cat\ndog", ".names", CATS),
        ("0 cat\n1 dog\n", ".txt", CATS),
        ("0: cat\n1:dog\n", ".txt", CATS),
        ("1 001.Black_footed_Albatross\n2 002.Laysan Albatross\n", ".txt", {
            "1": "001.Black_footed_Albatross",
            "2": "002.Laysan Albatross",
        }),
        ("2 wheeler\n3 wheeler\n", ".txt", {"0": "2 wheeler", "1": "3 wheeler"}),
        ("names: [cat, dog]\nnc: 2\ntrain: ../train\n", ".yaml", CATS),
        ("names:\n  0: cat\n  1: dog\n", ".yml", CATS),
        ('["cat", "dog"]', ".json", CATS),
        ('{"0": "cat", "1": "dog"}', ".json", CATS),
        ('{"cat": 0, "dog": 1}', ".json", CATS),
        ('{"model_type": "vit", "id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 0}}', ".json", CATS),
        ("ClassId,SignName\n0,cat\n1,dog\n", ".csv", CATS),
        ('name,colour,id\ncat,red,0\n"dog",red,1\n', ".csv", CATS),
        ("item {\n  id: 0\n  name: 'cat'\n}\nitem {name: \"n02\" id: 1 display_name: \"dog\"}", ".pbtxt", CATS),
        ('{"0": ["n02123045", "cat"], "1": ["n02084071", "dog"]}', ".json", CATS),
    ],
)  # fmt: skip
def test_names_are_read_as_they_are_numbered(text: str, extension: str, names: dict[str, str]) -> None:
    assert parse_class_names(text, extension) == names


@pytest.mark.parametrize(
    ("text", "extension"),
    [
        ("", ".txt"),
        ("[", ".json"),
        ("3", ".json"),
        ('{"info": {"a": 1}}', ".json"),
        ("names: !!python/object/apply:os.getcwd []", ".yaml"),
        ("train: here", ".yaml"),
        ("id,label\n0,cat\n1,dog\n2,cat\n", ".csv"),
        ("name,red\ncat,\ndog,1\n", ".csv"),
        ("item { id: 1 }", ".pbtxt"),
        ("[" * 100_000, ".json"),
        ("[" * 5000, ".yaml"),
        ("names: 2022-13-45", ".yaml"),
        ("id,name\n0," + "x" * 200_000, ".csv"),
        ("0: " + "x" * 10_001, ".txt"),
    ],
)
def test_a_file_without_names_is_refused(text: str, extension: str) -> None:
    with pytest.raises(ValueError, match="no names of classes|YAML|CSV|Expecting|too deeply|longer than"):
        parse_class_names(text, extension)


def test_a_field_longer_than_csv_takes_is_refused_whatever_was_read_before() -> None:
    before = csv.field_size_limit()
    try:
        for limit in (131_072, sys.maxsize):
            csv.field_size_limit(limit)
            with pytest.raises(ValueError, match="CSV|longer than"):
                parse_class_names("id,name\n0," + "x" * 200_000, ".csv")
    finally:
        csv.field_size_limit(before)


def test_minus_one_means_no_label() -> None:
    assert [name_number(number, ["cat", "dog"]) for number in (-1, 0, 1)] == [None, "cat", "dog"]
    for number in (-2, 2):
        with pytest.raises(RowError, match=f"number {number} is none of the 2"):
            name_number(number, ["cat", "dog"])


@pytest.fixture
def data(tmp_path: Path) -> DataOptions:
    write_image(tmp_path / "a.png", 1)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    row = {"image": "a.png", "description": "t", "label": "1"}
    return write_catalogue(tmp_path, [row], class_names="classes.txt")


def test_a_file_beside_the_catalogue_names_its_numbers(data: DataOptions) -> None:
    catalogue = Catalogue.open(data)
    assert catalogue.data.class_names == CATS
    assert [row.labels for _, row in catalogue.rows()] == [("dog",)]


def test_other_names_are_another_input(data: DataOptions, tmp_path: Path) -> None:
    before = digest_inputs(Catalogue.open(data))
    (tmp_path / "classes.txt").write_text("cat\nwolf\n")
    assert digest_inputs(Catalogue.open(data)) != before


def test_a_file_that_is_missing_is_named(data: DataOptions) -> None:
    with pytest.raises(CatalogueError, match=r"data.class_names: '.*/names.txt' cannot be read: no such file"):
        Catalogue.open(data.model_copy(update={"class_names": "names.txt"}))
