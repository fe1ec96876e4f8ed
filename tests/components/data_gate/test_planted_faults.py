"""Faults planted into the emoji catalogue: each is found by its rule with its rows, none in the clean catalogue."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from diptych.components.data_gate.options import GateOptions
from diptych.models import features
from diptych.models.images.options import ImageOptions
from diptych.models.text.options import TextOptions
from tests.helpers import write_records
from tests.paths import EMOJI

Record = dict[str, Any]
Records = dict[str, list[Record]]


def _measured(row: Mapping[str, str]) -> Record:
    """The record of a row, but for its pixels."""
    from diptych.components.catalogue.image_files import decode, measure
    from diptych.components.catalogue.options import Limits

    content = (EMOJI / row["image"]).read_bytes()
    picture = decode(content, ImageOptions(height=64, width=64), Limits())
    return {
        features.ID: row["image"],
        features.IMAGE: b"0",
        features.DESCRIPTION: row["description"],
        features.LABEL: row["label"],
        features.GROUP: row["group"],
        features.ENCODING: "raw",
        features.SHA256: picture.sha256,
        features.WIDTH: picture.width,
        features.HEIGHT: picture.height,
        features.FORMAT: picture.format,
        features.FILE_BYTES: len(content),
        **measure(picture),
    }


def _split(group: str) -> str:
    return ["val", "test", *["train"] * 8][zlib.crc32(group.encode()) % 10]


@pytest.fixture(scope="module")
def clean() -> Records:
    if not EMOJI.exists():
        pytest.skip(f"needs the emoji catalogue in {EMOJI}")
    found: Records = {split: [] for split in features.SPLITS}
    # Ingestion parts no equal images.
    split_of: dict[str, str] = {}
    with (EMOJI / "catalogue.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            record = _measured(row)
            found[split_of.setdefault(record[features.SHA256], _split(row["group"]))].append(record)
    return found


@pytest.fixture(scope="module")
def accepted(clean: Records, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The profiles of the clean catalogue."""
    return _data(clean, {}, tmp_path_factory.mktemp("clean")).profiles


def _data(records: Records, accepted: Any, folder: Path) -> Any:
    from tensorflow_metadata.proto.v0 import schema_pb2

    from diptych.components.data_gate.profile import make_profile
    from diptych.components.data_gate.rows import read_rows
    from diptych.components.data_gate.rules import Data
    from diptych.components.data_gate.vocabulary import read_vocabulary

    for split, of_split in records.items():
        write_records(folder / f"Split-{split}" / "data.tfrecord", of_split)
    splits = {split: read_rows(str(folder), split, "multiclass") for split in features.SPLITS}
    vocabulary = read_vocabulary(splits["train"], TextOptions())
    profiles = {split: make_profile(rows, vocabulary.lone) for split, rows in splits.items()}
    return Data(splits, profiles, accepted, vocabulary, schema_pb2.Schema())


def _findings(data: Any) -> list[Any]:
    from diptych.components.data_gate.rules import check_data

    return list(check_data(data, GateOptions()))


def test_the_clean_catalogue_raises_no_alarm(clean: Records, accepted: Any, tmp_path: Path) -> None:
    data = _data(clean, accepted, tmp_path)
    assert _findings(data) == []
    assert _findings(replace(data, accepted={})) == []


def _every(records: Records, step: int, offset: int = 0) -> Iterator[Record]:
    """Each ``step``-th row of each split; their order tells nothing of them, but rows of a group lie together."""
    for of_split in records.values():
        yield from of_split[offset::step]


def _lose_a_class(records: Records) -> list[Record]:
    lost = [record for record in records["train"] if record[features.LABEL] == "Activities"]
    for split, of_split in records.items():
        records[split] = [record for record in of_split if record[features.LABEL] != "Activities"]
    return lost


def _halve_brightness(records: Records) -> list[Record]:
    changed = [record for offset in (0, 3, 7) for record in _every(records, 10, offset)]
    for record in changed:
        record[features.BRIGHTNESS] /= 2
    return changed


def _brighten_test(records: Records) -> list[Record]:
    changed = records["test"][::2]
    for record in changed:
        record[features.BRIGHTNESS] = 255 - (255 - record[features.BRIGHTNESS]) / 8
    return changed


def _fill_test_with_one_label(records: Records) -> list[Record]:
    changed = records["test"][::2]
    for record in changed:
        record[features.LABEL] = "Flags"
    return records["test"]


def _misspell(records: Records) -> list[Record]:
    changed = [record for record in records["train"] if record[features.LABEL] == "Objects"][:5]
    for record in changed:
        record[features.LABEL] = "Objcts"
    return changed


