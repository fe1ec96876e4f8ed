"""Whole files and folders, on this machine or in a store: they are listed, read, written and copied.

A URI without a scheme is a path of this machine. Stores are those of ``diptych.components.catalogue.remote``: ``s3://``
(behind ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL`` if that is set), ``minio://`` as another name of it, ``gs://``.
Every request is tried again as ``FetchOptions`` says.
"""

from __future__ import annotations

import glob
import os
import posixpath
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from diptych.components.catalogue.options import FetchOptions
from diptych.components.catalogue.storage import (
    FetchError,
    OutsideRootError,
    is_file,
    is_folder,
    is_remote,
    join,
    list_files,
    open_file,
    relative_path,
    resolve_below,
    walk_files,
    write_stream,
)
from diptych.models.scratch_folders import scratch_folder

_COPY_BYTES = 1 << 20


def list_names(folder: str, fetch: FetchOptions | None = None) -> list[str]:
    """Names of the files and folders directly in a folder, sorted; hidden ones are left out.

    The list is empty if there is no such folder.

    Raises:
        PermissionError: the folder may not be listed.
        FetchError: the store does not answer.
    """
    return sorted(posixpath.basename(uri) for uri in list_files(join(glob.escape(folder), "*"), fetch))


def read_whole(uri: str, fetch: FetchOptions | None = None) -> bytes:
    """The content of a file of any size.

    Raises:
        FileNotFoundError: there is no such file.
        PermissionError: it may not be read.
        FetchError: the store does not answer.
        OSError: it cannot be read.
    """
    with open_file(uri, fetch) as file:
        return file.read()


def write_whole(uri: str, content: bytes) -> None:
    """Writes a file, over what has that name. Its folder is made if need be. A write that fails changes nothing.

    Raises:
        PermissionError: it may not be written.
        FetchError: the store does not answer.
        OSError: it cannot be written.
    """
    with write_stream(uri) as file:
        file.write(content)


def copy_folder(source: str, target: str, fetch: FetchOptions | None = None, last: str | None = None) -> None:
    """Copies every file below one folder to the same place below another one; either may be in a store.

    What else lies in the target stays. Empty folders are not copied, for stores have none.

    Args:
        last: name of a file directly in the source that is copied when all others are there: who finds it in the
            target finds the whole folder. None if the order is of no matter.

    Raises:
        FileNotFoundError: there is no source.
        NotADirectoryError: the source is a file.
        PermissionError: a file may not be read or written.
        FetchError: a store does not answer, or the name of a file leads out of the target.
        OSError: a file cannot be read or written.
    """
    fetch = fetch or FetchOptions()
    if not is_folder(source, fetch):
        kind = NotADirectoryError if is_file(source, fetch) else FileNotFoundError
        raise kind(f"there is no folder '{source}'")
    if not is_remote(target):
        os.makedirs(target, exist_ok=True)

    def copy(uri: str) -> None:
        with open_file(uri, fetch) as file, write_stream(_place(uri, source, target)) as copied:
            shutil.copyfileobj(file, copied, _COPY_BYTES)

    uris = walk_files(source, fetch)
    final = [uri for uri in uris if last is not None and relative_path(uri, source) == last]
    with ThreadPoolExecutor(fetch.concurrency) as threads:
        for _ in threads.map(copy, [uri for uri in uris if uri not in final]):
            pass
    for uri in final:
        copy(uri)


@contextmanager
def local_copy(folder: str, fetch: FetchOptions | None = None) -> Iterator[str]:
    """A folder of this machine with the content of a folder: that itself, or a copy that lasts as long as the block.

    Raises:
        FileNotFoundError: there is no such folder in the store.
        NotADirectoryError, PermissionError, FetchError, OSError: as ``copy_folder``.
    """
    if not is_remote(folder):
        yield folder
        return
    with scratch_folder() as copied:
        copy_folder(folder, copied, fetch)
        yield copied


def _place(uri: str, source: str, target: str) -> str:
    """Where the copy of a file below ``source`` belongs."""
    try:
        return resolve_below(target, relative_path(uri, source))
    except OutsideRootError:
        # The keys of an object store may hold "..".
        raise FetchError(f"'{uri}' cannot be copied: its name leads out of the folder '{target}'") from None
