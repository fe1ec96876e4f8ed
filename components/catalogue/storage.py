"""Files by URI, local or remote: opened, read, listed and written; requests that fail for a time are repeated.

A URI without a scheme is a path of this machine.
"""

from __future__ import annotations

import errno
import glob
import io
import os
import posixpath
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import quote, unquote

from diptych.components.catalogue.options import FetchOptions, Limits
from diptych.components.catalogue.positioned_file import PositionedFile
from diptych.components.catalogue.remote import FetchError, FileInfo, Store, get_store, is_web, permanent_error
from diptych.models.atomic_files import atomic_path
from diptych.models.counts import pluralize
from diptych.models.credentials import mask_credentials
from diptych.models.scratch_folders import scratch_folder

__all__ = [
    "FetchError",
    "OutsideRootError",
    "TooLargeError",
    "file_version",
    "folder_of",
    "is_file",
    "is_folder",
    "is_remote",
    "join",
    "list_files",
    "open_file",
    "read_file",
    "read_range",
    "relative_path",
    "remove",
    "resolve_below",
    "walk_files",
    "write_stream",
]

_T = TypeVar("_T")
# Bytes of a remote file that one request reads: so many that waiting for the first byte of each costs little.
_BLOCK_BYTES = 4 << 20
# Of an open file.
_KEPT_BLOCKS = 8
# A percent sign that no two hexadecimal digits follow stands for itself.
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


class OutsideRootError(ValueError):
    """A relative path leads out of the folder that it is relative to."""


class TooLargeError(ValueError):
    """A file is larger than what may be read of it."""


def is_remote(uri: str) -> bool:
    """Whether the URI has a scheme, as ``gs://bucket/file`` has."""
    return "://" in uri


def open_file(uri: str, fetch: FetchOptions | None = None, limits: Limits | None = None) -> BinaryIO:
    """Opens a file to read bytes from any position. A remote file is read in blocks, each by a request of its own.

    A file of a web server that sends no parts of files is first copied to this machine's temporary folder, where it may
    take no more than ``limits.scratch_gb``.

    Raises:
        FileNotFoundError: there is no such file.
        PermissionError: it may not be read.
        FetchError: a remote file could not be fetched; reading from the opened file may raise it too.
        OSError: it cannot be read.
    """
    if not is_remote(uri):
        return _open_local(uri)
    fetch = fetch or FetchOptions()
    info = _request(uri, fetch, lambda store: store.info(uri))
    if info.is_folder:
        raise IsADirectoryError(errno.EISDIR, "Is a folder", mask_credentials(uri))
    if info.size is None:
        return _download(uri, fetch, (limits or Limits()).scratch_bytes)
    return cast(BinaryIO, io.BufferedReader(_RemoteFile(uri, info.size, fetch)))


def read_file(uri: str, fetch: FetchOptions, max_bytes: int) -> bytes:
    """The content of a file; a remote file is read by a single request. Many threads may call it at a time.

    Raises:
        TooLargeError: it holds more than ``max_bytes``; at most one byte more is read.
        FileNotFoundError: there is no such file.
        PermissionError: it may not be read.
        FetchError: a remote file could not be fetched.
        OSError: it cannot be read.
    """
    if is_remote(uri):
        content = _request(uri, fetch, lambda store: store.read(uri, 0, max_bytes + 1))
    else:
        with _open_local(uri) as file:
            # read() allocates as many bytes as it is asked for, even if the file is short.
            content = file.read(min(os.fstat(file.fileno()).st_size, max_bytes) + 1)
    if len(content) > max_bytes:
        raise TooLargeError(f"more than {max_bytes / 1e6:g} MB")
    return content


def read_range(uri: str, start: int, stop: int) -> bytes:
    """Some bytes of a file; of a remote file they are read by a single request.

    Raises:
        FileNotFoundError: there is no such file.
        FetchError: a remote file could not be fetched.
        OSError: it cannot be read, or is shorter.
    """
    if is_remote(uri):
        content = _request(uri, FetchOptions(), lambda store: store.read(uri, start, stop))
    else:
        with _open_local(uri) as file:
            content = os.pread(file.fileno(), stop - start, start)
    if len(content) != stop - start:
        raise OSError(errno.EIO, f"The file has fewer than {stop} bytes", mask_credentials(uri))
    return content


@contextmanager
def write_stream(uri: str) -> Iterator[BinaryIO]:
    """Opens a file to write; its folder is made if need be.

    What is written goes to a temporary file, which replaces an existing file when the ``with`` block ends. If an error
    ends the block, nothing is written.

    Raises:
        FetchError: at the end of the block: a remote file could not be written.
        OSError: the file cannot be written.
    """
    if not is_remote(uri):
        os.makedirs(os.path.dirname(uri) or ".", exist_ok=True)
        with atomic_path(uri) as temporary, open(temporary, "xb") as file:
            yield file
        return
    with scratch_folder() as folder:
        temporary = os.path.join(folder, "content")
        with open(temporary, "xb") as file:
            yield file
        _request(uri, FetchOptions(), lambda store: store.put(temporary, uri))


