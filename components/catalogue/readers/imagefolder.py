"""Hugging Face's ``imagefolder``: images, and their texts in ``metadata.csv``, ``.jsonl`` or ``.parquet``."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from diptych.components.catalogue.options import Columns, DataOptions
from diptych.components.catalogue.readers.delimited import CsvReader
from diptych.components.catalogue.readers.jsonlines import JsonLinesReader
from diptych.components.catalogue.readers.metadata_files import (
    METADATA_NAMES,
    column_names,
    image_columns,
    nearest_metadata,
)
from diptych.components.catalogue.readers.parquet import ParquetReader
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk, RawValues, Reader, Row
from diptych.components.catalogue.spans import static_folder
from diptych.components.catalogue.storage import folder_of


class ImagefolderReader:
    """Reads metadata files, each for the images of its folder: ``file_name`` is relative to that folder.

    If ``data.columns.image`` is left at "image" and there is no such column, the image is named by ``file_name`` or by
    the one column whose name ends so, as in ``photo_file_name``; a list of ``file_names`` may hold several by
    ``data.paths.several``. Where there is no column for the split, the split is the first folder of the image's path in
    the catalogue, as in ``train/0001.jpg``. Without an id, that path is the id. Images that no row names are no rows.
    Where metadata files lie above one another, the nearest to an image describes it; rows of the others are refused.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; ``source`` is a metadata file."""
        return _reader(source).sample(source, data)

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``.

        Args:
            source: a metadata file.

        Raises:
            CatalogueError: also if there are several columns of images and the settings name none.
        """
        return _reader(source).cut(source, source_index, _read_header(source, data).data, spool)

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        metadata = _read_header(chunk.source, data)
        nearest = cache(lambda inner: nearest_metadata(folder_of(chunk.source), inner, data))
        for row in _reader(chunk.source).read(chunk, metadata.data):
            placed = _placed(row, metadata)
            yield _refuse_farther(placed, nearest(_folder_of_image(row.image)), data) if row.image else placed


@dataclass(frozen=True)
class _Metadata:
    """How a metadata file is read.

    Attributes:
        data: the settings, with the columns that the file has.
        folder: the file's folder, relative to the catalogue's.
        split_by_folder: whether the split is the name of a folder.
    """

    data: DataOptions
    folder: str
    split_by_folder: bool


def _placed(row: Row, metadata: _Metadata) -> Row:
    """A row whose id, and whose split where folders name it, are those of its image's place in the catalogue."""
    path = posixpath.join(metadata.folder, row.image) if row.image else ""
    first, slash, _ = path.partition("/")
    split = first if metadata.split_by_folder and slash else row.split
    row_id = row.id if metadata.data.columns.id else path
    return replace(row, id=row_id, split=split, further=tuple(_placed(one, metadata) for one in row.further))


def _folder_of_image(path: str) -> str:
    return posixpath.dirname(posixpath.normpath(path.replace("\\", "/")))


def _refuse_farther(row: Row, nearest: str, data: DataOptions) -> Row:
    """The row, with a problem if another metadata file, which is one of the catalogue's, lies nearer to its image."""
    if not nearest or row.problem or posixpath.basename(data.catalogue) in METADATA_NAMES:
        return row
    return replace(row, problem=("malformed_row", f"'{nearest}' is nearer to '{row.image}' and describes it"))


def _read_header(source: str, data: DataOptions) -> _Metadata:
    names = column_names(source, data)
    columns = data.columns
    image = columns.image
    if image == Columns().image and image not in names:
        image = _image_column(names, source)
    split_by_folder = bool(columns.split) and columns.split not in names
    split = None if split_by_folder else columns.split
    own = data.model_copy(update={"columns": columns.model_copy(update={"image": image, "split": split})})
    return _Metadata(own, _folder_in_catalogue(source, data), split_by_folder)


def _reader(source: str) -> Reader:
    readers: dict[str, Reader] = {".csv": CsvReader(), ".jsonl": JsonLinesReader(), ".parquet": ParquetReader()}
    ending = posixpath.splitext(source)[1]
    if ending not in readers:
        raise CatalogueError(f"data.catalogue: '{source}' is none of metadata{', metadata'.join(readers)}")
    return readers[ending]


def _image_column(names: list[str], source: str) -> str:
    columns = image_columns(names)
    if len(columns) > 1:
        raise CatalogueError(
            f"data.columns.image: a row of '{source}' has several images, in {', '.join(columns)}; name the one to read"
        )
    return columns[0] if columns else "file_name"


def _folder_in_catalogue(source: str, data: DataOptions) -> str:
    """The folder of a metadata file, relative to the catalogue's folder; empty if it is the same."""
    folder, catalogue = folder_of(source), data.catalogue.rstrip("/")
    for base in (catalogue, static_folder(data.catalogue).rstrip("/")):
        if (folder + "/").startswith(base + "/"):
            return folder.removeprefix(base).strip("/")
    return ""
