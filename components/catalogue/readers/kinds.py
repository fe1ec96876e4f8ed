"""Which kind a catalogue is, which reader reads it, and which files it consists of."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import cast

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.coco_files import find_coco_files
from diptych.components.catalogue.readers.json_kind import kind_of_json
from diptych.components.catalogue.readers.metadata_files import find_metadata, has_inner_metadata, has_metadata
from diptych.components.catalogue.readers.row_files import IMAGE_EXTENSIONS
from diptych.components.catalogue.readers.rows import CatalogueError, Reader, catalogue_errors
from diptych.components.catalogue.readers.saved_datasets import without_caches
from diptych.components.catalogue.readers.split_folders import (
    has_class_folders,
    has_inner_class_folders,
    has_splits_of_class_folders,
)
from diptych.components.catalogue.readers.text_files import open_text
from diptych.components.catalogue.remote import is_web
from diptych.components.catalogue.spans import has_pattern, static_folder
from diptych.components.catalogue.split_names import splits_of_paths
from diptych.components.catalogue.storage import (
    folder_of,
    is_file,
    is_folder,
    is_remote,
    join,
    list_files,
    relative_path,
)

#: Kinds whose files are text, which may be in any encoding.
TEXT_KINDS = ("csv", "tsv", "jsonl", "json", "coco", "imagefolder")

_KIND_OF_EXTENSION = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".manifest": "jsonl",
    ".json": "json",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".ods": "ods",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".tar": "webdataset",
    ".tgz": "webdataset",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
}
_READERS = {
    "csv": "delimited.CsvReader",
    "tsv": "delimited.TsvReader",
    "jsonl": "jsonlines.JsonLinesReader",
    "json": "json_document.JsonReader",
    "xlsx": "spreadsheet.SpreadsheetReader",
    "ods": "spreadsheet.SpreadsheetReader",
    "parquet": "parquet.ParquetReader",
    "arrow": "arrow.ArrowReader",
    "folder": "folder.FolderReader",
    "imagefolder": "imagefolder.ImagefolderReader",
    "webdataset": "webdataset.WebdatasetReader",
    "coco": "coco.CocoReader",
    "tfrecord": "tfrecord.TfrecordReader",
}
# The end of a name like train.tfrecord-00000-of-00002.
_SHARD = re.compile(r"-\d+-of-\d+$")
_TFDS_FILE = "dataset_info.json"
# Kinds whose files are tables, and kinds whose files hold their images; files of these may lie in inner folders.
_TABLE_KINDS = ("csv", "tsv", "jsonl", "xlsx", "ods", "parquet", "arrow")
_KINDS_WITH_IMAGES = ("arrow", "parquet", "webdataset", "tfrecord")
_INNER_LEVELS = ("*", "*/*", "*/*/*")
_IMAGE_ENDINGS = tuple(IMAGE_EXTENSIONS)
# A file with this ending is a table if it is named itself; in a folder, it may be any text.
_TEXT_TABLE = (".txt", ".txt.gz")
_HEAD_CHARACTERS = 1 << 20


def find_kind(data: DataOptions) -> str:
    """The kind of the catalogue: as ``data.format`` says, else by its extension, or for a folder by what lies in it.

    Raises:
        CatalogueError: there is nothing, or nothing of a known kind.
    """
    if data.format != "auto":
        return data.format
    with catalogue_errors(data.catalogue):
        named = _kind_of(data.catalogue)
        if not named and is_folder(data.catalogue, data.fetch):
            return _kind_of_folder(data.catalogue, data)
        first = _matches(data)[0]
        named = named or _kind_of(first)
        if not named and has_pattern(data.catalogue) and is_folder(first, data.fetch):
            return _kind_of_folder(first, data)
        if not named and first.lower().endswith(_TEXT_TABLE) and is_file(first, data.fetch):
            return "csv"
        if not named and is_file(first, data.fetch):
            raise CatalogueError(
                f"data.catalogue: '{first}' ends with '{os.path.splitext(first)[1]}'; readable are "
                f"{', '.join(sorted([*_KIND_OF_EXTENSION, '.txt']))} and folders; or say in data.format what it is"
            )
        if not named:
            raise FileNotFoundError(first)
        return _kind_of_json(first, data) if named == "json" else named


def make_reader(kind: str) -> Reader:
    """The reader of a kind that ``find_kind`` returns."""
    module, _, name = _READERS[kind].partition(".")
    return cast(Reader, getattr(import_module(f"{__package__}.{module}"), name)())


def list_sources(data: DataOptions, kind: str) -> list[str]:
    """URIs of the files that a catalogue of a kind consists of, sorted; for a folder of class folders, that folder.

    Raises:
        CatalogueError: there is none.
    """
    with catalogue_errors(data.catalogue):
        sources = sorted({source for uri in _matches(data) for source in _sources_in(uri, kind, data)})
    if not sources:
        raise CatalogueError(f"data.catalogue: the folder '{data.catalogue}' holds no files of the kind '{kind}'")
    return sources


def images_root(source: str, data: DataOptions) -> str:
    """URI of the folder that image paths of a source are relative to: ``data.images_root``, else the source's folder.

    A relative ``data.images_root`` is relative to the catalogue's folder.
    """
    if not data.images_root:
        return _folder(source, data)
    if is_remote(data.images_root) or os.path.isabs(data.images_root):
        return data.images_root
    # A store has no folder ".".
    return join(catalogue_folder(data), posixpath.normpath(data.images_root)).removesuffix("/.")


def catalogue_folder(data: DataOptions) -> str:
    """URI of the catalogue's folder: the catalogue itself, the folder of its file, or that before a pattern's signs."""
    catalogue = data.catalogue
    return static_folder(catalogue) if has_pattern(catalogue) else _folder(catalogue, data)


def _kind_of(uri: str) -> str | None:
    """The kind of a file by its extension; None for another one."""
    name = uri.partition("?")[0] if is_web(uri) else uri
    return _KIND_OF_EXTENSION.get(os.path.splitext(_SHARD.sub("", name.lower().removesuffix(".gz")))[1])


def _kind_of_folder(folder: str, data: DataOptions) -> str:
    if has_metadata(folder, data):
        return "imagefolder"
    names = list_files(join(glob.escape(folder), "*"), data.fetch)
    if any(_kind_of(name) == "arrow" for name in names):
        return "arrow"
    if any(os.path.basename(name) == _TFDS_FILE or _kind_of(name) == "tfrecord" for name in names):
        return "tfrecord"
    if any(_kind_of(name) == "webdataset" for name in names):
        return "webdataset"
    if kind := _kind_of_tables(folder, names, data):
        return kind
    if has_inner_metadata(folder, data):
        return "imagefolder"
    return _kind_of_inner_files(folder, data) or ("coco" if find_coco_files(folder, data) else "folder")


def _kind_of_tables(folder: str, names: Sequence[str], data: DataOptions) -> str | None:
    """The kind of the tables in a folder, unless they lie beside class folders."""
    kinds = _kinds_of(names)
    by_split = {name: kind for name, kind in kinds.items() if splits_of_paths([posixpath.basename(name)])[0]}
    tables = {name: kind for name, kind in (by_split or kinds).items() if kind in _TABLE_KINDS}
    named = {*splits_of_paths([posixpath.basename(name) for name in by_split])} - {None}
    if len(named) == 1 and has_splits_of_class_folders(folder, data.fetch):
        # A table of train alone would leave the folders of the other splits unread.
        return "folder"
    if len(set(tables.values())) == 1 and (by_split or not has_class_folders(folder, data.fetch)):
        return next(iter(tables.values()))
    documents = [name for name, kind in by_split.items() if kind == "json"]
    if len(documents) > 1 and not tables:
        return _kind_of_json(documents[0], data)
    are_lists = not kinds and _texts_of_splits(names) and not has_inner_class_folders(folder, data.fetch)
    return "csv" if are_lists else None


def _texts_of_splits(names: Sequence[str]) -> list[str]:
    """Texts such as train.txt and test.txt, which are tables where images have no folders of classes."""
    # Beside an image of the same name, it is a description.
    described = {posixpath.splitext(name)[0] for name in names if name.lower().endswith(_IMAGE_ENDINGS)}
    texts = [
        name for name in names if name.lower().endswith(_TEXT_TABLE) and posixpath.splitext(name)[0] not in described
    ]
    by_split = {name: split for name in texts if (split := splits_of_paths([posixpath.basename(name)])[0])}
    return list(by_split) if len(set(by_split.values())) > 1 else []


def _kind_of_inner_files(folder: str, data: DataOptions) -> str | None:
    """The kind of the files in inner folders that hold images themselves, or are tables named by splits."""
    for level in _INNER_LEVELS[1:]:
        kinds = _kinds_of(list_files(join(glob.escape(folder), level), data.fetch))
        for kind in _KINDS_WITH_IMAGES:
            if kind in kinds.values():
                return kind
        tables = {name: kind for name, kind in kinds.items() if kind in _TABLE_KINDS}
        splits = {*splits_of_paths([relative_path(name, folder) for name in tables])} - {None}
        if len(splits) > 1 and len(set(tables.values())) == 1:
            return next(iter(tables.values()))
    return None


def _kinds_of(names: Iterable[str]) -> dict[str, str]:
    """The kind of each file that has one. There may be a million images among the files."""
    others = (name for name in names if not name.lower().endswith(_IMAGE_ENDINGS))
    return {name: kind for name in others if (kind := _kind_of(name))}


def _kind_of_json(source: str, data: DataOptions) -> str:
    with open_text(source, data) as text:
        head = text.read(_HEAD_CHARACTERS)
        return kind_of_json(head, is_whole=not text.read(1))


def _matches(data: DataOptions) -> list[str]:
    if not has_pattern(data.catalogue):
        return [data.catalogue]
    if found := list_files(data.catalogue, data.fetch):
        return found
    raise CatalogueError(f"data.catalogue: no file matches '{data.catalogue}'")


def _sources_in(uri: str, kind: str, data: DataOptions) -> list[str]:
    if kind == "folder" or _folder(uri, data) != uri:
        return [uri]
    if kind == "imagefolder":
        return find_metadata(uri, data)
    if kind == "coco" and (documents := find_coco_files(uri, data)):
        return documents
    of_kind = {"coco": "json"}.get(kind, kind)
    for level in _INNER_LEVELS:
        files = list_files(join(glob.escape(uri), level), data.fetch)
        if found := [file for file in files if _kind_of(file) == of_kind]:
            return without_caches(found, data) if kind == "arrow" else found
    return _texts_of_splits(list_files(join(glob.escape(uri), "*"), data.fetch)) if kind == "csv" else []


def _folder(uri: str, data: DataOptions) -> str:
    """The folder that the URI names, or that of the file that it names."""
    return uri if not _kind_of(uri) and is_folder(uri, data.fetch) else folder_of(uri)
