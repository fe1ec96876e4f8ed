"""Object stores and web servers, reached by fsspec: single requests with a timeout.

fsspec's libraries repeat failed requests, each in its own way and some for minutes. That is switched off here;
``diptych.components.catalogue.storage`` repeats requests in one way for all. ``permanent_error`` tells which errors are
not worth it. For whole files and folders see ``diptych.components.catalogue.transfer``.
"""

from __future__ import annotations

import errno
import functools
import inspect
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, BinaryIO

from diptych.models.credentials import mask_credentials

# All threads share one store; the libraries' own limits on connections are lower.
_CONNECTIONS = 64
# HTTP's client errors after which a request may succeed later: request timeout, too early, too many requests.
_TRANSIENT_CLIENT_ERRORS = (408, 425, 429)
_WEB_SCHEMES = ("http", "https")
#: AWS's environment variables for the address of the S3 API; the first that is set is used.
S3_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
# Other names of a scheme; KFP writes minio:// for an S3 API behind an endpoint of its own.
_ALIASES = {"minio": "s3", "gcs": "gs"}
_LOCAL_SCHEMES = ("file", "local")
_STORE_LOCK = threading.Lock()
# fsspec would cache an instance for each thread, and listings that are out of date when others add files.
_NO_CACHES = {"skip_instance_cache": True, "use_listings_cache": False}


class FetchError(OSError):
    """A remote file could not be fetched, although the request was repeated."""


@dataclass(frozen=True)
class FileInfo:
    """What a store says about a file or folder.

    Attributes:
        size: in bytes; None if the file can only be read from its start.
        version: a text that changes with the content; None if the store has none.
    """

    size: int | None
    version: str | None = None
    is_folder: bool = False


class Store:
    """An object store. Its methods take complete URIs, like ``s3://bucket/key``, and raise what fsspec raises."""

    def __init__(self, files: Any, timeout: float) -> None:
        self._files, self._timeout = files, timeout

    def info(self, uri: str) -> FileInfo:
        """Size and version of a file or folder; a folder exists if files lie below it."""
        found: dict[str, Any] = self._call("info", uri)
        # A checksum comes first: it does not change when equal bytes are written again.
        version = next((f"{key}={found[key]}" for key in ("md5Hash", "ETag", "generation") if found.get(key)), None)
        return FileInfo(found.get("size"), version, found.get("type") == "directory")

    def read(self, uri: str, start: int, stop: int) -> bytes:
        """The bytes ``[start, stop)`` of a file, fewer if it ends before."""
        try:
            return bytes(self._call("cat_file", uri, start=start, end=stop))[: stop - start]
        except Exception as error:
            if _http_status(error) == 416:
                return b""  # the part starts after the end, as every part of an empty file does
            raise

    def glob(self, pattern: str) -> list[str]:
        """URIs of the files and folders that match a pattern."""
        return self._uris(pattern, self._files.glob(_path(pattern)))

    def walk(self, folder: str) -> list[str]:
        """URIs of the files below a folder."""
        return self._uris(folder, self._files.find(_path(folder)))

    def put(self, local: str, uri: str) -> None:
        """Copies a file of this machine to the store."""
        self._files.put_file(local, _path(uri))

    def remove(self, uri: str) -> None:
        """Deletes a file, or all files below a folder; nothing is done if there are none."""
        with suppress(FileNotFoundError):
            self._files.rm(_path(uri), recursive=True)

    def download(self, uri: str, target: BinaryIO, most: int) -> None:
        """Copies a whole file of unknown size, which only web servers have.

        Raises:
            FetchError: it holds more than ``most`` bytes.
        """
        raise NotImplementedError(f"'{uri}' has no size")

    def _call(self, method: str, uri: str, **arguments: Any) -> Any:
        # Where fsspec wraps asynchronous methods, its synchronous ones take a timeout.
        limit = {"timeout": self._timeout} if self._files.async_impl else {}
        return getattr(self._files, method)(_path(uri), **arguments, **limit)

    def _uris(self, asked: str, names: list[str]) -> list[str]:
        """URIs of the scheme that was asked for. Some tools mark a folder by an empty file ``folder/``: it is none."""
        scheme = asked.partition("://")[0]
        return [f"{scheme}://{name.lstrip('/')}" for name in names if not name.endswith("/")]


class WebServer(Store):
    """A web server. A folder is a page of links, whose URI ends with ``/``.

    fsspec's own methods are not used for files: they ask for the size before each file, take every failure of that
    request for a missing file, and keep everything in memory that is sent by a server which ignores ranges.
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
        # Without on_error, fsspec leaves out pages that it cannot list.
        names = self._files.glob(pattern, on_error="raise")
        return [name for name in names if "?" not in name]

    def walk(self, folder: str) -> list[str]:
        # Pages of links have links to themselves in another order, with a query.
        return [name for name in self._files.find(folder, on_error="raise") if "?" not in name]

    def put(self, local: str, uri: str) -> None:
        raise PermissionError(errno.EROFS, "A web server cannot be written to", uri)

    def remove(self, uri: str) -> None:
        raise PermissionError(errno.EROFS, "A web server cannot be written to", uri)

    def download(self, uri: str, target: BinaryIO, most: int) -> None:
        from fsspec.asyn import sync

        # There is a timeout for each wait for bytes, but none for the whole download.
        sync(self._files.loop, self._download, uri, target, most)

    def _run(self, function: Any, *arguments: Any) -> Any:
        from fsspec.asyn import sync

        return sync(self._files.loop, function, *arguments, timeout=self._timeout)

    async def _get(self, uri: str, ranges: str | None = None) -> Any:
        """The response of the server, which the caller must close."""
        session = await self._files.set_session()
        # A range of a compressed response would not be a range of the file.
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

    async def _download(self, uri: str, target: BinaryIO, most: int) -> None:
        async with await self._get(uri) as answer:
            answer.raise_for_status()
            target.seek(0)
            target.truncate()
            async for block in answer.content.iter_any():
                if target.tell() + len(block) > most:
                    raise FetchError(
                        f"'{mask_credentials(uri)}' takes more than {most / 1e9:g} GB of the disk "
                        "(data.limits.scratch_gb), where it is copied because its server sends no parts of files: copy "
                        "it to this machine or to an object store, or raise the limit"
                    )
                target.write(block)


def is_web(uri: str) -> bool:
    """Whether a URI is a web server's."""
    return uri.partition("://")[0].lower() in _WEB_SCHEMES


