"""A digest of every input byte: a cached ingestion is reused only if it is unchanged."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from tempfile import TemporaryDirectory

from diptych.components.catalogue.options import DataOptions, FetchOptions
from diptych.components.catalogue.readers.kinds import find_kind, images_root, list_sources, read_rows
from diptych.components.catalogue.spans import name_below
from diptych.components.catalogue.storage import (
    OutsideRootError,
    file_version,
    folder_of,
    is_folder,
    is_remote,
    join,
    list_files,
    open_file,
    resolve_below,
    walk_files,
)

_BLOCK = 1 << 20
# Kinds whose sources hold the images themselves.
_WHOLE = ("webdataset", "tfrecord", "folder")


def digest_inputs(data: DataOptions) -> str:
    """SHA-256, in hexadecimal, over the catalogue's files and every image they name.

    A file that cannot be read counts as such, so that its appearing later changes the digest. Of remote files that
    have an ETag, a checksum or a generation, that is taken, without fetching them.

    Raises:
        CatalogueError: the catalogue cannot be read.
    """
    total = hashlib.sha256()
    for digest in _digests(_input_files(data), data):
        total.update(digest)
    return total.hexdigest()


def _digests(files: Iterator[tuple[str, str]], data: DataOptions) -> Iterator[bytes]:
    if not any(map(is_remote, (data.catalogue, data.images_root or ""))):
        # Python's lock makes several threads slower than one where there is nothing to wait for.
        yield from (_digest_file(name, uri, data.fetch) for name, uri in files)
        return
    with ThreadPoolExecutor(data.fetch.concurrency) as pool:
        pending: deque[Future[bytes]] = deque()
        for name, uri in files:
            pending.append(pool.submit(_digest_file, name, uri, data.fetch))
            if len(pending) > 2 * data.fetch.concurrency:
                yield pending.popleft().result()
        yield from (future.result() for future in pending)


def _input_files(data: DataOptions) -> Iterator[tuple[str, str]]:
    """Names, which stay when the catalogue is moved as a whole, and URIs."""
    kind = find_kind(data)
    for source in list_sources(data):
        for uri in _files_of(source, kind, data):
            yield name_below(uri, data.catalogue), uri
    if kind not in _WHOLE:
        with TemporaryDirectory() as scratch:
            yield from _images(data, scratch)


def _files_of(source: str, kind: str, data: DataOptions) -> list[str]:
    if is_folder(source, data.fetch):
        return walk_files(source, data.fetch)
    if kind != "tfrecord":
        return [source]
    # Beside the records lie the names of classes and of features.
    beside = (list_files(join(glob.escape(folder_of(source)), ending), data.fetch) for ending in ("*.txt", "*.json"))
    return [source, *(uri for found in beside for uri in found)]


def _images(data: DataOptions, scratch: str) -> Iterator[tuple[str, str]]:
    for source, row in read_rows(data, scratch):
        if row.content is None and row.image:
            try:
                yield row.image, resolve_below(images_root(source, data), row.image)
            except (OutsideRootError, ValueError, OSError):
                continue


def _digest_file(name: str, uri: str, fetch: FetchOptions) -> bytes:
    digest = hashlib.sha256(name.encode(errors="surrogateescape"))
    try:
        if is_remote(uri) and (version := file_version(uri, fetch)):
            digest.update(version.encode())
            return digest.digest()
        with open_file(uri, fetch) as file:
            # Asking for more than there is would take memory for it, and more time than digesting a photograph.
            left = file.seek(0, os.SEEK_END)
            file.seek(0)
            while block := file.read(min(left, _BLOCK)):
                digest.update(block)
                left -= len(block)
    except (OSError, ValueError) as error:
        digest.update(type(error).__name__.encode())
    return digest.digest()
