"""What a look at a catalogue's first file and first images tells: its encoding, and how large the images are."""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping
from typing import Any, BinaryIO

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.readers.gzip_files import has_gzip_name
from diptych.components.catalogue.readers.rows import catalogue_errors
from diptych.components.catalogue.storage import open_file, resolve_below
from diptych.pipeline.prepare.text_encoding import detect_encoding

_HEAD_BYTES = 1 << 24


def detect_catalogue_encoding(catalogue: Catalogue) -> str:
    """The encoding of a text catalogue, by the first bytes of its first file.

    Raises:
        CatalogueError: the file cannot be read.
    """
    source = catalogue.sources[0]
    with catalogue_errors(source), open_file(source, catalogue.data.fetch) as file:
        plain = gzip.GzipFile(fileobj=file) if has_gzip_name(source) else file
        return detect_encoding(plain.read(_HEAD_BYTES))


def image_size(image: Any, catalogue: Catalogue) -> tuple[int, int] | None:
    """Width and height that an image's header declares, in pixels; None if there is no such image.

    Args:
        image: as a row of the catalogue's first file has it: a path, bytes, or ``{"bytes": ..., "path": ...}``.
    """
    from PIL import Image

    if isinstance(image, Mapping):
        image = image.get("bytes") or image.get("path")
    try:
        with _open_image(image, catalogue) as file, Image.open(file) as opened:
            return opened.size
    except Exception:  # Pillow and stores raise anything; whoever reads the rows says what is wrong
        return None


def _open_image(image: Any, catalogue: Catalogue) -> BinaryIO:
    if isinstance(image, bytes):
        return io.BytesIO(image)
    root = catalogue.images_root(catalogue.sources[0])
    return open_file(resolve_below(root, image), catalogue.data.fetch)