def _in_cyrillic(text: str) -> str:
    return "".join(chr(0x430 + ord(letter) % 32) if letter.isalpha() else letter for letter in text)


def _write_cyrillic(records: Records) -> list[Record]:
    changed = list(_every(records, 7))
    for record in changed:
        record[features.DESCRIPTION] = _in_cyrillic(record[features.DESCRIPTION])
    return changed


def _repeat_images(records: Records) -> list[Record]:
    changed = [record for split in ("val", "test") for record in records[split][::20]]
    for record, other in zip(changed, records["train"], strict=False):
        record[features.SHA256], record[features.PHASH] = other[features.SHA256], other[features.PHASH]
    return changed


def _enlarge(records: Records) -> list[Record]:
    changed = list(_every(records, 300))
    for record in changed:
        record[features.WIDTH], record[features.HEIGHT] = 40 * record[features.WIDTH], 40 * record[features.HEIGHT]
    return changed


def _as_webp(records: Records) -> list[Record]:
    changed = list(_every(records, 400))
    for record in changed:
        record[features.FORMAT] = "WEBP"
    return changed


def _make_up_words(records: Records) -> list[Record]:
    """One word in ten of val and test is one that nobody knows."""
    changed, seen = [], 0
    for record in (record for split in ("val", "test") for record in records[split]):
        words = record[features.DESCRIPTION].split(" ")
        made_up = [f"zq{seen + place}" if (seen + place) % 10 == 0 else word for place, word in enumerate(words)]
        seen += len(words)
        if made_up != words:
            record[features.DESCRIPTION] = " ".join(made_up)
            changed.append(record)
    return changed


@dataclass(frozen=True)
class Fault:
    """Attributes:
    plant: changes records and returns those that show it.
    rule: which is to find it.
    feature: in which.
    splits: in which.
    formula: by which.
    also: other rules that may tell of it as well.
    purity: the least share of the named rows that are planted ones; rows that are clean have unknown words, too.
    """

    plant: Callable[[Records], Sequence[Record]]
    rule: str
    feature: str
    splits: tuple[str, ...]
    formula: str
    also: tuple[str, ...] = ()
    purity: float = 1.0


EVERYWHERE, OUTSIDE = ("train", "val", "test"), ("val", "test")
FAULTS = [
    Fault(_lose_a_class, "label_lost", "label", ("train",), "number of rows"),
    Fault(_halve_brightness, "drift", "image/brightness", ("train",), "Jensen-Shannon divergence"),
    Fault(_brighten_test, "skew", "image/brightness", ("test",), "Jensen-Shannon divergence"),
    Fault(_fill_test_with_one_label, "skew", "label", ("test",), "L-infinity distance"),
    Fault(_misspell, "label_typo", "label", ("train",), "Ratcliff-Obershelp similarity"),
    Fault(_write_cyrillic, "new_script", "description/script", EVERYWHERE, "share of rows", ("drift", "vocabulary")),
    Fault(_repeat_images, "duplicates", "image/sha256", OUTSIDE, "share of rows"),
    Fault(_enlarge, "size", "image/width", EVERYWHERE, "ratio to the range of the middle 99 %"),
    Fault(_as_webp, "new_format", "image/format", EVERYWHERE, "share of rows"),
    Fault(_make_up_words, "vocabulary", "description", OUTSIDE, "share of out-of-vocabulary words", purity=0.5),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.plant.__name__.strip("_") for fault in FAULTS])
def test_a_planted_fault_is_found_by_its_rule_with_its_rows(
    fault: Fault, clean: Records, accepted: Any, tmp_path: Path
) -> None:
    records = {split: [dict(record) for record in of_split] for split, of_split in clean.items()}
    planted = {record[features.ID] for record in fault.plant(records)}
    findings = _findings(_data(records, accepted, tmp_path))
    found = [finding for finding in findings if (finding.rule, finding.feature) == (fault.rule, fault.feature)]
    assert tuple(finding.split for finding in found) == fault.splits, [finding.message for finding in findings]
    assert {finding.rule for finding in findings} <= {fault.rule, *fault.also}, [f.message for f in findings]
    for finding in found:
        assert finding.formula == fault.formula
        assert finding.severity == "warn"
        assert 0 < len(finding.ids) <= 20
        named = [identity in planted for identity in finding.ids]
        assert sum(named) >= fault.purity * len(named), finding.ids
        assert finding.ids[0] in finding.message
        assert finding.feature in finding.message or finding.rule in ("label_typo", "label_lost", "duplicates")
