"""A catalogue of any kind: opened, sampled, counted, cut into chunks and read row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from diptych.components.catalogue.declared_splits import (
    DeclaredSplits,
    declare_splits,
    no_train_message,
    path_below_catalogue,
)
from diptych.components.catalogue.options import DataOptions, part_options
from diptych.components.catalogue.readers.bounds import weight
from diptych.components.catalogue.readers.class_names import load_class_names
from diptych.components.catalogue.readers.coco_files import default_images_root
from diptych.components.catalogue.readers.kinds import find_kind, images_root, list_sources, make_reader
from diptych.components.catalogue.readers.rows import (
    CatalogueError,
    Chunk,
    RawValues,
    Reader,
    Row,
    SourceFile,
    catalogue_errors,
)
from diptych.components.catalogue.readers.several_images import cut_source, read_chunk
from diptych.components.catalogue.samples import evenly_spaced, spread
from diptych.components.catalogue.spans import ResolvedSpan, has_pattern, path_in_catalogue, resolve_span
from diptych.components.catalogue.storage import join
from diptych.models.features import TRAIN
from diptych.models.scratch_folders import scratch_folder

# A sample is taken of so many sources, and of so many rows of each, at most.
_SAMPLED_SOURCES = 40
_SAMPLED_ROWS = 1_000_000
# Of the memory that one row may take, a sample takes so much at most.
_SHARE_OF_SAMPLE = 4


@dataclass(frozen=True)
class Catalogue:
    """A catalogue whose span, kind and files are known. It can be pickled, and holds nothing open.

    Attributes:
        data: how it is read; ``data.catalogue`` has the numbers of the span and version in their places,
            ``data.class_names`` the names in the place of their file, and ``data.images_root`` the folder above that of
            COCO's annotations.
        span: the span and version.
        kind: a value of ``data.format`` other than "auto".
        sources: URIs of the files that it consists of, sorted; for a folder of class folders, that folder, or its
            folders of splits.
        splits: the splits that the names of files and folders declare.
    """

    data: DataOptions
    span: ResolvedSpan
    kind: str
    sources: tuple[str, ...]
    splits: DeclaredSplits = DeclaredSplits()

    @classmethod
    def open(cls, data: DataOptions) -> Catalogue:
        """Finds the span, the kind and the files of a catalogue.

        Raises:
            SpanError: there is no span or version that ``data.catalogue`` asks for.
            CatalogueError: there is no catalogue, or none of a known kind; or the file of ``data.class_names`` cannot
                be read; or it is not clear which splits are declared.
        """
        span = resolve_span(data.catalogue)
        data = load_class_names(data.model_copy(update={"catalogue": span.catalogue}))
        kind = find_kind(data)
        listed = list_sources(data, kind)
        if kind == "coco" and not data.images_root:
            data = data.model_copy(update={"images_root": default_images_root(listed)})
        sources, splits = declare_splits(data, kind, listed)
        return cls(data, span, kind, tuple(sources), splits)

    def with_options(self, **changes: Any) -> Catalogue:
        """The same files, read with other values of ``DataOptions``."""
        return replace(self, data=self.data.model_copy(update=changes))

    @property
    def _reader(self) -> Reader:
        return make_reader(self.kind)

    def sample(self, rows: int) -> list[tuple[str, RawValues]]:
        """Rows from all over the catalogue, in order: source, and raw values by column.

        ``data`` need not name the columns yet. Rows that cannot be read are left out. Kinds without columns of their
        own give ``image``, ``description`` and ``label``. The same catalogue gives the same sample.

        Args:
            rows: as many are given, if there are so many; fewer of large ones.

        Raises:
            CatalogueError: a source cannot be read.
        """
        sources = evenly_spaced(self.sources, _SAMPLED_SOURCES)
        most = self.data.limits.memory_bytes // _SHARE_OF_SAMPLE // len(sources)
        found = []
        for source in sources:
            with catalogue_errors(source):
                streamed = islice(self._reader.sample(source, self.data), _SAMPLED_ROWS)
                found += [(source, values) for values in spread(streamed, max(1, rows // len(sources)), weight, most)]
        return found

    def check_columns(self) -> None:
        """Reads each source as far as its first chunk, and checks that there is something to learn from.

        Raises:
            CatalogueError: a source cannot be read, or lacks a column; or names declare splits, but no train.
        """
        self.check_splits()
        with scratch_folder() as folder:
            for index in range(len(self.sources)):
                next(self.source_chunks(index, folder), None)

    def check_splits(self) -> None:
        """Checks that there is something to learn from.

        Raises:
            CatalogueError: names declare splits, but no train, and no column does.
        """
        if self.splits.splits and TRAIN not in self.splits.splits and not self.data.columns.split:
            raise CatalogueError(no_train_message(self.splits.splits, self.data))

    def count_rows(self) -> int:
        """The number of rows of all sources.

        Raises:
            CatalogueError: a source cannot be read, or lacks a column.
        """
        with scratch_folder() as folder:
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
        source = self.sources[index]
        return cut_source(self._reader, source, index, self._data_of(source), join(folder, f"{index:05d}.spool"))

    def read(self, chunk: Chunk) -> Iterator[Row]:
        """The rows of a chunk, with the splits that names declare; a malformed row has a ``problem``.

        Raises:
            CatalogueError: the source cannot be read, or changed since it was cut.
        """
        for row in read_chunk(self._reader, chunk, self._data_of(chunk.source)):
            yield self._placed(self.splits.apply(row, chunk.source, self.data), chunk.source)

    def _placed(self, row: Row, source: str) -> Row:
        """The row with an id that no other folder of splits has: ``cat/1.jpg`` may be in each."""
        if self.kind != "folder" or source not in self.splits.of_source or row.id != row.image:
            return row
        folder = path_below_catalogue(source, self.data.catalogue, not has_pattern(self.data.catalogue))
        return replace(row, id=f"{folder}/{row.id}")

    def _data_of(self, source: str) -> DataOptions:
        """How a source is read: a part that is not learned from needs no labels, nor a column of splits."""
        part = self.splits.of_source.get(source) or (TRAIN if self.splits.of_folder else None)
        return part_options(self.data, part) if part else self.data

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Every row in order, with the URI of its source.

        Raises:
            CatalogueError: a source cannot be read, or lacks a column.
        """
        with scratch_folder() as folder:
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
