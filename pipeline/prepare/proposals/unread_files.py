"""Files that are not read, and may say more of the images: in a folder of class folders, or beside a table."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Sequence

from diptych.components.catalogue.readers.row_files import IMAGE_EXTENSIONS
from diptych.components.catalogue.split_names import splits_of_paths, words_of_name
from diptych.components.catalogue.storage import is_remote
from diptych.models.counts import pluralize
from diptych.pipeline.prepare.proposals.decisions import Evidence
from diptych.pipeline.prepare.proposals.folders import list_entries, walk_files

# So many entries of folders are looked at.
_MAX_ENTRIES = 20_000
_ENDINGS = (".csv", ".json", ".jsonl", ".mat", ".names", ".parquet", ".tsv", ".txt", ".xlsx", ".xml", ".yaml", ".yml")
# Words in the names of files that are for people.
_DOCUMENTS = {
    "readme",
    "license",
    "licence",
    "changelog",
    "citation",
    "copying",
    "notice",
    "attribution",
    "requirements",
}
_SPLITS = {"split", "splits", "partition", "partitions", "folds"}
_MAX_ENDINGS = 3


def find_unread(evidence: Evidence) -> list[str]:
    """Paths of the files, from the folder on, sorted; those beside an image of the same name are read.

    Of another kind of catalogue, or in a store, there are none.
    """
    root = evidence.data.catalogue
    if evidence.catalogue.kind != "folder" or is_remote(root) or not os.path.isdir(root):
        return []
    found: list[str] = []
    for folder, names in walk_files(root, [""], _MAX_ENTRIES):
        read = {os.path.splitext(name)[0] for name in names if _ending(name) in IMAGE_EXTENSIONS}
        found += [posixpath.join(folder, name) for name in names if _is_unread(name, read)]
    return sorted(found)


def find_beside(evidence: Evidence) -> list[str]:
    """Names of the files beside the one file that is the catalogue, sorted."""
    file = evidence.data.catalogue
    if is_remote(file) or not os.path.isfile(file):
        return []
    names = [entry.name for entry in list_entries(os.path.dirname(file) or ".") if entry.is_file()]
    return [name for name in names if name != os.path.basename(file) and _is_unread(name, set())]


def name_splits(paths: Sequence[str]) -> list[str]:
    """Those of the files whose names speak of splits, as ``meta/train.txt`` and ``train_test_split.txt`` do."""
    names = {path: posixpath.basename(path) for path in paths}
    return [path for path in paths if splits_of_paths([names[path]])[0] or _SPLITS & words_of_name(names[path])]


def summarize(paths: Sequence[str]) -> str:
    """The files in few words: "30 .xml files (Annotations/0.xml ...)"; empty if there are none."""
    by_ending: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_ending[_ending(path)].append(path)
    most = sorted(by_ending.items(), key=lambda item: (-len(item[1]), item[0]))[:_MAX_ENDINGS]
    return ", ".join(
        of_ending[0] if len(of_ending) == 1 else f"{pluralize(len(of_ending), f'{ending} file')} ({of_ending[0]} ...)"
        for ending, of_ending in most
    )


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _is_unread(name: str, read: set[str]) -> bool:
    stem, ending = os.path.splitext(name)
    has_image = stem in read and ending in (".txt", ".json")
    return ending.lower() in _ENDINGS and not has_image and not _DOCUMENTS & words_of_name(name)
