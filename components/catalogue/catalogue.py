"""A catalogue of any kind: opened, sampled, counted, cut into chunks and read row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from tempfile import TemporaryDirectory
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.kinds import find_kind, images_root, list_sources, make_reader
from diptych.components.catalogue.readers.rows import Chunk, RawValues, Reader, Row, SourceFile, catalogue_errors
from diptych.components.catalogue.spans import ResolvedSpan, path_in_catalogue, resolve_span
from diptych.components.catalogue.storage import join


@dataclass(frozen=True)
class Catalogue:
    """A catalogue whose span, kind and files are known. It can be pickled, and holds nothing open.

    Attributes:
        data: how it is read; ``data.catalogue`` has the numbers of the span and version in their places.
        span: the span and version.
        kind: a value of ``data.format`` other than "auto".
        sources: URIs of the files that it consists of, sorted; for a folder of class folders, that folder.
    """

    data: DataOptions
    span: ResolvedSpan
    kind: str
    sources: tuple[str, ...]

    @classmethod
    def open(cls, data: DataOptions) -> Catalogue:
        """Finds the span, the kind and the files of a catalogue.

        Raises:
            SpanError: there is no span or version that ``data.catalogue`` asks for.
            CatalogueError: there is no catalogue, or none of a known kind.
        """
        span = resolve_span(data.catalogue)
        data = data.model_copy(update={"catalogue": span.catalogue})
        kind = find_kind(data)
        return cls(data, span, kind, tuple(list_sources(data, kind)))

    def with_options(self, **changes: Any) -> Catalogue:
        """The same files, read with other values of ``DataOptions``."""
        return replace(self, data=self.data.model_copy(update=changes))

    @property
    def _reader(self) -> Reader:
        return make_reader(self.kind)

    def sample(self, rows: int) -> list[RawValues]:
        """The raw values of the first rows, column to value; ``data`` need not name the columns yet.

        Only the first source is read. Rows that cannot be read are left out. Kinds without columns of their own give
        ``image``, ``description`` and ``label``.

        Raises:
            CatalogueError: the source cannot be read.
        """
        source = self.sources[0]
        with catalogue_errors(source):
            return list(islice(self._reader.sample(source, self.data), rows))

    def check_columns(self) -> None:
        """Reads each source as far as its first chunk.

        Raises:
            CatalogueError: a source cannot be read, or lacks a column.
        """
        with TemporaryDirectory() as folder:
            for index in range(len(self.sources)):
                next(self.source_chunks(index, folder), None)

    def count_rows(self) -> int:
        """The number of rows of all sources.

        Raises:
            CatalogueError: a source cannot be read, or lacks a column.
        """
        with TemporaryDirectory() as folder:
            return sum(chunk.rows for chunk in self.chunks(folder))

    def chunks(self, folder: str) -> Iterator[Chunk]:
        """The chunks of all sources, in order; see ``source_chunks``."""
        for index in range(len(self.sources)):
            yield from self.source_chunks(index, folder)

    def source_chunks(self, index: int, folder: str) -> Iterator[Chunk]:
        """The chunks of one source, in order; together they hold all its rows.

        Args:
            index: place in ``sources``.
            folder: URI of a folder for copies of sources that can only be read from their start. It must last until
                the chunks have been read, by any worker.

        Raises:
            CatalogueError: the source cannot be read, or lacks a column.
        """
        return self._reader.cut(self.sources[index], index, self.data, join(folder, f"{index:05d}.spool"))

    def read(self, chunk: Chunk) -> Iterator[Row]:
        """The rows of a chunk; a malformed row has a ``problem``.

        Raises:
            CatalogueError: the source cannot be read, or changed since it was cut.
        """
        return self._reader.read(chunk, self.data)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Every row in order, with the URI of its source.

        Raises:
            CatalogueError: a source cannot be read, or lacks a column.
        """
        with TemporaryDirectory() as folder:
            for chunk in self.chunks(folder):
                for row in self.read(chunk):
                    yield chunk.source, row

    def images_root(self, source: str) -> str:
        """URI of the folder that the image paths of a source are relative to."""
        return images_root(source, self.data)

    def source_name(self, source: str) -> str:
        """The path of a source from the catalogue's folder on."""
        return path_in_catalogue(source, self.data.catalogue)

    def source_file(self, source: str) -> SourceFile:
        """What the rows of a source need to know of it."""
        return SourceFile(self.source_name(source), self.images_root(source))
