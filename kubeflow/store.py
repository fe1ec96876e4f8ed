"""Object stores: where a URI is mirrored inside a container, and reading and writing it without a launcher's help.

Artifacts are brought and taken away by KFP's launcher. The catalogue, the pushed models and the published summaries are
none, so steps reach them on their own.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

#: KFP's launcher mirrors these: backend/src/v2/component/launcher_v2.go, LocalPathForURI.
MIRRORS = {"minio": "minio", "s3": "s3", "gs": "gcs"}
#: Folder below which stores are mounted, as ``<folder>/minio/<bucket>``; unset where none are.
STORES_VARIABLE = "DIPTYCH_STORES"
#: Address of the S3 API behind ``minio://`` and ``s3://``.
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"

_SPAN = "{SPAN}"
_URI = re.compile(r"^([a-z][a-z0-9+.-]*)://(.+)$")


class StoreError(RuntimeError):
    """A URI cannot be read or written; the message names it and the remedy."""


def parse(uri: str) -> tuple[str, str] | None:
    """Scheme and path (``bucket/key``) of a URI, or None for a path.

    Raises:
        StoreError: the scheme is none of ``minio``, ``s3``, ``gs``, or the path would leave its bucket.
    """
    match = _URI.match(uri)
    if match is None:
        return None
    scheme, path = match.groups()
    if scheme not in MIRRORS:
        raise StoreError(f"'{uri}': unknown scheme '{scheme}://'; known are {', '.join(f'{s}://' for s in MIRRORS)}")
    if ".." in path.split("/"):
        raise StoreError(f"'{uri}': a URI must not hold '..', which leaves its bucket where stores are folders")
    return scheme, path


def mirror(uri: str, root: str) -> str:
    """Where KFP's launcher mirrors an artifact's URI.

    Args:
        root: of the container's file system.

    Raises:
        StoreError: no launcher mirrors such a URI.
    """
    parsed = parse(uri)
    if parsed is None:
        raise StoreError(
            f"'{uri}' is no URI of an object store: KFP mirrors {', '.join(f'{s}://' for s in MIRRORS)} only"
        )
    return os.path.join(root, MIRRORS[parsed[0]], parsed[1])


def _open(uri: str) -> tuple[Any, str]:
    """The file system of a URI or path, and the path in it."""
    from pyarrow import fs

    parsed = parse(uri)
    if parsed is None:
        return fs.LocalFileSystem(), os.path.abspath(uri)
    scheme, path = parsed
    if mounted := os.environ.get(STORES_VARIABLE):
        return fs.LocalFileSystem(), os.path.join(mounted, scheme, path)
    if scheme == "gs":
        return fs.GcsFileSystem(), path
    return fs.S3FileSystem(endpoint_override=os.environ.get(ENDPOINT_VARIABLE)), path


@contextmanager
def _explained(action: str, uri: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise StoreError(f"cannot {action} '{uri}': there is no such file or folder") from None
    except OSError as error:
        raise StoreError(
            f"cannot {action} '{uri}': {error}. Check the URI, kubeflow.store.endpoint and the keys in "
            "kubeflow.store.secret"
        ) from None


def download(uri: str, folder: str) -> None:
    """Copies the content of a folder's URI to a folder of this machine.

    Raises:
        StoreError: it cannot be read.
    """
    from pyarrow import fs

    store, path = _open(uri)
    os.makedirs(folder, exist_ok=True)
    with _explained("read", uri):
        fs.copy_files(path, folder, source_filesystem=store, destination_filesystem=fs.LocalFileSystem())


@contextmanager
def local_copy(uri: str) -> Iterator[str]:
    """A folder of this machine with the content of a folder's URI: the folder itself if it is mounted, else a copy.

    Raises:
        StoreError: it cannot be read.
    """
    from pyarrow import fs

    store, path = _open(uri)
    if isinstance(store, fs.LocalFileSystem):
        yield path
        return
    with TemporaryDirectory() as scratch:
        download(uri, scratch)
        yield scratch


def upload(folder: str, uri: str) -> None:
    """Copies the content of a folder of this machine to a URI.

    Raises:
        StoreError: it cannot be written.
    """
    from pyarrow import fs

    store, path = _open(uri)
    with _explained("write", uri):
        store.create_dir(path, recursive=True)
        fs.copy_files(folder, path, source_filesystem=fs.LocalFileSystem(), destination_filesystem=store)


def write(uri: str, content: bytes) -> None:
    """Writes a file whole.

    Raises:
        StoreError: it cannot be written.
    """
    store, path = _open(uri)
    with _explained("write", uri):
        store.create_dir(posixpath.dirname(path), recursive=True)
        with store.open_output_stream(path) as stream:
            stream.write(content)


def read(uri: str) -> bytes:
    """The content of a file.

    Raises:
        StoreError: it cannot be read.
    """
    store, path = _open(uri)
    with _explained("read", uri), store.open_input_stream(path) as stream:
        return bytes(stream.read())


def names(uri: str) -> list[str]:
    """Names of the files and folders in a folder, sorted; none if it does not exist.

    Raises:
        StoreError: it cannot be read.
    """
    from pyarrow import fs

    store, path = _open(uri)
    with _explained("list", uri):
        found = store.get_file_info(fs.FileSelector(path, allow_not_found=True))
    return sorted(info.base_name for info in found)


def resolve_span(uri: str, span: int | None) -> tuple[str, int]:
    """Puts a number in the place of ``{SPAN}``; the span of a URI without it is 0, as TFX has it.

    Args:
        span: the number; None for the greatest there is.

    Raises:
        StoreError: there is no span, or a span is asked for where the URI has no place for it.
    """
    if _SPAN not in uri:
        if span is not None:
            raise StoreError(f"span {span} is asked for, but '{uri}' has no {_SPAN}")
        return uri, 0
    if span is None:
        before, _, after = uri.partition(_SPAN)
        folder, _, prefix = before.rpartition("/")
        suffix = after.partition("/")[0]
        pattern = re.compile(re.escape(prefix) + r"(\d+)" + re.escape(suffix))
        matches = [match for name in names(folder) if (match := pattern.fullmatch(name))]
        if not matches:
            raise StoreError(f"no span lies at '{uri}': '{folder}' holds {names(folder) or 'nothing'}")
        # Zeros in front are part of the name, not of the number.
        newest = max(matches, key=lambda match: int(match[1]))
        return uri.replace(_SPAN, newest[1]), int(newest[1])
    return uri.replace(_SPAN, str(span)), span
