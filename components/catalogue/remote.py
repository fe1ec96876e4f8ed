"""Object stores and web servers, by fsspec: single requests within their time, and which errors asking again repeats.

fsspec's libraries try again on their own, each in its way and some for minutes; that is switched off here, and
``diptych.components.catalogue.storage`` tries again in one way for all.
"""

from __future__ import annotations

import errno
import functools
import inspect
import os
import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

# Sizes of downloads that go to the disk because the server sends no parts of files.
_MOST_DOWNLOADED = 16 << 30
# Threads that read share one store: more than any of the libraries' own limits.
_CONNECTIONS = 64
# Of HTTP: codes of the client's errors that may pass: request timeout, too early, too many requests.
_PASSING = (408, 425, 429)
_WEB = ("http", "https")
# KFP calls S3 behind an endpoint of its own so.
_ALIASES = {"minio": "s3", "gcs": "gs"}
_LOCAL = ("file", "local")
_FIRST_STORE = threading.Lock()
# fsspec keeps instances by thread, and lists of files that others may have added to since.
_OWN = {"skip_instance_cache": True, "use_listings_cache": False}


class FetchError(OSError):
    """A remote file could not be had, however often it was asked for."""


@dataclass(frozen=True)
class FileInfo:
    """What a store says of a file or folder.

    Attributes:
        size: in bytes; None where the file can only be read from its start.
        version: changes with the content; None where the store says nothing of the kind.
    """

    size: int | None
    version: str | None = None
    is_folder: bool = False


class Store:
    """An object store. URIs are whole: ``s3://bucket/key``."""

    def __init__(self, files: Any, timeout: float) -> None:
        self._files, self._timeout = files, timeout

    def info(self, uri: str) -> FileInfo:
        """Size, version and kind of a file, or of the folder that there is if files lie below it."""
        found: dict[str, Any] = self._ask("info", uri)
        # A checksum first: it stays when equal bytes are written again.
        version = next((f"{key}={found[key]}" for key in ("md5Hash", "ETag", "generation") if found.get(key)), None)
        return FileInfo(found.get("size"), version, found.get("type") == "directory")

    def read(self, uri: str, start: int, stop: int) -> bytes:
        """The bytes ``[start, stop)`` of a file, fewer if it ends before."""
        try:
            return bytes(self._ask("cat_file", uri, start=start, end=stop))[: stop - start]
        except Exception as error:
            if _http_status(error) == 416:
                return b""  # a part that starts behind the end, as any does in an empty file
            raise

    def glob(self, pattern: str) -> list[str]:
        """URIs of the files and folders that match."""
        return self._uris(pattern, self._files.glob(_path(pattern)))

    def walk(self, folder: str) -> list[str]:
        """URIs of the files below a folder."""
        return self._uris(folder, self._files.find(_path(folder)))

    def put(self, local: str, uri: str) -> None:
        """Copies a file of this machine to the store."""
        self._files.put_file(local, _path(uri))

    def download(self, uri: str, target: BinaryIO) -> None:
        """Copies a whole file; for those of no known size."""
        raise NotImplementedError(f"'{uri}' has no size")

    def _ask(self, method: str, uri: str, **arguments: Any) -> Any:
        # fsspec's synchronous calls of asynchronous methods take a timeout.
        limit = {"timeout": self._timeout} if self._files.async_impl else {}
        return getattr(self._files, method)(_path(uri), **arguments, **limit)

    def _uris(self, asked: str, names: list[str]) -> list[str]:
        """URIs of the scheme that was asked for. Some tools mark a folder by an empty file ``folder/``: it is none."""
        scheme = asked.partition("://")[0]
        return [f"{scheme}://{name.lstrip('/')}" for name in names if not name.endswith("/")]


class WebServer(Store):
    """A web server, whose folders are its pages of links and end with ``/``.

    Not by fsspec's own calls: they ask for the size before each file, take every failure of that for a missing file,
    and hold all that a server sends that ignores the range it was asked for.
    """

    def info(self, uri: str) -> FileInfo:
        if uri.endswith("/"):
            return FileInfo(None, is_folder=True)
        info: FileInfo = self._run(self._info, uri)
        return info

    def read(self, uri: str, start: int, stop: int) -> bytes:
        content: bytes = self._run(self._read, uri, start, stop)
        return content

    def glob(self, pattern: str) -> list[str]:
        if not set("*[") & set(pattern):
            self.info(pattern)
            return [pattern]
        # fsspec leaves out what it cannot list.
        names = self._files.glob(pattern, on_error="raise")
        return [name for name in names if "?" not in name]

    def walk(self, folder: str) -> list[str]:
        # Pages of links bear links to themselves, sorted otherwise.
        return [name for name in self._files.find(folder, on_error="raise") if "?" not in name]

    def put(self, local: str, uri: str) -> None:
        raise PermissionError(errno.EROFS, "A web server cannot be written to", uri)

    def download(self, uri: str, target: BinaryIO) -> None:
        from fsspec.asyn import sync

        # Each wait for bytes has its time, the whole has not.
        sync(self._files.loop, self._download, uri, target)

    def _run(self, function: Any, *arguments: Any) -> Any:
        from fsspec.asyn import sync

        return sync(self._files.loop, function, *arguments, timeout=self._timeout)

    async def _get(self, uri: str, ranges: str | None = None) -> Any:
        """The answer of the server; whoever asks has to close it."""
        session = await self._files.set_session()
        # Compressed parts of a file are not parts of it.
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={ranges}"} if ranges else {})}
        return await session.get(self._files.encode_url(uri), headers=headers)

    async def _info(self, uri: str) -> FileInfo:
        async with await self._get(uri, "0-0") as answer:
            tag = answer.headers.get("ETag", "")
            version = f"ETag={tag}" if tag and not tag.startswith("W/") else None
            if answer.status != 416:
                answer.raise_for_status()
            size = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
            return FileInfo(int(size[1]) if size and answer.status in (206, 416) else None, version)

    async def _read(self, uri: str, start: int, stop: int) -> bytes:
        async with await self._get(uri, f"{start}-{stop - 1}") as answer:
            if answer.status == 416:
                return b""
            answer.raise_for_status()
            if start and answer.status != 206:
                raise OSError(errno.EIO, "The server sends no parts of files", uri)
            content = bytearray()
            async for block in answer.content.iter_any():
                content += block
                if len(content) >= stop - start:
                    break
            return bytes(content[: stop - start])

    async def _download(self, uri: str, target: BinaryIO) -> None:
        async with await self._get(uri) as answer:
            answer.raise_for_status()
            target.seek(0)
            target.truncate()
            async for block in answer.content.iter_any():
                target.write(block)
                if target.tell() > _MOST_DOWNLOADED:
                    raise FetchError(
                        f"'{uri}' holds more than {_MOST_DOWNLOADED >> 30} GB, and its server sends no parts of files: "
                        "copy it to this machine or to an object store"
                    )


