"""WebDataset: tar archives in which the files that share a name before the first dot are an example."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence

from diptych.models import features
from diptych.pipeline.export.formats.stored_dataset import StoredDataset, StoredExample, read_examples

#: Beside the archives: the labels, and the number of examples in each split.
DESCRIPTION_FILE = "dataset.json"


def write(dataset: StoredDataset, folder: str) -> dict[str, int]:
    """Writes ``<split>-<shard>.tar``, a shard for each file of the run, and ``dataset.json``.

    The files of an example are ``<split>-<number>`` with the endings

    - ``.png``, or ``.jpg`` if the run stored JPEG: the image;
    - ``.txt``: the description; a dataset of images alone has none, here and in the next file;
    - ``.json``: an object with ``id``, ``description``, ``split``, ``label``, which is a list in a multilabel dataset,
      and ``group``, unless the example is in no group;
    - ``.cls``, unless the dataset is multilabel: the index of its label in ``dataset.json``, since the ``webdataset``
      library expects a number.

    Returns:
        Split to number of examples.
    """
    indices = {label: index for index, label in enumerate(dataset.labels)}
    counts = dict.fromkeys(features.SPLITS, 0)
    shards: dict[str, list[str]] = {split: [] for split in features.SPLITS}
    for split in features.SPLITS:
        for shard, file in enumerate(dataset.files(split)):
            name = f"{split}-{shard:05d}.tar"
            shards[split].append(name)
            with tarfile.open(os.path.join(folder, name), "w", format=tarfile.USTAR_FORMAT) as archive:
                for example in read_examples(file, split, dataset):
                    for ending, content in _files(example, dataset, indices).items():
                        _add_file(archive, f"{split}-{counts[split]:08d}.{ending}", content)
                    counts[split] += 1
    _write_description(dataset, folder, shards, counts)
    return counts


def _files(example: StoredExample, dataset: StoredDataset, indices: Mapping[str, int]) -> dict[str, bytes]:
    """The endings and contents of the files of an example, in the order of the archive."""
    is_multilabel = dataset.task == "multilabel"
    fields = {
        "id": example.id,
        **({} if example.description is None else {"description": example.description}),
        "split": example.split,
        "label": list(example.labels) if is_multilabel else example.labels[0],
        **({} if example.group is None else {"group": example.group}),
    }
    return {
        example.ending: example.image,
        **({} if example.description is None else {"txt": example.description.encode()}),
        **({} if is_multilabel else {"cls": b"%d" % indices[example.labels[0]]}),
        "json": json.dumps(fields, ensure_ascii=False).encode(),
    }


def _add_file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    # The time of the member stays 0, so that equal datasets give equal archives.
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _write_description(
    dataset: StoredDataset, folder: str, shards: Mapping[str, Sequence[str]], counts: Mapping[str, int]
) -> None:
    splits = {split: {"shards": shards[split], "examples": counts[split]} for split in features.SPLITS}
    description = {"task": dataset.task, "labels": dataset.labels, "splits": splits}
    with open(os.path.join(folder, DESCRIPTION_FILE), "w", encoding="utf-8") as file:
        json.dump(description, file, indent=2, ensure_ascii=False)
