"""The digest of every input byte: an ingestion is taken from the cache only if the digest is unchanged."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.image_paths import use_image_file
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.huggingface_features import feature_files
from diptych.components.catalogue.readers.rows import Row
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.spans import path_in_catalogue
from diptych.components.catalogue.storage import (
    file_version,
    folder_of,
    is_folder,
    is_remote,
    join,
    list_files,
    open_file,
    walk_files,
)

_BLOCK_BYTES = 1 << 20
_Digest = Callable[[], bytes]
# Kinds whose sources hold all images.
_KINDS_WITH_IMAGES = ("webdataset", "tfrecord", "folder")


def digest_inputs(catalogue: Catalogue) -> str:
    """SHA-256, in hexadecimal, over the catalogue's files, every image that they name and the names of classes.

    A file that cannot be read counts as such, so that the digest changes when it appears later. Remote files with an
    ETag, a checksum or a generation are not fetched: that value is digested in place of the content.

    Raises:
        CatalogueError: the catalogue cannot be read.
    """
    return digest_all(catalogue, _in_threads(_input_files(catalogue), catalogue.data))


def digest_all(catalogue: Catalogue, parts: Iterable[bytes]) -> str:
    """SHA-256, in hexadecimal, over digests of a catalogue's parts, the names of classes and the declared splits."""
    total = hashlib.sha256(json.dumps(catalogue.data.class_names).encode())
    # Folders that hold no row of the catalogue tell whether others are splits.
    total.update(json.dumps(catalogue.splits.by_name(catalogue.data.catalogue)).encode())
    for digest in parts:
        total.update(digest)
    return total.hexdigest()


def digest_rows(catalogue: Catalogue, source: str, rows: Iterable[Row]) -> bytes:
    """SHA-256 over all that the records of some rows are made of: the rows as they are read, and their images.

    Positions in the file are no part of it: a longer text in another row changes nothing. For files that cannot be
    read and for remote ones, see ``digest_inputs``.

    Args:
        source: URI of the source of the rows.

    Raises:
        CatalogueError: the source cannot be read.
    """
    total, root = hashlib.sha256(json.dumps(catalogue.source_name(source)).encode()), catalogue.images_root(source)
    for digest in _in_threads((partial(_digest_row, row, root, catalogue.data) for row in rows), catalogue.data):
        total.update(digest)
    return total.digest()


def _digest_row(row: Row, root: str, data: DataOptions) -> bytes:
    fields = [row.number, row.id, row.image, row.description, row.labels, row.group, row.split, row.problem]
    digest = hashlib.sha256(json.dumps(fields).encode())
    if row.content is not None:
        digest.update(hashlib.sha256(row.content).digest())
    elif row.image:
        digest.update(_digest_image(root, row.image, data))
    return digest.digest()


def _in_threads(digests: Iterator[_Digest], data: DataOptions) -> Iterator[bytes]:
    """Computes digests, in order."""
    if not any(map(is_remote, (data.catalogue, data.images_root or ""))):
        # Local files are not worth waiting for in several threads, which Python's lock makes slower than one.
        yield from (digest() for digest in digests)
        return
    with ThreadPoolExecutor(data.fetch.concurrency) as pool:
        pending: deque[Future[bytes]] = deque()
        for digest in digests:
            pending.append(pool.submit(digest))
            if len(pending) > 2 * data.fetch.concurrency:
                yield pending.popleft().result()
        yield from (future.result() for future in pending)


def _input_files(catalogue: Catalogue) -> Iterator[_Digest]:
    """The digest of each file, to be called; its name in it is the same wherever the catalogue lies."""
    data = catalogue.data
    for source in catalogue.sources:
        for uri in _files_of(source, catalogue.kind, data):
            yield partial(_digest_file, path_in_catalogue(uri, data.catalogue), uri, data)
    if catalogue.kind not in _KINDS_WITH_IMAGES:
        for source, row in catalogue.rows():
            if row.content is None and row.image:
                yield partial(_digest_image, catalogue.images_root(source), row.image, data)


def _files_of(source: str, kind: str, data: DataOptions) -> list[str]:
    if is_folder(source, data.fetch):
        return walk_files(source, data.fetch)
    if kind in ("parquet", "arrow", "imagefolder"):
        return [source, *feature_files(source, data)]
    if kind != "tfrecord":
        return [source]
    # Files beside the records name the labels and describe the features.
    beside = (list_files(join(glob.escape(folder_of(source)), ending), data.fetch) for ending in ("*.txt", "*.json"))
    return [source, *(uri for found in beside for uri in found)]


def _digest_file(name: str, uri: str, data: DataOptions) -> bytes:
    return _digest_content(name, lambda add: _add_content(uri, data, add))


def _digest_image(root: str, path: str, data: DataOptions) -> bytes:
    return _digest_content(path, lambda add: use_image_file(root, path, data, lambda uri: _add_content(uri, data, add)))


def _digest_content(name: str, add_content: Callable[[Callable[[bytes], None]], None]) -> bytes:
    """The digest of a file's name and content; where it cannot be read, of its name and the kind of error."""
    digest = hashlib.sha256(name.encode(errors="surrogateescape"))
    try:
        add_content(digest.update)
    except RowError as error:
        digest.update(error.reason.encode())
    except (OSError, ValueError) as error:
        digest.update(type(error).__name__.encode())
    return digest.digest()


def _add_content(uri: str, data: DataOptions, add: Callable[[bytes], None]) -> None:
    """Calls ``add`` with what stands for a file's content: a remote file's version, else its bytes, block by block."""
    if is_remote(uri) and (version := file_version(uri, data.fetch)):
        add(version.encode())
        return
    with open_file(uri, data.fetch, data.limits) as file:
        # A read takes memory for as many bytes as it asks for, so it must not ask for more than there are.
        left = file.seek(0, os.SEEK_END)
        file.seek(0)
        while block := file.read(min(left, _BLOCK_BYTES)):
            add(block)
            left -= len(block)
