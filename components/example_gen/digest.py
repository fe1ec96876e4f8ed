"""A digest of every input byte: a cached ingestion is reused only if it is unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from components.example_gen.catalogue import images_root, read_catalogue
from components.example_gen.options import DataOptions
from components.example_gen.storage import OutsideRootError, open_file, resolve_below

_BLOCK = 1 << 20
_THREADS = 8


def digest_inputs(data: DataOptions) -> str:
    """SHA-256, in hexadecimal, over the catalogue and the bytes of every image it names.

    An image that cannot be read counts as such, so that its appearing later changes the digest.

    Raises:
        CatalogueError: the catalogue cannot be read.
    """
    root = images_root(data)
    total = hashlib.sha256()
    with ThreadPoolExecutor(_THREADS) as pool:
        for digest in pool.map(lambda path: _digest_image(root, path), _image_paths(data)):
            total.update(digest)
    total.update(_digest_file(data.catalogue))
    return total.hexdigest()


def _image_paths(data: DataOptions) -> Iterator[str]:
    return (row.image for row in read_catalogue(data) if row.image)


def _digest_image(root: str, path: str) -> bytes:
    try:
        return _digest_file(resolve_below(root, path))
    except (OSError, OutsideRootError, ValueError) as error:
        return hashlib.sha256(type(error).__name__.encode()).digest()


def _digest_file(uri: str) -> bytes:
    digest = hashlib.sha256()
    with open_file(uri) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()
