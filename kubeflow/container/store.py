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
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from diptych.components.catalogue.remote import is_web
from diptych.components.catalogue.spans import ResolvedSpan, SpanError
from diptych.components.catalogue.spans import resolve_span as resolve_catalogue_span
from diptych.models.errors import FAILED, DiptychError

#: KFP's launcher mirrors these: backend/src/v2/component/launcher_v2.go, LocalPathForURI.
MIRRORS = {"minio": "minio", "s3": "s3", "gs": "gcs"}
#: Folder below which stores are mounted, as ``<folder>/minio/<bucket>``; unset where none are.
STORES_VARIABLE = "DIPTYCH_STORES"
#: Address of the S3 API behind ``minio://`` and ``s3://``.
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"

_URI = re.compile(r"^([a-z][a-z0-9+.-]*)://(.+)$")


class StoreError(DiptychError):
    """A URI cannot be read or written; the message names it and the remedy."""

    exit_code = FAILED


def parse(uri: str) -> tuple[str, str] | None:
    """Scheme and path (``bucket/key``) of a URI, or None for a path.

    Raises:
        StoreError: the scheme is none of ``minio``, ``s3``, ``gs``, or the path names no bucket or would leave it.
    """
    match = _URI.match(uri)
    if match is None:
        return None
    scheme, path = match.groups()
    if scheme not in MIRRORS:
        raise StoreError(f"'{uri}': unknown scheme '{scheme}://'; known are {', '.join(f'{s}://' for s in MIRRORS)}")
    if path.startswith("/"):
        raise StoreError(f"'{uri}': the bucket's name is missing after '{scheme}://'")
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


def located(uri: str) -> str:
    """Where a URI lies below the folder of mounted stores; where none are mounted, and for a path, that itself.

    Raises:
        StoreError: as ``parse``.
    """
    parsed, mounted = parse(uri), os.environ.get(STORES_VARIABLE)
    return os.path.join(os.path.abspath(mounted), *parsed) if parsed and mounted else uri


def _open(uri: str) -> tuple[Any, str]:
    """The file system of a URI or path, and the path in it."""
    from pyarrow import fs

    parsed = parse(located(uri))
    if parsed is None:
        return fs.LocalFileSystem(), os.path.abspath(located(uri))
    scheme, path = parsed
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


def is_folder(uri: str) -> bool:
    """Whether it is a folder: in an object store, whether files lie below it.

    Raises:
        StoreError: the store does not say.
    """
    from pyarrow import fs

    store, path = _open(uri)
    with _explained("look at", uri):
        return bool(store.get_file_info(path.rstrip("/")).type == fs.FileType.Directory)


def resolve_span(uri: str, span: int | None) -> ResolvedSpan:
    """Puts numbers in the places that ``diptych.components.catalogue.spans`` knows, as ``{SPAN}`` and ``{VERSION}``.

    Args:
        span: the number; None for the greatest there is.

    Raises:
        StoreError: there is none, the places do not go together, or the store cannot be listed.
    """
    place = uri if is_web(uri) else located(uri)

    def original(text: str) -> str:
        """The text with URIs in the places of paths below the folder of mounted stores."""
        if place == uri:
            return text
        scheme, _, path = uri.partition("://")
        return text.replace(place.removesuffix(path), f"{scheme}://")

    try:
        with _explained("list", uri):
            found = resolve_catalogue_span(place, span)
    except SpanError as error:
        raise StoreError(original(str(error))) from None
    return replace(found, catalogue=original(found.catalogue))
