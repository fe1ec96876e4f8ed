"""Object stores: the mirror of a URI in a container, and reading and writing at a URI without KFP's launcher.

The launcher brings a step's artifacts and takes them away. The catalogue, the pushed models and the published
summaries are none, so steps read and write them themselves. ``minio://`` is another name of ``s3://``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from diptych.components import version_store
from diptych.components.catalogue import spans, storage, transfer
from diptych.components.catalogue.remote import is_web
from diptych.models.errors import FAILED, DiptychError

#: The folder of a container in which KFP's launcher mirrors the URIs of a scheme: LocalPathForURI in
#: backend/src/v2/component/launcher_v2.go.
MIRROR_FOLDERS = {"minio": "minio", "s3": "s3", "gs": "gcs"}
#: Environment variable: the folder in which stores are mounted, each bucket at ``<scheme>/<bucket>``.
STORES_VARIABLE = "DIPTYCH_STORES"

_KNOWN = ", ".join(f"{scheme}://" for scheme in MIRROR_FOLDERS)
_URI = re.compile(r"^([a-z][a-z0-9+.-]*)://(.+)$")


class StoreError(DiptychError):
    """A URI cannot be read or written; the message names it and the remedy."""

    exit_code = FAILED


def split_uri(uri: str) -> tuple[str, str] | None:
    """The scheme and the path (``bucket/key``) of a URI; None for the path of a file.

    Raises:
        StoreError: the scheme is none of ``minio``, ``s3``, ``gs``, or the path names no bucket or would leave it.
    """
    match = _URI.match(uri)
    if match is None:
        return None
    scheme, path = match.groups()
    if scheme not in MIRROR_FOLDERS:
        raise StoreError(f"'{uri}': unknown scheme '{scheme}://'; known are {_KNOWN}")
    if path.startswith("/"):
        raise StoreError(f"'{uri}': the bucket's name is missing after '{scheme}://'")
    if ".." in path.split("/"):
        raise StoreError(f"'{uri}': a URI must not hold '..', which leaves its bucket where stores are folders")
    return scheme, path


def mirror_path(uri: str, root: str) -> str:
    """The path at which KFP's launcher mirrors the URI of an artifact.

    Args:
        root: root of the container's file system.

    Raises:
        StoreError: the launcher mirrors no such URI.
    """
    parts = split_uri(uri)
    if parts is None:
        raise StoreError(f"'{uri}' is no URI of an object store: KFP mirrors {_KNOWN} only")
    scheme, path = parts
    return os.path.join(root, MIRROR_FOLDERS[scheme], path)


def mounted_path(uri: str) -> str:
    """The path of a URI in the folder of mounted stores. Where none are mounted, the URI; of a path, the path.

    Raises:
        StoreError: as ``split_uri``.
    """
    parts, stores = split_uri(uri), os.environ.get(STORES_VARIABLE)
    return os.path.join(os.path.abspath(stores), *parts) if parts and stores else uri


def read_file(uri: str) -> bytes:
    """The content of a file.

    Raises:
        StoreError: it cannot be read.
    """
    with _explained("read", uri):
        return transfer.read_whole(mounted_path(uri))


def write_file(uri: str, content: bytes) -> None:
    """Writes a file as a whole, over what has that name.

    Raises:
        StoreError: it cannot be written.
    """
    with _explained("write", uri):
        transfer.write_whole(mounted_path(uri), content)


def list_names(uri: str) -> list[str]:
    """The names of the files and folders in a folder, sorted; none if there is no such folder.

    Raises:
        StoreError: it cannot be listed.
    """
    with _explained("list", uri):
        return transfer.list_names(mounted_path(uri))


def is_folder(uri: str) -> bool:
    """Whether there is a folder of this name: in an object store, whether files lie below it.

    Raises:
        StoreError: the store does not say.
    """
    with _explained("look at", uri):
        return storage.is_folder(mounted_path(uri))


def is_file(uri: str) -> bool:
    """Whether there is a file of this name.

    Raises:
        StoreError: the store does not say.
    """
    with _explained("look at", uri):
        return storage.is_file(mounted_path(uri))


def remove(uri: str) -> None:
    """Deletes a file, or a folder with all that is in it; nothing is done if there is neither.

    Raises:
        StoreError: it cannot be deleted.
    """
    with _explained("delete", uri):
        storage.remove(mounted_path(uri))


def download_folder(uri: str, folder: str) -> None:
    """Copies the content of a folder to a folder of this machine, which is made if need be.

    Raises:
        StoreError: it cannot be read.
    """
    with _explained("read", uri):
        transfer.copy_folder(mounted_path(uri), folder)


def upload_folder(folder: str, uri: str, last: str | None = None) -> None:
    """Copies the content of a folder of this machine to a URI.

    Args:
        last: name of the file that is copied when all others are there; None if the order is of no matter.

    Raises:
        StoreError: the URI cannot be written.
    """
    with _explained("write", uri):
        transfer.copy_folder(folder, mounted_path(uri), last=last)


def claim_number(directory: str, least: int) -> str:
    """As ``diptych.components.version_store.claim_number``.

    Raises:
        StoreError: the directory cannot be read or written.
    """
    with _explained("write", directory):
        return version_store.claim_number(mounted_path(directory), least)


@contextmanager
def local_copy(uri: str) -> Iterator[str]:
    """A folder of this machine with the content of a folder: that itself if it is mounted, else a temporary copy.

    Raises:
        StoreError: it cannot be read.
    """
    with ExitStack() as stack:
        with _explained("read", uri):
            folder = stack.enter_context(transfer.local_copy(mounted_path(uri)))
        yield folder


def resolve_span(uri: str, span: int | None) -> spans.ResolvedSpan:
    """Replaces the places of a pattern, as ``{SPAN}`` and ``{VERSION}``, by the numbers that are found in the store.

    Args:
        span: the number of the span; None for the greatest that there is.

    Raises:
        StoreError: there is none, the places do not go together, or the store cannot be listed.
    """
    place = uri if is_web(uri) else mounted_path(uri)

    def to_uri(text: str) -> str:
        if place == uri:
            return text
        scheme, _, path = uri.partition("://")
        return text.replace(place.removesuffix(path), f"{scheme}://")

    try:
        with _explained("list", uri):
            found = spans.resolve_span(place, span)
    except spans.SpanError as error:
        raise StoreError(to_uri(str(error))) from None
    return replace(found, catalogue=to_uri(found.catalogue))


@contextmanager
def _explained(action: str, uri: str) -> Iterator[None]:
    """Raises a StoreError in the place of an OSError."""
    try:
        yield
    except FileNotFoundError:
        raise StoreError(f"cannot {action} '{uri}': there is no such file or folder") from None
    except OSError as error:
        raise StoreError(
            f"cannot {action} '{uri}': {error}. Check the URI, kubeflow.store.endpoint and the keys in "
            "kubeflow.store.secret"
        ) from None
