"""WebDataset: tar shards in which the files of one key are an example."""

from __future__ import annotations

import io
import json
import os
import tarfile

from diptych.models import features
from diptych.pipeline.export.formats.stored_dataset import Item, Stored, read_items

#: Names of the labels and sizes of the splits; none of the archives.
DESCRIPTION_FILE = "dataset.json"


def write(stored: Stored, folder: str) -> dict[str, int]:
    """Writes ``<split>-<shard>.tar``, a shard for each file of the run, and ``dataset.json``.

    An example is ``<split>-<number>`` with ``.png`` (or ``.jpg``), ``.txt``, which is its description, and ``.json``,
    an object with ``id``, ``description``, ``label``, which is a list if it is multilabel, ``split`` and, if it has
    one, ``group``. A multiclass one also has ``.cls``: the place of its label in ``dataset.json``, for the webdataset
    library takes a number there.

    Returns:
        Split to number of examples.
    """
    places = {label: place for place, label in enumerate(stored.labels)}
    counts = dict.fromkeys(features.SPLITS, 0)
    shards: dict[str, list[str]] = {split: [] for split in features.SPLITS}
    for split in features.SPLITS:
        for shard, file in enumerate(stored.files(split)):
            name = f"{split}-{shard:05d}.tar"
            shards[split].append(name)
            with tarfile.open(os.path.join(folder, name), "w", format=tarfile.USTAR_FORMAT) as archive:
                for item in read_items(file, split, stored):
                    _add(archive, f"{split}-{counts[split]:08d}", item, stored, places)
                    counts[split] += 1
    _describe(stored, folder, shards, counts)
    return counts


def _add(archive: tarfile.TarFile, key: str, item: Item, stored: Stored, places: dict[str, int]) -> None:
    fields = {"id": item.id, "description": item.description, "split": item.split}
    several = stored.task == "multilabel"
    labels = {"label": list(item.labels)} if several else {"label": item.labels[0]}
    group = {} if item.group is None else {"group": item.group}
    _add_file(archive, f"{key}.{item.ending}", item.image)
    _add_file(archive, f"{key}.txt", item.description.encode())
    if not several:
        _add_file(archive, f"{key}.cls", b"%d" % places[item.labels[0]])
    _add_file(archive, f"{key}.json", json.dumps({**fields, **labels, **group}, ensure_ascii=False).encode())


def _add_file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    # Its time stays zero, so that equal datasets give equal files.
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _describe(stored: Stored, folder: str, shards: dict[str, list[str]], counts: dict[str, int]) -> None:
    splits = {split: {"shards": shards[split], "examples": counts[split]} for split in features.SPLITS}
    described = {"task": stored.task, "labels": stored.labels, "splits": splits}
    with open(os.path.join(folder, DESCRIPTION_FILE), "w", encoding="utf-8") as file:
        json.dump(described, file, indent=2, ensure_ascii=False)
