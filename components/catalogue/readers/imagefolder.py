"""Hugging Face's ``imagefolder``: images, and their texts in ``metadata.csv``, ``.jsonl`` or ``.parquet``."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from diptych.components.catalogue.options import Columns, DataOptions
from diptych.components.catalogue.readers.delimited import CsvReader
from diptych.components.catalogue.readers.jsonlines import JsonLinesReader, parse_object
from diptych.components.catalogue.readers.parquet import ParquetReader
from diptych.components.catalogue.readers.rows import CatalogueError, Chunk, RawValues, Reader, Row, catalogue_errors
from diptych.components.catalogue.readers.text_files import open_text
from diptych.components.catalogue.spans import static_folder
from diptych.components.catalogue.storage import folder_of, open_file

_FILE = "file_name"
_FILES = "file_names"
# Lines of JSON Lines that are searched for columns: one line may lack some.
_FIRST_LINES = 64


class ImagefolderReader:
    """Reads metadata files, each for the images of its folder: ``file_name`` is relative to that folder.

    If ``data.columns.image`` is left at "image" and there is no such column, the image is named by ``file_name`` or by
    the one column whose name ends so, as in ``photo_file_name``; a list of ``file_names`` may hold one name. Where
    there is no column for the split, the split is the first folder of the image's path in the catalogue, as in
    ``train/0001.jpg``. Without an id, that path is the id. Images that no row names are no rows.
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
        for row in _reader(chunk.source).read(chunk, metadata.data):
            path = posixpath.join(metadata.folder, row.image) if row.image else ""
            first, slash, _ = path.partition("/")
            split = first if metadata.split_by_folder and slash else row.split
            yield replace(row, id=row.id if data.columns.id else path, split=split)


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


def _read_header(source: str, data: DataOptions) -> _Metadata:
    names = _column_names(source, data)
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


def _column_names(source: str, data: DataOptions) -> list[str]:
    """The columns that the start of the file names; none if it is broken, which its reader will report."""
    with catalogue_errors(source):
        if source.endswith(".parquet"):
            try:
                with open_file(source, data.fetch) as file:
                    return list(pq.ParquetFile(file).schema_arrow.names)
            except pa.ArrowException:
                return []
        with open_text(source, data) as text:
            if source.endswith(".jsonl"):
                lines = islice(filter(str.strip, text), _FIRST_LINES)
                return sorted({name for line in lines for name in parse_object(line)[0]})
            try:
                return next(csv.reader(text), [])
            except csv.Error:
                return []


def _image_column(names: list[str], source: str) -> str:
    columns = [name for name in names if name in (_FILE, _FILES) or name.endswith((f"_{_FILE}", f"_{_FILES}"))]
    if len(columns) > 1:
        raise CatalogueError(
            f"data.columns.image: a row of '{source}' has several images, in {', '.join(columns)}; name the one to read"
        )
    return columns[0] if columns else _FILE


def _folder_in_catalogue(source: str, data: DataOptions) -> str:
    """The folder of a metadata file, relative to the catalogue's folder; empty if it is the same."""
    folder, catalogue = folder_of(source), data.catalogue.rstrip("/")
    for base in (catalogue, static_folder(data.catalogue).rstrip("/")):
        if (folder + "/").startswith(base + "/"):
            return folder.removeprefix(base).strip("/")
    return ""
