"""Every kind of image in every kind of catalogue, and that the documentation says which these are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import CatalogueFormat, DataOptions
from diptych.components.catalogue.readers.kinds import find_kind
from diptych.components.catalogue.readers.row_files import IMAGE_EXTENSIONS
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.reasons import Reject
from diptych.components.catalogue.records import Record, RecordOptions, build_record
from diptych.models import features
from diptych.models.images.options import ImageOptions
from tests import catalogue_kinds, image_kinds
from tests.catalogue_kinds import Item, write_kind
from tests.image_kinds import BACKGROUND, HEIGHT, WIDTH, Sample
from tests.paths import ROOT

PAGE = ROOT / "docs" / "catalogues.md"
HEADING = "## What can be read"
OWN_SIZE = ImageOptions(height=HEIGHT, width=WIDTH, background=BACKGROUND)
# Extensions by Pillow's name of the format; files of the samples have the first one.
ENDINGS = {
    "JPEG": [".jpg", ".jpeg", ".jpe", ".jfif"],
    "PNG": [".png"],
    "WEBP": [".webp"],
    "GIF": [".gif"],
    "BMP": [".bmp"],
    "TIFF": [".tiff", ".tif"],
    "AVIF": [".avif"],
    "HEIF": [".heic", ".heif"],
}


@cache
def samples() -> dict[str, Sample]:
    return {kind: make() for kind, make in image_kinds.KINDS.items()}


def items() -> Iterator[Item]:
    """A row for each kind of image."""
    for number, (kind, sample) in enumerate(samples().items()):
        name = f"{number:02d}{ENDINGS[sample.format][0]}"
        yield Item(kind, name, sample.data, f"a file of the kind {kind}", sample.format, kind)


def build(data: DataOptions) -> list[Record | Reject]:
    """What ingestion makes of each row, without Beam."""
    catalogue, options = Catalogue.open(data), RecordOptions(data, OWN_SIZE)
    return [build_record(row, catalogue.source_file(source), options) for source, row in catalogue.rows()]


def wrong_features(record: Record, kind: str) -> list[str]:
    """Names of the features that differ from the sample."""
    sample, values = samples()[kind], record.values
    expected = {
        features.DESCRIPTION: f"a file of the kind {kind}",
        features.LABEL: (sample.format,),
        features.GROUP: kind,
        features.FORMAT: sample.format,
        features.WIDTH: WIDTH,
        features.HEIGHT: HEIGHT,
        features.FILE_BYTES: len(sample.data),
    }
    pixels = np.frombuffer(values[features.IMAGE], np.uint8).reshape(HEIGHT, WIDTH, 3)
    is_like = np.abs(pixels.astype(int) - sample.pixels).mean() <= sample.loss
    return [name for name, value in expected.items() if values[name] != value] + [features.IMAGE] * (not is_like)


# No pair is left out: a table names any file, and archives, Parquet, TFRecord and folders hold the bytes of any.
@pytest.mark.parametrize("catalogue_kind", catalogue_kinds.KINDS)
def test_every_kind_of_image_is_read_from_every_kind_of_catalogue(catalogue_kind: str, tmp_path: Path) -> None:
    built = build(write_kind(catalogue_kind, tmp_path / "catalogue", list(items())))
    assert [one for one in built if isinstance(one, Reject)] == []
    records = {one.id: one for one in built if isinstance(one, Record)}
    assert len(built) == len(records)
    assert records.keys() == image_kinds.KINDS.keys()
    wrong = {kind: wrong_features(record, kind) for kind, record in records.items()}
    assert {kind: names for kind, names in wrong.items() if names} == {}


@pytest.mark.parametrize("catalogue_kind", catalogue_kinds.KINDS)
def test_what_is_no_image_is_refused_in_every_kind_of_catalogue(catalogue_kind: str, tmp_path: Path) -> None:
    item = Item("a", "a.jpg", b"no image", "text", "label", "group")
    (reject,) = build(write_kind(catalogue_kind, tmp_path / "catalogue", [item]))
    assert isinstance(reject, Reject)
    assert (reject.id, reject.reason) == ("a", "not_an_image")


def test_every_format_of_the_settings_is_among_the_kinds() -> None:
    assert {format_of(kind) for kind in catalogue_kinds.KINDS} == set(get_args(CatalogueFormat)) - {"auto"}


def test_every_ending_of_images_is_known() -> None:
    """In folders and archives, the extension tells which files are images."""
    assert {ending for endings in ENDINGS.values() for ending in endings} == IMAGE_EXTENSIONS
    assert {sample.format for sample in samples().values()} >= ENDINGS.keys() - {"HEIF"}


def format_of(catalogue_kind: str) -> str:
    """The value of ``data.format``."""
    return re.split(",? ", catalogue_kind)[0]


@cache
def documented_section() -> str:
    _, heading, rest = PAGE.read_text(encoding="utf-8").partition(f"\n{HEADING}\n")
    assert heading, f"{PAGE.name} has no heading '{HEADING}'"
    return rest.partition("\n## ")[0]


def documented_table(number: int) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    tables = re.findall(r"^\|.*\n\|[ -|]*\n((?:\|.*(?:\n|$))+)", documented_section(), re.MULTILINE)
    assert len(tables) > number, f"'{HEADING}' in {PAGE.name} has no {number + 1} tables"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in tables[number].splitlines()]


def endings_in(cell: str) -> list[str]:
    return re.findall(r"`(\.[\w.]+)`", cell)


def all_image_kinds() -> list[str]:
    # The library for HEIC may not be installed.
    return list(dict.fromkeys([*image_kinds.KINDS, "HEIC"]))


def kinds_by_format() -> dict[str, str]:
    """The formats, and a list of the kinds of each as a cell of the page has it."""
    grouped: dict[str, list[str]] = {}
    for kind in all_image_kinds():
        form, _, variant = kind.replace(",", "", 1).partition(" ")
        variant = re.sub(r"(EXIF orientation) \d", r"\1 1 to 8", variant) or "plain"
        grouped.setdefault(form, []).append(variant)
    return {form: ", ".join(dict.fromkeys(variants)) for form, variants in grouped.items()}


def test_the_documentation_names_every_kind_of_catalogue() -> None:
    assert [row[0] for row in documented_table(0)] == list(catalogue_kinds.KINDS)


def test_the_documentation_names_every_ending_of_catalogues_and_what_it_is_read_as(tmp_path: Path) -> None:
    other = tmp_path / "rows.xyz"
    other.touch()
    with pytest.raises(CatalogueError) as refusal:
        find_kind(DataOptions(catalogue=str(other)))
    readable = re.findall(r"(\.\w+)(?=,| and folders)", str(refusal.value).partition("readable are")[2])
    assert ".csv" in readable
    named = {(row[0], ending) for row in documented_table(0) for ending in endings_in(row[1])}
    assert {ending for _, ending in named} == set(readable)
    for kind, ending in named:
        path = tmp_path / f"rows{ending}"
        path.write_text({"coco": '{"images": [], "annotations": []}', "json": "[]"}.get(kind, ""))
        assert find_kind(DataOptions(catalogue=str(path))) == format_of(kind), f"{kind}: {ending}"


def test_the_documentation_names_every_kind_of_image() -> None:
    rows = documented_table(1)
    assert {row[0]: row[2] for row in rows} == kinds_by_format()
    assert [endings_in(row[1]) for row in rows] == list(ENDINGS.values())


def test_the_documentation_counts_the_pairs() -> None:
    assert f"{len(catalogue_kinds.KINDS)} x {len(all_image_kinds())} pairs" in documented_section()
