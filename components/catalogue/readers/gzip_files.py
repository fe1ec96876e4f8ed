"""Catalogue files that are compressed by gzip: recognised by their name or their first bytes, and decompressed."""

from __future__ import annotations

import gzip
import shutil

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.bounds import open_spool
from diptych.components.catalogue.storage import open_file

_MAGIC = b"\x1f\x8b\x08"
_COPY_BYTES = 1 << 20


def has_gzip_name(source: str) -> bool:
    """Whether the name says that the file is compressed by gzip."""
    return source.lower().endswith(".gz")


def is_gzip(head: bytes) -> bool:
    """Whether a file that begins with these bytes is compressed by gzip."""
    return head.startswith(_MAGIC)


def decompress(source: str, target: str, data: DataOptions) -> None:
    """Writes the content of a gzip file to another file.

    Raises:
        CatalogueError: the content is larger than ``data.limits.scratch_gb``.
        OSError, EOFError, zlib.error: the gzip file is broken, or the disk is full.
    """
    with (
        open_file(source, data.fetch, data.limits) as file,
        gzip.open(file) as content,
        open_spool(target, source, data) as copy,
    ):
        shutil.copyfileobj(content, copy, _COPY_BYTES)
