"""Which kind a catalogue is, which reader reads it, and which files it consists of."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from importlib import import_module
from typing import cast

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.jsonlines import parse_object
from diptych.components.catalogue.readers.rows import CatalogueError, Reader, catalogue_errors
from diptych.components.catalogue.readers.text_files import open_text
from diptych.components.catalogue.remote import is_web
from diptych.components.catalogue.spans import static_folder
from diptych.components.catalogue.storage import folder_of, is_file, is_folder, is_remote, join, list_files

#: Kinds whose files are text, which may be in any encoding.
TEXT_KINDS = ("csv", "tsv", "jsonl", "json", "coco", "imagefolder")

_KIND_OF_EXTENSION = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".tar": "webdataset",
    ".tgz": "webdataset",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
}
_READERS = {
    "csv": "delimited.CsvReader",
    "tsv": "delimited.TsvReader",
    "jsonl": "jsonlines.JsonLinesReader",
    "json": "json_array.JsonArrayReader",
    "parquet": "parquet.ParquetReader",
    "folder": "folder.FolderReader",
    "imagefolder": "imagefolder.ImagefolderReader",
    "webdataset": "webdataset.WebdatasetReader",
    "coco": "coco.CocoReader",
    "tfrecord": "tfrecord.TfrecordReader",
}
# The end of a name like train.tfrecord-00000-of-00002.
_SHARD = re.compile(r"-\d+-of-\d+$")
# Where Hugging Face puts the metadata file: in the folder itself, or one in each of its folders.
_METADATA = [place + name for place in ("", "*/") for name in ("metadata.csv", "metadata.jsonl", "metadata.parquet")]
_TFDS_FILE = "dataset_info.json"
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
        if not named and _has_pattern(data.catalogue) and is_folder(first, data.fetch):
            return _kind_of_folder(first, data)
        if not named and is_file(first, data.fetch):
            raise CatalogueError(
                f"data.catalogue: '{first}' ends with '{os.path.splitext(first)[1]}'; readable are "
                f"{', '.join(sorted(_KIND_OF_EXTENSION))} and folders; or say in data.format what it is"
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
    catalogue = data.catalogue
    home = static_folder(catalogue) if _has_pattern(catalogue) else _folder(catalogue, data)
    # A store has no folder ".".
    return join(home, posixpath.normpath(data.images_root)).removesuffix("/.")


def _kind_of(uri: str) -> str | None:
    """The kind of a file by its extension; None for another one."""
    name = uri.partition("?")[0] if is_web(uri) else uri
    return _KIND_OF_EXTENSION.get(os.path.splitext(_SHARD.sub("", name.lower().removesuffix(".gz")))[1])


def _kind_of_folder(folder: str, data: DataOptions) -> str:
    if any(list_files(join(glob.escape(folder), pattern), data.fetch) for pattern in _METADATA):
        return "imagefolder"
    names = list_files(join(glob.escape(folder), "*"), data.fetch)
    if any(os.path.basename(name) == _TFDS_FILE or _kind_of(name) == "tfrecord" for name in names):
        return "tfrecord"
    return "webdataset" if any(_kind_of(name) == "webdataset" for name in names) else "folder"


def _kind_of_json(source: str, data: DataOptions) -> str:
    """Tells apart an array, COCO's object, and lines of objects, for which some people use the extension too."""
    with open_text(source, data) as text:
        head = text.read(_HEAD_CHARACTERS).lstrip()
    if not head.startswith("{"):
        return "json"
    first, problem = parse_object(head.splitlines()[0])
    return "coco" if problem or first.keys() & {"images", "annotations"} else "jsonl"


def _matches(data: DataOptions) -> list[str]:
    if not _has_pattern(data.catalogue):
        return [data.catalogue]
    if found := list_files(data.catalogue, data.fetch):
        return found
    raise CatalogueError(f"data.catalogue: no file matches '{data.catalogue}'")


def _has_pattern(uri: str) -> bool:
    # A file may have a name that looks like a pattern.
    return any(sign in uri for sign in ("*[" if is_web(uri) else "*?[")) and (is_remote(uri) or not os.path.exists(uri))


def _sources_in(uri: str, kind: str, data: DataOptions) -> list[str]:
    if kind == "folder" or _folder(uri, data) != uri:
        return [uri]
    if kind == "imagefolder":
        return [file for pattern in _METADATA for file in list_files(join(glob.escape(uri), pattern), data.fetch)]
    of_kind = {"coco": "json"}.get(kind, kind)
    return [file for file in list_files(join(glob.escape(uri), "*"), data.fetch) if _kind_of(file) == of_kind]


def _folder(uri: str, data: DataOptions) -> str:
    """The folder that the URI names, or that of the file that it names."""
    return uri if not _kind_of(uri) and is_folder(uri, data.fetch) else folder_of(uri)
