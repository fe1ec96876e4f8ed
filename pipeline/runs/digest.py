"""``diptych digest``: a digest that is equal for equal datasets, whatever the order and the files of their records."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from diptych.components.artifacts import split_folder
from diptych.models.errors import DiptychError
from diptych.models.features import SPLITS
from diptych.pipeline.runs.run_folder import EXAMPLES, RunFolder

_MODULUS = 2**256


class DigestError(DiptychError):
    """There is no dataset to digest; the message says where one was looked for."""


@dataclass(frozen=True)
class DatasetDigest:
    """The digest of a dataset.

    Attributes:
        digest: 64 hexadecimal digits.
        examples: the number of records in each split.
    """

    digest: str
    examples: dict[str, int]


def digest_dataset(path: str) -> DatasetDigest:
    """Computes the digest of the Examples of a run, or of an Examples artifact.

    It is the sum, modulo 2**256, of the SHA-256 of each record with its split: the additive multiset hash of D. Clarke
    et al., "Incremental Multiset Hash Functions and Their Application to Memory Integrity Checking" (2003). What is
    hashed are a record's features, sorted by name, and not its bytes, in which versions of protobuf order them
    differently.

    Args:
        path: the folder of a run, or of an Examples artifact.

    Raises:
        DigestError: there is no dataset.
    """
    from diptych.models.tfrecords import list_split_files, read_records

    folder = _find_examples(path)
    total = 0
    counts = dict.fromkeys(SPLITS, 0)
    for split in SPLITS:
        files = list_split_files(folder, split)
        for record in read_records(files).as_numpy_iterator() if files else []:
            total = (total + _hash_record(split, record)) % _MODULUS
            counts[split] += 1
    return DatasetDigest(f"{total:064x}", counts)


def _hash_record(split: str, record: bytes) -> int:
    import tensorflow as tf

    features = tf.train.Example.FromString(record).features.feature
    named = (part for name in sorted(features) for part in (name.encode(), features[name].SerializeToString()))
    digest = hashlib.sha256()
    for part in (split.encode(), *named):
        # The length before each part keeps parts from running into one another.
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return int.from_bytes(digest.digest(), "big")


def _find_examples(path: str) -> str:
    """The folder of Examples: the path itself, or the one that the summary of the run there names."""
    if any(os.path.isdir(split_folder(path, split)) for split in SPLITS):
        return path
    if folder := RunFolder(path).recorded_artifacts().get(EXAMPLES):
        return folder
    raise DigestError(
        f"'{path}' is neither the folder of a finished run nor one of Examples, which holds "
        f"{', '.join(f'Split-{split}' for split in SPLITS)}"
    )
