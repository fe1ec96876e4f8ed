"""``diptych digest``: a digest that is equal for equal datasets, whatever the order and the files of their records."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from diptych.components.artifacts import split_folder
from diptych.models.errors import DiptychError
from diptych.models.features import SPLITS
from diptych.models.manifests import describe_damage, read_manifest
from diptych.models.os_errors import find_os_error
from diptych.pipeline.runs.run_folder import EXAMPLES, RunFolder

_MODULUS = 2**256
_SHARD = re.compile(r"-of-(\d+)\.tfrecord")
_REMEDY = "copy the dataset again, or run the pipeline again, which makes it anew"


class DigestError(DiptychError):
    """There is no whole dataset to digest; the message says where one was looked for, or what is damaged."""


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
        DigestError: there is no dataset, or only a part of one: a file is missing, damaged or cannot be read.
    """
    from diptych.models.tfrecords import list_split_files

    folder = _find_examples(path)
    files = {split: list_split_files(folder, split) for split in SPLITS}
    _check_whole(folder, files)
    total = 0
    counts = dict.fromkeys(SPLITS, 0)
    for split in SPLITS:
        for record in chain(*map(_read_records, files[split])):
            total = (total + _hash_record(split, record)) % _MODULUS
            counts[split] += 1
    return DatasetDigest(f"{total:064x}", counts)


def _check_whole(folder: str, files: Mapping[str, Sequence[str]]) -> None:
    """Looks for damage by the manifest; without one, as in a copy of the folder alone, by the names of the shards."""
    if not any(files.values()):
        raise DigestError(f"'{folder}' holds no file of records: run the pipeline again, which makes its Examples anew")
    if manifest := read_manifest(folder):
        if damage := manifest.find_damage(folder):
            raise DigestError(f"{describe_damage(damage)}: {_REMEDY}")
        return
    for split, of_split in files.items():
        if not of_split and os.path.isdir(split_folder(folder, split)):
            raise DigestError(f"'{split_folder(folder, split)}' is empty: {_REMEDY}")
        for shards in {match[1] for file in of_split if (match := _SHARD.search(file))}:
            if len(of_split) != int(shards):
                raise DigestError(
                    f"'{split_folder(folder, split)}' holds {len(of_split)} of the {int(shards)} shards that the names "
                    f"of its files tell of: {_REMEDY}"
                )


def _read_records(file: str) -> Iterator[bytes]:
    import tensorflow as tf

    from diptych.models.tfrecords import read_records

    number = 0
    try:
        for record in read_records([file]).as_numpy_iterator():
            yield record
            number += 1
    except (tf.errors.OpError, OSError) as error:
        raise DigestError(
            f"'{file}' cannot be read after record {number:,} ({_first_line(error)}): {_REMEDY}"
        ) from None
    if not number:
        raise DigestError(f"'{file}' holds no record: {_REMEDY}")


def _first_line(error: Exception) -> str:
    if found := find_os_error(error):
        return str(found.strerror)
    return str(getattr(error, "message", error)).partition(";")[0].partition("\n")[0]


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
