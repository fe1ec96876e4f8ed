"""The digest of every input byte: an ingestion is taken from the cache only if the digest is unchanged."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions, FetchOptions
from diptych.components.catalogue.spans import path_in_catalogue
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

_BLOCK_BYTES = 1 << 20
# Kinds whose sources hold all images.
_KINDS_WITH_IMAGES = ("webdataset", "tfrecord", "folder")


def digest_inputs(catalogue: Catalogue) -> str:
    """SHA-256, in hexadecimal, over the catalogue's files and every image that they name.

    A file that cannot be read counts as such, so that the digest changes when it appears later. Remote files with an
    ETag, a checksum or a generation are not fetched: that value is digested in place of the content.

    Raises:
        CatalogueError: the catalogue cannot be read.
    """
    total = hashlib.sha256()
    for digest in _digests(_input_files(catalogue), catalogue.data):
        total.update(digest)
    return total.hexdigest()


def _digests(files: Iterator[tuple[str, str]], data: DataOptions) -> Iterator[bytes]:
    if not any(map(is_remote, (data.catalogue, data.images_root or ""))):
        # Local files are not worth waiting for in several threads, which Python's lock makes slower than one.
        yield from (_digest_file(name, uri, data.fetch) for name, uri in files)
        return
    with ThreadPoolExecutor(data.fetch.concurrency) as pool:
        pending: deque[Future[bytes]] = deque()
        for name, uri in files:
            pending.append(pool.submit(_digest_file, name, uri, data.fetch))
            if len(pending) > 2 * data.fetch.concurrency:
                yield pending.popleft().result()
        yield from (future.result() for future in pending)


def _input_files(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """The name and the URI of each file; the name is the same wherever the catalogue lies."""
    for source in catalogue.sources:
        for uri in _files_of(source, catalogue.kind, catalogue.data):
            yield path_in_catalogue(uri, catalogue.data.catalogue), uri
    if catalogue.kind not in _KINDS_WITH_IMAGES:
        yield from _images(catalogue)


def _files_of(source: str, kind: str, data: DataOptions) -> list[str]:
    if is_folder(source, data.fetch):
        return walk_files(source, data.fetch)
    if kind != "tfrecord":
        return [source]
    # Files beside the records name the labels and describe the features.
    beside = (list_files(join(glob.escape(folder_of(source)), ending), data.fetch) for ending in ("*.txt", "*.json"))
    return [source, *(uri for found in beside for uri in found)]


def _images(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for source, row in catalogue.rows():
        if row.content is None and row.image:
            try:
                yield row.image, resolve_below(catalogue.images_root(source), row.image)
            except (OutsideRootError, ValueError, OSError):
                continue


def _digest_file(name: str, uri: str, fetch: FetchOptions) -> bytes:
    digest = hashlib.sha256(name.encode(errors="surrogateescape"))
    try:
        if is_remote(uri) and (version := file_version(uri, fetch)):
            digest.update(version.encode())
            return digest.digest()
        with open_file(uri, fetch) as file:
            # A read takes memory for as many bytes as it asks for, so it must not ask for more than there are.
            left = file.seek(0, os.SEEK_END)
            file.seek(0)
            while block := file.read(min(left, _BLOCK_BYTES)):
                digest.update(block)
                left -= len(block)
    except (OSError, ValueError) as error:
        digest.update(type(error).__name__.encode())
    return digest.digest()
