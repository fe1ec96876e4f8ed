"""The digest of a dataset depends on the content of its records, and on nothing else."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from diptych.models import features
from diptych.models.manifests import write_manifest
from diptych.pipeline.runs.digest import DigestError, digest_dataset
from tests.helpers import record_values, write_records


def write(folder: Path, splits: dict[str, list[list[dict[str, Any]]]]) -> str:
    """Split to files to records."""
    for split, files in splits.items():
        for number, records in enumerate(files):
            write_records(folder / f"Split-{split}" / f"data-{number}.tfrecord", records)
    return str(folder)


RECORDS = [record_values(number) for number in range(12)]
WHOLE = {"train": [RECORDS[:8]], "val": [RECORDS[8:10]], "test": [RECORDS[10:]]}


def test_order_and_files_do_not_count(tmp_path: Path) -> None:
    shuffled = random.Random(0).sample(RECORDS[:8], 8)
    other = {**WHOLE, "train": [shuffled[:3], shuffled[3:]]}
    found = digest_dataset(write(tmp_path / "a", WHOLE))
    assert found == digest_dataset(write(tmp_path / "b", other))
    assert found.examples == {"train": 8, "val": 2, "test": 2}


@pytest.mark.parametrize(
    "other",
    [
        {**WHOLE, "train": [[record_values(0, **{features.DESCRIPTION: "Another."}), *RECORDS[1:8]]]},
        {**WHOLE, "train": [[*RECORDS[:8], RECORDS[0]]]},
        {**WHOLE, "train": [RECORDS[:7]]},
        {**WHOLE, "val": [[RECORDS[10], RECORDS[9]]], "test": [[RECORDS[8], RECORDS[11]]]},
    ],
    ids=["another text", "one twice", "one less", "two in each other's split"],
)
def test_what_records_say_and_where_they_lie_counts(tmp_path: Path, other: dict[str, Any]) -> None:
    assert digest_dataset(write(tmp_path / "a", WHOLE)) != digest_dataset(write(tmp_path / "b", other))


def test_the_order_in_which_features_are_written_does_not_count(tmp_path: Path) -> None:
    """Versions of protobuf write them in other orders; records are joined from one feature each to have another."""
    import tensorflow as tf

    def rewritten(values: dict[str, Any]) -> bytes:
        whole = tf.train.Example.FromString(features.encode_record(values)).features.feature
        names = sorted(whole, reverse=True)
        one_by_one = (tf.train.Features(feature={name: whole[name]}).SerializeToString() for name in names)
        return bytes(tf.train.Example(features=tf.train.Features()).SerializeToString()) + b"".join(
            b"\x0a" + _varint(len(part)) + part for part in one_by_one
        )

    write(tmp_path / "a", WHOLE)
    for split, files in WHOLE.items():
        path = tmp_path / "b" / f"Split-{split}" / "data.tfrecord"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for values in files[0]:
                writer.write(rewritten(values))
    assert digest_dataset(str(tmp_path / "a")) == digest_dataset(str(tmp_path / "b"))


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number >= 128:
        digits.append(number % 128 + 128)
        number //= 128
    return bytes([*digits, number])


def test_a_run_is_digested_by_its_folder(tmp_path: Path) -> None:
    examples = write(tmp_path / "artifacts" / "examples", WHOLE)
    (tmp_path / "summary.json").write_text(
        json.dumps({"artifacts": {"ImageTextExampleGen": {"examples": examples}}}), encoding="utf-8"
    )
    assert digest_dataset(str(tmp_path)) == digest_dataset(examples)


def damaged(folder: Path, damage: str) -> None:
    """Damages one of three shards of train."""
    shard = folder / "Split-train" / "data-00001-of-00003.tfrecord"
    content = shard.read_bytes()
    if damage == "deleted":
        shard.unlink()
    elif damage == "a folder":
        shard.unlink()
        shard.mkdir()
    else:
        shard.write_bytes(
            {"emptied": b"", "truncated": content[:-9], "flipped": content[:-9] + b"?" + content[-8:]}[damage]
        )


@pytest.mark.parametrize("damage", ["deleted", "emptied", "truncated", "flipped", "a folder"])
@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_part_of_a_dataset_has_no_digest(tmp_path: Path, damage: str, has_manifest: bool) -> None:
    folder = tmp_path / "examples" / "1"
    for number in range(3):
        write_records(folder / "Split-train" / f"data-0000{number}-of-00003.tfrecord", RECORDS[number : number + 3])
    if has_manifest:
        write_manifest(str(folder))
    digest_dataset(str(folder))
    damaged(folder, damage)
    with pytest.raises(DigestError, match=r"Split-train.*: copy the dataset again, or run the pipeline again"):
        digest_dataset(str(folder))


def test_a_split_without_files_has_no_digest(tmp_path: Path) -> None:
    folder = write(tmp_path / "examples", WHOLE)
    for path in (tmp_path / "examples" / "Split-val").iterdir():
        path.unlink()
    with pytest.raises(DigestError, match="Split-val' is empty"):
        digest_dataset(folder)
    for path in (tmp_path / "examples").rglob("*.tfrecord"):
        path.unlink()
    with pytest.raises(DigestError, match="holds no file of records"):
        digest_dataset(folder)


def test_where_there_is_no_dataset_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(DigestError, match="neither the folder of a finished run nor one of Examples"):
        digest_dataset(str(tmp_path))
