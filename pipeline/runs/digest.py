"""``diptych digest``: one line that is equal for equal datasets, in whatever order and files their records lie."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from diptych.models.errors import DiptychError
from diptych.models.features import SPLITS
from diptych.pipeline.runs.summary import SUMMARY_FILE

_MODULUS = 2**256


class DigestError(DiptychError):
    """There is no dataset to digest; the message says where one was looked for."""


@dataclass(frozen=True)
class DatasetDigest:
    """A dataset in one line.

    Attributes:
        digest: 64 hexadecimal digits.
        examples: split to number of records.
    """

    digest: str
    examples: dict[str, int]


def digest_dataset(path: str) -> DatasetDigest:
    """The digest of the Examples of a run, or of an Examples artifact.

    It is the sum, modulo 2**256, of the SHA-256 of each record's features, by name, with its split: the additive
    multiset hash of D. Clarke et al., "Incremental Multiset Hash Functions and Their Application to Memory Integrity
    Checking" (2003). The records' own bytes would not do: versions of protobuf write the features in other orders.

    Raises:
        DigestError: there is no dataset.
    """
    from diptych.models.tfrecords import read_records, split_files

    folder = find_examples(path)
    total = 0
    counts = dict.fromkeys(SPLITS, 0)
    for split in SPLITS:
        files = split_files(folder, split)
        for record in read_records(files).as_numpy_iterator() if files else []:
            total = (total + _digest_record(split, record)) % _MODULUS
            counts[split] += 1
    return DatasetDigest(f"{total:064x}", counts)


def _digest_record(split: str, record: bytes) -> int:
    import tensorflow as tf

    features = tf.train.Example.FromString(record).features.feature
    digest = hashlib.sha256()
    for part in (split.encode(), *(part for name in sorted(features) for part in _parts(name, features[name]))):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return int.from_bytes(digest.digest(), "big")


def _parts(name: str, feature: Any) -> tuple[bytes, bytes]:
    return name.encode(), feature.SerializeToString()


def find_examples(path: str) -> str:
    """The folder of Examples: the path itself, or what the summary of a run there names.

    Raises:
        DigestError: there is none.
    """
    if any(os.path.isdir(os.path.join(path, f"Split-{split}")) for split in SPLITS):
        return path
    try:
        with open(os.path.join(path, SUMMARY_FILE), encoding="utf-8") as file:
            return str(json.load(file)["artifacts"]["ImageTextExampleGen"]["examples"])
    except (OSError, ValueError, KeyError):
        raise DigestError(
            f"'{path}' is neither the folder of a finished run nor one of Examples, which holds "
            f"{', '.join(f'Split-{split}' for split in SPLITS)}"
        ) from None