def get_store(uri: str, timeout: float) -> Store:
    """The store of a URI, which all threads of a process share.

    Args:
        timeout: of one request, in seconds.

    Raises:
        FetchError: no library knows the scheme.
    """
    scheme = uri.partition("://")[0].lower()
    scheme = _ALIASES.get(scheme, scheme)
    # Without the lock, two first threads would each connect.
    with _STORE_LOCK:
        return _make_store(scheme, timeout, _s3_endpoint() if scheme == "s3" else None, os.getpid())


def permanent_error(error: BaseException, uri: str) -> OSError | None:
    """The error to raise if repeating the request is of no use; None if it may succeed later."""
    uri, message = mask_credentials(uri), mask_credentials(str(error))
    if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError, FetchError)):
        return error
    status = _http_status(error)
    if status in (404, 410):
        return FileNotFoundError(errno.ENOENT, "No such file", uri)
    if status in (401, 403):
        return PermissionError(errno.EACCES, f"Not allowed by its server, which answers {status}", uri)
    if status is not None and 400 <= status < 500 and status not in _TRANSIENT_CLIENT_ERRORS:
        return FetchError(f"'{uri}' is refused by its server, which answers {status}: {message}")
    if isinstance(error, ValueError):
        return FetchError(f"'{uri}' cannot be asked for: {message}")
    return None


def _http_status(error: BaseException) -> int | None:
    """The HTTP status behind an error of aiohttp, gcsfs or s3fs; None if there is none."""
    if str(error).startswith("Forbidden:"):
        return 403  # gcsfs keeps nothing else of the response
    response = getattr(error.__cause__, "response", None) or {}
    of_s3 = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    # Other statuses of S3 are left to s3fs, which translates S3's own error codes to exceptions.
    status = getattr(error, "status", None) or getattr(error, "code", None) or (of_s3 if of_s3 == 416 else None)
    return int(status) if status is not None and str(status).isdecimal() else None


def _path(uri: str) -> str:
    return uri.partition("://")[2]


def _s3_endpoint() -> str | None:
    """The address of the S3 API as AWS's variables tell it; None if they do not."""
    return next((os.environ[name] for name in S3_ENDPOINT_VARIABLES if os.environ.get(name)), None)


@lru_cache
def _make_store(scheme: str, timeout: float, endpoint: str | None, process: int) -> Store:
    """Makes a store. ``process`` is part of the cache's key, because connections do not survive a fork."""
    if scheme in _LOCAL_SCHEMES:
        raise FetchError(f"'{scheme}://' stands for nothing: name a local file by its path alone")
    if scheme in _WEB_SCHEMES:
        return WebServer(_web_files(scheme, timeout), timeout)
    if scheme == "s3":
        return Store(_s3_files(timeout, endpoint), timeout)
    if scheme == "gs":
        return Store(_gs_files(timeout), timeout)
    try:
        return Store(_files(scheme), timeout)
    except (ValueError, ImportError) as error:
        raise FetchError(f"no files are to be had at '{scheme}://': {error}; use gs://, s3:// or https://") from error


def _files(scheme: str, **options: Any) -> Any:
    import fsspec

    return fsspec.filesystem(scheme, **_NO_CACHES, **options)


def _client_timeout(timeout: float) -> Any:
    import aiohttp

    return aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout)


def _web_files(scheme: str, timeout: float) -> Any:
    from fsspec.config import conf

    # What fsspec's configuration says of the client, such as headers with a token, would be replaced as a whole.
    configured = conf.get(scheme, {}).get("client_kwargs", {})
    # trust_env: HTTPS_PROXY, NO_PROXY and ~/.netrc apply.
    client = {**configured, "timeout": _client_timeout(timeout), "trust_env": True}
    return _files(scheme, client_kwargs=client)


def _s3_files(timeout: float, endpoint: str | None) -> Any:
    config = {
        "connect_timeout": timeout,
        "read_timeout": timeout,
        "max_pool_connections": _CONNECTIONS,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
    }
    # Without an endpoint, it comes from AWS's usual files; so do the credentials, or from AWS's variables.
    files = _files("s3", config_kwargs=config, endpoint_url=endpoint)
    files.retries = 1
    files.connect()
    return files


def _gs_files(timeout: float) -> Any:
    # fsspec.filesystem("gs") would make another class, which first asks by gRPC of which kind the bucket is.
    from gcsfs.core import GCSFileSystem

    files = GCSFileSystem(requests_timeout=_client_timeout(timeout), **_NO_CACHES)
    # A decorator repeats each request up to six times, with pauses of half a minute in all: it is taken off.
    files._request = functools.partial(inspect.unwrap(type(files)._request), files)
    return files