def remove(uri: str) -> None:
    """Deletes a file, or a folder with all that is in it; nothing is done if there is neither.

    Raises:
        PermissionError: it may not be deleted.
        FetchError: the store does not answer.
        OSError: it cannot be deleted.
    """
    if is_remote(uri):
        _request(uri, FetchOptions(), lambda store: store.remove(uri))
    elif os.path.isdir(uri) and not os.path.islink(uri):
        shutil.rmtree(uri)
    elif os.path.lexists(uri):
        os.remove(uri)


def list_files(pattern: str, fetch: FetchOptions | None = None) -> list[str]:
    """URIs of the files and folders that match a pattern (``*``, ``?``, ``[a-z]``, ``**``), sorted.

    Local names that begin with a dot match only a pattern that does. Of a web server, pages of links are searched, and
    a ``?`` in the URI begins a query.

    Raises:
        PermissionError: the store may not be listed.
        FetchError: the store does not answer.
    """
    if not is_remote(pattern):
        # The path of the working directory is no part of the pattern.
        return sorted(map(os.path.abspath, glob.glob(pattern, recursive=True)))
    try:
        return sorted(_request(pattern, fetch or FetchOptions(), lambda store: store.glob(pattern)))
    except FileNotFoundError:
        return []


def walk_files(folder: str, fetch: FetchOptions | None = None) -> list[str]:
    """URIs of all files below a folder, sorted; links to folders are followed, but not in circles.

    Raises:
        FileNotFoundError: there is no such folder on this machine; in a store, it counts as empty.
        PermissionError: it may not be listed.
        FetchError: the store does not answer.
        OSError: it cannot be listed.
    """
    if not is_remote(folder):
        return sorted(_walk_local(os.path.abspath(folder)))
    return sorted(_request(folder, fetch or FetchOptions(), lambda store: store.walk(folder)))


def is_folder(uri: str, fetch: FetchOptions | None = None) -> bool:
    """Whether there is such a folder: in an object store if files lie below it, on a web server if it ends with ``/``.

    Raises:
        PermissionError: the store does not say.
        FetchError: the store does not answer.
    """
    if not is_remote(uri):
        return os.path.isdir(uri)
    info = _info(uri, fetch)
    return info is not None and info.is_folder


def is_file(uri: str, fetch: FetchOptions | None = None) -> bool:
    """Whether there is a file of this name.

    Raises:
        PermissionError: the store does not say.
        FetchError: the store does not answer.
    """
    if not is_remote(uri):
        return os.path.isfile(uri)
    info = _info(uri, fetch)
    return info is not None and not info.is_folder


def file_version(uri: str, fetch: FetchOptions) -> str | None:
    """A text that changes with a remote file's content: a checksum, ETag or generation; None if the store has none.

    Raises:
        FileNotFoundError: there is no such file.
        PermissionError: it may not be read.
        FetchError: the store does not answer.
    """
    return _request(uri, fetch, lambda store: store.info(uri)).version


def join(folder: str, name: str) -> str:
    """A path below a folder."""
    return posixpath.join(folder, name) if is_remote(folder) else os.path.join(folder, name)


def folder_of(uri: str) -> str:
    """The folder of a file; a query of a web server's URI is left out."""
    if is_web(uri):
        return posixpath.dirname(uri.partition("?")[0])
    return posixpath.dirname(uri) if is_remote(uri) else os.path.dirname(uri) or "."


def relative_path(uri: str, folder: str) -> str:
    """The path of a file from a folder on; a store may be named by more than one scheme."""
    if not is_remote(folder):
        return os.path.relpath(uri, folder)
    path, start = (name.partition("://")[2].strip("/") for name in (uri, folder))
    return path.removeprefix(start).lstrip("/")


def resolve_below(root: str, path: str) -> str:
    """The URI of a file by its path below a folder, which the path must not leave.

    Args:
        root: URI of the folder.
        path: relative to it; on a web server it is part of a URL: ``%20`` is a space, and ``?`` begins a query.

    Raises:
        OutsideRootError: the path is absolute, has a scheme, or leaves the root by ``..`` or by a link.
        FileNotFoundError: no file can have such a name.
    """
    if is_remote(path) or os.path.isabs(path):
        raise OutsideRootError(f"'{path}' is not relative to the images' root")
    if "\0" in path or not _is_encodable(path, "strict" if is_remote(root) else "surrogateescape"):
        raise FileNotFoundError(errno.ENOENT, "No file can have such a name", path)
    if is_web(root):
        return posixpath.join(root, _web_path(path))
    if is_remote(root):
        return posixpath.join(root, _normal(path, path))
    real_root = _real_folder(root)
    real = _real_file(os.path.join(real_root, path))
    if not real.startswith(os.path.join(real_root, "")) and real != real_root:
        raise OutsideRootError(f"'{path}' leaves the images' root")
    return real


def _real_file(path: str) -> str:
    folder, name = os.path.split(path)
    real = os.path.join(_real_folder(folder), name)
    return os.path.realpath(path) if name in ("", ".", "..") or os.path.islink(real) else real


@lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    # Cached: resolving the links in each folder above each image would take longer than reading the image.
    return os.path.realpath(folder)


def _is_encodable(path: str, errors: str) -> bool:
    try:
        path.encode(errors=errors)
    except UnicodeEncodeError:
        return False
    return True


def _normal(path: str, given: str) -> str:
    normal = posixpath.normpath(path)
    if normal == ".." or normal.startswith(("../", "/")):
        raise OutsideRootError(f"'{given}' leaves the images' root")
    return normal


def _web_path(given: str) -> str:
    """A path with its query, quoted for a URL.

    Some servers decode a path more than once, and some take backslashes for slashes. However it is read, no part of the
    path may lead upwards.
    """
    path, mark, query = given.partition("?")
    normal = _normal(path, given)
    decoded, plain = normal, unquote(normal)
    while decoded != plain:
        decoded, plain = plain, unquote(plain)
    parts = plain.replace("\\", "/").split("/")
    if any(part.strip() == ".." for part in parts) or not parts[0]:
        raise OutsideRootError(f"'{given}' leaves the images' root")
    return quote(_BARE_PERCENT.sub("%25", normal), safe="/%") + mark + quote(query, safe="/%?=&+,;:@!$'()*~")


def _open_local(path: str) -> BinaryIO:
    try:
        kind = os.stat(path).st_mode
    except ValueError as error:
        raise FileNotFoundError(errno.ENOENT, "No file can have such a name", path) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise FileNotFoundError(errno.ENOENT, "No file can have such a long name", path) from error
        raise
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        # Reading a pipe or a device may never end.
        raise OSError(errno.EINVAL, "Not a regular file", path)
    return open(path, "rb")


def _walk_local(folder: str) -> Iterator[str]:
    pending: list[tuple[str, frozenset[str]]] = [(folder, frozenset())]
    while pending:
        folder, above = pending.pop()
        real = os.path.realpath(folder)
        if real in above:
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append((entry.path, above | {real}))
                else:
                    yield entry.path


def _info(uri: str, fetch: FetchOptions | None) -> FileInfo | None:
    try:
        return _request(uri, fetch or FetchOptions(), lambda store: store.info(uri))
    except FileNotFoundError:
        return None


def _request(uri: str, fetch: FetchOptions, operation: Callable[[Store], _T]) -> _T:
    """Runs an operation on the store of a URI, and repeats it as long as it may succeed later."""
    import tenacity

    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(fetch.attempts),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
        retry=tenacity.retry_if_exception(lambda error: _may_pass(error, uri)),
        reraise=True,
    )
    try:
        return attempts(lambda: operation(get_store(uri, fetch.timeout_seconds)))
    except Exception as error:
        if refusal := permanent_error(error, uri):
            raise refusal from error.__cause__
        reason = f"in {pluralize(fetch.attempts, 'attempt')}: {str(error) or type(error).__name__}"
        raise FetchError(mask_credentials(f"'{uri}' could not be reached {reason}")) from error


def _may_pass(error: BaseException, uri: str) -> bool:
    return isinstance(error, Exception) and permanent_error(error, uri) is None


def _download(uri: str, fetch: FetchOptions, most: int) -> BinaryIO:
    with ExitStack() as unless_done:
        file = cast(BinaryIO, unless_done.enter_context(tempfile.TemporaryFile()))
        _request(uri, fetch, lambda store: store.download(uri, file, most))
        file.seek(0)
        unless_done.pop_all()
        return file


class _RemoteFile(PositionedFile):
    """A remote file that is read block by block.

    The last blocks are kept: Python's buffered readers ask for 8 KB at a time, and columns are read by turns.
    """

    def __init__(self, uri: str, size: int, fetch: FetchOptions) -> None:
        super().__init__(size)
        self._uri, self._fetch = uri, fetch
        # Where each starts, the one that was used last at the end.
        self._blocks: dict[int, bytes] = {}

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        start, block = self._block()
        offset = self._position - start
        count = min(len(buffer), len(block) - offset)
        buffer[:count] = memoryview(block)[offset : offset + count]
        self._position += count
        return count

    def _block(self) -> tuple[int, bytes]:
        """The block with the next byte, and where it starts."""
        kept, position = self._blocks, self._position
        start = next((start for start in kept if start <= position < start + len(kept[start])), None)
        if start is None:
            if len(kept) == _KEPT_BLOCKS:
                del kept[next(iter(kept))]
            start, block = position, _request(self._uri, self._fetch, self._next_block)
        else:
            block = kept.pop(start)
        kept[start] = block
        return start, block

    def _next_block(self, store: Store) -> bytes:
        known = (start for start in self._blocks if start > self._position)
        stop = min(self._position + _BLOCK_BYTES, self._size, *known)
        block = store.read(self._uri, self._position, stop)
        if len(block) != stop - self._position:
            raise OSError(errno.EIO, f"The file has become shorter than {self._size} bytes", self._uri)
        return block