def is_web(uri: str) -> bool:
    """Whether a URI is a web server's."""
    return uri.partition("://")[0].lower() in _WEB


def get_store(uri: str, timeout: float) -> Store:
    """The store of a URI, shared by the threads of a process.

    Args:
        timeout: of one request, in seconds.

    Raises:
        FetchError: no library for this scheme is there.
    """
    scheme = uri.partition("://")[0].lower()
    # Two threads that come first would each connect.
    with _FIRST_STORE:
        return _make_store(_ALIASES.get(scheme, scheme), timeout, os.getpid())


def permanent_error(error: BaseException, uri: str) -> OSError | None:
    """What to raise for an error that asking again would only repeat; None for one that may pass."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, FetchError)):
        return error
    status = _http_status(error)
    if status in (404, 410):
        return FileNotFoundError(errno.ENOENT, "No such file", uri)
    if status in (401, 403):
        return PermissionError(errno.EACCES, f"Not allowed by its server, which answers {status}", uri)
    if status is not None and 400 <= status < 500 and status not in _PASSING:
        return FetchError(f"'{uri}' is refused by its server, which answers {status}: {error}")
    if isinstance(error, ValueError):
        return FetchError(f"'{uri}' cannot be asked for: {error}")
    return None


def _http_status(error: BaseException) -> int | None:
    """The status of an HTTP answer, as the libraries of web servers, Google Cloud Storage and S3 keep it."""
    if str(error).startswith("Forbidden:"):
        return 403  # all that gcsfs keeps of it
    response = getattr(error.__cause__, "response", None) or {}
    of_s3 = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    # S3 has codes of its own below the status: its library knows which of them may pass.
    status = getattr(error, "status", None) or getattr(error, "code", None) or (of_s3 if of_s3 == 416 else None)
    return int(status) if status is not None and str(status).isdecimal() else None


def _path(uri: str) -> str:
    return uri.partition("://")[2]


@lru_cache
def _make_store(scheme: str, timeout: float, process: int) -> Store:
    """A store; of this process, because connections do not outlive a fork."""
    if scheme in _LOCAL:
        raise FetchError(f"'{scheme}://' stands for nothing: name a local file by its path alone")
    if scheme in _WEB:
        return WebServer(_web_files(scheme, timeout), timeout)
    if scheme == "s3":
        return Store(_s3_files(timeout), timeout)
    if scheme == "gs":
        return Store(_gs_files(timeout), timeout)
    try:
        return Store(_files(scheme), timeout)
    except (ValueError, ImportError) as error:
        raise FetchError(f"no files are to be had at '{scheme}://': {error}; use gs://, s3:// or https://") from error


def _files(scheme: str, **options: Any) -> Any:
    import fsspec

    return fsspec.filesystem(scheme, **_OWN, **options)


def _patience(timeout: float) -> Any:
    import aiohttp

    return aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout)


def _web_files(scheme: str, timeout: float) -> Any:
    # The variables HTTPS_PROXY and NO_PROXY count.
    return _files(scheme, client_kwargs={"timeout": _patience(timeout), "trust_env": True})


def _s3_files(timeout: float) -> Any:
    config = {
        "connect_timeout": timeout,
        "read_timeout": timeout,
        "max_pool_connections": _CONNECTIONS,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
    }
    # AWS_ENDPOINT_URL and the usual variables and files say where the store is and who asks.
    files = _files("s3", config_kwargs=config)
    files.retries = 1
    files.connect()
    return files


def _gs_files(timeout: float) -> Any:
    # Not by its name, which stands for a class that asks for the bucket's kind by gRPC first.
    from gcsfs.core import GCSFileSystem

    files = GCSFileSystem(requests_timeout=_patience(timeout), **_OWN)
    # Its six attempts, with pauses of half a minute in all, are a decorator's.
    files._request = functools.partial(inspect.unwrap(type(files)._request), files)
    return files
