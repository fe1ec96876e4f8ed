"""Faults are planted in the emoji catalogue: the right rule finds each with its rows, and none without a fault."""

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
from tests.helpers import write_records
from tests.paths import EMOJI

Record = dict[str, Any]
Records = dict[str, list[Record]]


def _make_record(row: Mapping[str, str]) -> Record:
    """The record of a row of the catalogue; the pixels are left out."""
    from diptych.components.catalogue.image_files import decode_image
    from diptych.components.catalogue.image_measures import measure_health
    from diptych.components.catalogue.options import Limits

    content = (EMOJI / row["image"]).read_bytes()
    picture = decode_image(content, ImageOptions(height=64, width=64), Limits())
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
        features.PHASH: picture.phash,
        **measure_health(picture.pixels),
    }


def _split(group: str) -> str:
    return ["val", "test", *["train"] * 8][zlib.crc32(group.encode()) % 10]


@pytest.fixture(scope="module")
def clean() -> Records:
    if not EMOJI.exists():
        pytest.skip(f"needs the emoji catalogue in {EMOJI}")
    found: Records = {split: [] for split in features.SPLITS}
    # Ingestion keeps equal images in one split.
    split_of: dict[str, str] = {}
    with (EMOJI / "catalogue.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            record = _make_record(row)
            found[split_of.setdefault(record[features.SHA256], _split(row["group"]))].append(record)
    return found


@pytest.fixture(scope="module")
def accepted(clean: Records, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The profiles of the clean catalogue."""
    return _gate_input(clean, {}, tmp_path_factory.mktemp("clean")).profiles


def _gate_input(records: Records, accepted: Any, folder: Path) -> Any:
    from tensorflow_metadata.proto.v0 import schema_pb2

    from diptych.components.data_gate.rules import GateInput
    from diptych.components.data_gate.stored_rows import read_split_rows

    for split, of_split in records.items():
        write_records(folder / f"Split-{split}" / "data.tfrecord", of_split)
    splits = {split: read_split_rows(str(folder), split) for split in features.SPLITS}
    return GateInput(sum(map(len, records.values())), [], splits, accepted, schema_pb2.Schema())


def _findings(data: Any) -> list[Any]:
    from diptych.components.data_gate.rules import apply_rules

    # The few rows of 'Flags' are not in test, as these splits are made.
    options = GateOptions(label_coverage={"severity": "ignore"})
    return [finding for finding in apply_rules(data, options) if finding.severity != "ignore"]


def test_the_clean_catalogue_raises_no_alarm(clean: Records, accepted: Any, tmp_path: Path) -> None:
    data = _gate_input(clean, accepted, tmp_path)
    assert _findings(data) == []
    assert _findings(replace(data, accepted={})) == []


def _every_nth(records: Records, step: int, offset: int = 0) -> Iterator[Record]:
    """Every ``step``-th row of each split. The order of the rows is arbitrary, except that groups are together."""
    for of_split in records.values():
        yield from of_split[offset::step]


def _lose_a_class(records: Records) -> list[Record]:
    lost = [record for record in records["train"] if record[features.LABEL] == "Activities"]
    for split, of_split in records.items():
        records[split] = [record for record in of_split if record[features.LABEL] != "Activities"]
    return lost


def _halve_brightness(records: Records) -> list[Record]:
    changed = [record for offset in (0, 3, 7) for record in _every_nth(records, 10, offset)]
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
    changed = list(_every_nth(records, 7))
    for record in changed:
        record[features.DESCRIPTION] = _in_cyrillic(record[features.DESCRIPTION])
    return changed


def _repeat_images(records: Records) -> list[Record]:
    changed = [record for split in ("val", "test") for record in records[split][::20]]
    for record, other in zip(changed, records["train"], strict=False):
        record[features.SHA256], record[features.PHASH] = other[features.SHA256], other[features.PHASH]
    return changed


def _enlarge(records: Records) -> list[Record]:
    changed = list(_every_nth(records, 300))
    for record in changed:
        record[features.WIDTH], record[features.HEIGHT] = 40 * record[features.WIDTH], 40 * record[features.HEIGHT]
    return changed


def _as_webp(records: Records) -> list[Record]:
    changed = list(_every_nth(records, 400))
    for record in changed:
        record[features.FORMAT] = "WEBP"
    return changed


def _make_up_words(records: Records) -> list[Record]:
    """Replaces every tenth word of val and test by a unique one."""
    changed, seen = [], 0
    for record in (record for split in ("val", "test") for record in records[split]):
        words = record[features.DESCRIPTION].split(" ")
        made_up = [f"zq{seen + place}" if (seen + place) % 10 == 0 else word for place, word in enumerate(words)]
        seen += len(words)
        if made_up != words:
            record[features.DESCRIPTION] = " ".join(made_up)
            changed.append(record)
    return changed


def _label_copies(records: Records) -> list[Record]:
    """Gives rows of train the image of one of another label."""
    by_label: dict[str, list[Record]] = {}
    for record in records["train"]:
        by_label.setdefault(record[features.LABEL], []).append(record)
    pairs = list(zip(by_label["Objects"][:6], by_label["Symbols"], strict=False))
    for record, other in pairs:
        record[features.SHA256], record[features.PHASH] = other[features.SHA256], other[features.PHASH]
    return [record for pair in pairs for record in pair]


def _name_labels(records: Records) -> list[Record]:
    changed = [record for of_split in records.values() for record in of_split]
    for record in changed:
        record[features.DESCRIPTION] += f" ({record[features.LABEL].lower()})"
    return changed


def _as_jpeg(records: Records) -> list[Record]:
    """One label comes from a source of its own."""
    changed = [record for of_split in records.values() for record in of_split if record[features.LABEL] == "Objects"]
    for record in changed:
        record[features.FORMAT] = "JPEG"
    return changed


def _scan_larger(records: Records) -> list[Record]:
    changed = [record for of_split in records.values() for record in of_split if record[features.LABEL] == "Symbols"]
    for place, record in enumerate(changed):
        record[features.WIDTH], record[features.HEIGHT] = 140 + place % 40, 150
    return changed


@dataclass(frozen=True)
class Fault:
    """A fault, and what the gate is expected to find.

    Attributes:
        plant: changes records in place and returns those that show the fault.
        rule: the rule that finds it.
        feature: the feature of the finding.
        splits: the splits of the findings; None for the whole catalogue.
        formula: the formula of the finding.
        also: other rules that may find it too.
        purity: the least share of planted rows among those named; some rows have unknown words without a fault.
    """

    plant: Callable[[Records], Sequence[Record]]
    rule: str
    feature: str
    splits: tuple[str | None, ...]
    formula: str
    also: tuple[str, ...] = ()
    purity: float = 1.0


EVERYWHERE, OUTSIDE = ("train", "val", "test"), ("val", "test")
FAULTS = [
    Fault(_lose_a_class, "label_lost", "label", ("train",), "number of rows"),
    Fault(_halve_brightness, "drift", "image/brightness", ("train",), "Jensen-Shannon divergence"),
    Fault(_brighten_test, "skew", "image/brightness", ("test",), "Jensen-Shannon divergence"),
    Fault(_fill_test_with_one_label, "skew", "label", ("test",), "L-infinity distance", ("label_conflict",)),
    Fault(_misspell, "label_typo", "label", ("train",), "Ratcliff-Obershelp similarity"),
    Fault(_write_cyrillic, "new_script", "description/script", EVERYWHERE, "share of rows", ("drift", "vocabulary")),
    Fault(_repeat_images, "duplicates", "image/sha256", OUTSIDE, "share of rows", ("label_conflict",)),
    Fault(_enlarge, "size", "image/width", EVERYWHERE, "ratio to the range of the middle 99 %"),
    Fault(_as_webp, "new_format", "image/format", EVERYWHERE, "share of rows"),
    Fault(_label_copies, "label_conflict", "label", (None,), "share of rows"),
    Fault(_name_labels, "label_in_text", "description", (None,), "share of rows", ("label_from_text",)),
    Fault(
        _as_jpeg,
        "label_from_file",
        "image/format",
        (None,),
        "Cohen's kappa of a decision tree of the files' properties",
        ("drift", "new_format"),
    ),
    Fault(
        _scan_larger,
        "label_from_file",
        "image/width",
        (None,),
        "Cohen's kappa of a decision tree of the files' properties",
        ("drift",),
    ),
    Fault(_make_up_words, "vocabulary", "description", OUTSIDE, "share of out-of-vocabulary words", purity=0.5),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.plant.__name__.strip("_") for fault in FAULTS])
def test_a_planted_fault_is_found_by_its_rule_with_its_rows(
    fault: Fault, clean: Records, accepted: Any, tmp_path: Path
) -> None:
    records = {split: [dict(record) for record in of_split] for split, of_split in clean.items()}
    planted = {record[features.ID] for record in fault.plant(records)}
    findings = _findings(_gate_input(records, accepted, tmp_path))
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
        elsewhere = ("label_typo", "label_lost", "duplicates", "label_from_file")
        assert finding.feature in finding.message or finding.rule in elsewhere
