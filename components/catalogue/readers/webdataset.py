"""WebDataset archives: tar files in which files of one name and different endings, next to one another, make a row."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any, BinaryIO

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.gzip_files import decompress, is_gzip
from diptych.components.catalogue.readers.row_files import (
    FIELDS_EXTENSION,
    IMAGE_EXTENSIONS,
    TEXT_EXTENSION,
    parse_fields,
    parse_text,
)
from diptych.components.catalogue.readers.rows import (
    Chunk,
    RawValues,
    Row,
    catalogue_errors,
    check_row_count,
    cut_chunks,
    make_row,
    too_large,
)
from diptych.components.catalogue.readers.tar_members import read_members
from diptych.components.catalogue.reasons import RowError, printable
from diptych.components.catalogue.samples import SAMPLED_ROWS, spread
from diptych.components.catalogue.storage import open_file
from diptych.models.scratch_folders import scratch_folder

_LABEL_EXTENSION = ".cls"
# What is larger is no text that describes an image.
_MAX_TEXT_BYTES = 1 << 16
_KNOWN_EXTENSIONS = (TEXT_EXTENSION, _LABEL_EXTENSION, FIELDS_EXTENSION)


@dataclass(frozen=True)
class _Sample:
    """The members of one key, and the byte at which the next sample begins."""

    key: str
    members: list[tarfile.TarInfo]
    stop: int


class WebdatasetReader:
    """Reads tar archives without unpacking them; those that are compressed by gzip are decompressed to ``spool``.

    Consecutive files with the same key are one row. The key is the path up to the first dot of the name; the rest of
    the name is the extension. The image is the file with an image's extension, the description ``.txt``, the label
    ``.cls``; ``.json`` holds an object whose keys are columns, and wins. A column that is named like an extension is
    that file: ``columns.image: thumb.jpg``. Without an id, the key is the id. A row with several images is refused, or
    ``data.paths.several`` says which ones count. As in WebDataset, hidden files and files with names like ``__this__``
    are no rows.

    An archive that is damaged or has no end is refused as a whole, because nobody could tell how many rows are lost.
    """

    def sample(self, source: str, data: DataOptions) -> Iterator[RawValues]:
        """See ``Reader.sample``; the rows are spread over the archive.

        ``.txt`` is given as the description and ``.cls`` as the label; other texts are named by their extensions.
        """
        with scratch_folder() as folder, catalogue_errors(source):
            copy = _decompressed(source, os.path.join(folder, "spool"), data)
            with open_file(copy or source, data.fetch, data.limits) as file:
                for sample in spread(_samples(file, source, 0, data), SAMPLED_ROWS):
                    with suppress(RowError):
                        yield _sampled_values(sample, file, data)

    def cut(self, source: str, source_index: int, data: DataOptions, spool: str) -> Iterator[Chunk]:
        """See ``Reader.cut``: reads only the headers.

        Raises:
            CatalogueError: there is no such file, or it is no whole archive.
        """
        with catalogue_errors(source):
            copy = _decompressed(source, spool, data)
            with open_file(copy or source, data.fetch, data.limits) as file:
                whole = Chunk(source_index, 1, 0, source, 0, 0, copy)
                yield from cut_chunks(whole, (sample.stop for sample in _samples(file, source, 0, data)))

    def read(self, chunk: Chunk, data: DataOptions) -> Iterator[Row]:
        """See ``Reader.read``."""
        with catalogue_errors(chunk.source), open_file(chunk.spool or chunk.source, data.fetch, data.limits) as file:
            samples = islice(_samples(file, chunk.source, chunk.start, data), chunk.rows)
            rows = (_row(number, sample, file, data) for number, sample in enumerate(samples, start=chunk.first_row))
            yield from check_row_count(rows, chunk)


def _decompressed(source: str, spool: str, data: DataOptions) -> str:
    """Decompresses a compressed archive; returns the spool, or an empty text if the archive is not compressed."""
    with open_file(source, data.fetch, data.limits) as file:
        if not is_gzip(file.read(3)):
            return ""
    decompress(source, spool, data)
    return spool


def _samples(file: BinaryIO, source: str, start: int, data: DataOptions) -> Iterator[_Sample]:
    most = data.limits.row_characters // tarfile.BLOCKSIZE
    for key, members in groupby(read_members(file, source, start, data), lambda member: _split(member[0].name)[0]):
        pairs = list(islice(members, most))
        if len(pairs) == most:
            raise too_large(source, f"'{printable(key)}' is the key of more than {most - 1:,} files", data)
        yield _Sample(key, [member for member, _ in pairs], pairs[-1][1])


def _split(name: str) -> tuple[str, str]:
    """Key and extension of a member; the extension is in lower case and begins with a dot."""
    folder, slash, base = name.removeprefix("./").rpartition("/")
    stem, dot, extension = base.partition(".")
    return folder + slash + stem, dot + extension.lower()


def _row(number: int, sample: _Sample, file: BinaryIO, data: DataOptions) -> Row:
    images = _images(sample, data)
    values: dict[str, Any] = {}
    problem = None
    try:
        values = _values(sample, images, file, data)
    except RowError as error:
        problem = error.problem
    row = make_row(number, values, data)
    name = printable(images[0].name) if images else ""
    return replace(row, id=row.id or printable(sample.key), image=name, problem=row.problem or problem)


def _check_images(sample: _Sample, images: list[tarfile.TarInfo], data: DataOptions) -> None:
    """Checks that a sample has an image, and only one where one is asked for.

    Raises:
        RowError: it has not.
    """
    if not images:
        raise RowError(
            "missing_image",
            f"'{sample.members[0].name}' has no image next to it; the files of a row must follow one "
            "another, as 'tar --sort=name' writes them",
        )
    if len(images) > 1 and data.paths.several == "reject":
        names = ", ".join(f"'{image.name}'" for image in images[:4])
        dotted = [image for image in images if _middle(image)]
        raise RowError("several_images", f"{names}; {_where_key_ends(dotted[0])}" if dotted else names)


def _check_dots(sample: _Sample, image: tarfile.TarInfo) -> None:
    """Refuses a sample whose image and other parts share a dot that was meant as part of their name.

    Raises:
        RowError: they do: the parts would be missed without a word.
    """
    middle = _middle(image)
    if middle and any(
        _split(part.name)[1] in [middle + known for known in _KNOWN_EXTENSIONS] for part in sample.members
    ):
        raise RowError("malformed_row", _where_key_ends(image))


def _middle(member: tarfile.TarInfo) -> str:
    """What stands between the key and the last part of the extension: ``.thumb`` of ``x.thumb.jpg``."""
    return _split(member.name)[1].rpartition(".")[0]


def _where_key_ends(member: tarfile.TarInfo) -> str:
    key, extension = _split(member.name)
    return (
        f"the key ends at the first dot of a name: that of '{member.name}' is '{key}', its ending '{extension}'; write "
        "no dots into keys when the archive is made, or name the image's ending in data.columns.image"
    )


def _images(sample: _Sample, data: DataOptions) -> list[tarfile.TarInfo]:
    named = "." + data.columns.image.lower()
    found = {_split(member.name)[1] for member in sample.members}
    wanted = {named} if named in found else {extension for extension in found if _last(extension) in IMAGE_EXTENSIONS}
    return [member for member in sample.members if _split(member.name)[1] in wanted]


def _last(extension: str) -> str:
    """The last part of an extension: ``.jpg`` of ``.thumb.jpg``."""
    return "." + extension.rpartition(".")[2]


def _values(sample: _Sample, images: list[tarfile.TarInfo], file: BinaryIO, data: DataOptions) -> dict[str, Any]:
    """The values of a sample by column.

    Raises:
        RowError: a member is missing, is there twice or cannot be used.
    """
    _check_images(sample, images, data)
    parts: dict[str, tarfile.TarInfo] = {}
    for member in sample.members:
        if parts.setdefault(_split(member.name)[1], member) is not member:
            raise RowError("malformed_row", f"'{member.name}' is there twice")
    values: dict[str, Any] = {}
    defaults = {data.columns.description or "": TEXT_EXTENSION}
    if isinstance(data.columns.label, str):
        defaults[data.columns.label] = _LABEL_EXTENSION
    for column in data.used_columns:
        part = parts.get("." + column.lower()) or parts.get(defaults.get(column, ""))
        if part and part not in images:
            values[column] = parse_text(_content(part, file, data), part.name, data)
    if fields := parts.get(FIELDS_EXTENSION):
        values |= parse_fields(_content(fields, file, data), fields.name, data)
    if data.used_columns.keys() & defaults.keys() - values.keys():
        _check_dots(sample, images[0])
    return {**values, data.columns.image: _image_value(images, file, data)}


def _image_value(images: list[tarfile.TarInfo], file: BinaryIO, data: DataOptions) -> Any:
    if len(images) == 1:
        return _content(images[0], file, data)
    return [{"bytes": _content(image, file, data), "path": printable(image.name)} for image in images]


def _sampled_values(sample: _Sample, file: BinaryIO, data: DataOptions) -> dict[str, Any]:
    """The values of a sample by column, and its other texts by their extensions.

    Raises:
        RowError: as ``_values``.
    """
    values = _values(sample, _images(sample, data), file, data)
    for member in sample.members:
        extension = _split(member.name)[1]
        is_other = _last(extension) not in IMAGE_EXTENSIONS and extension not in _KNOWN_EXTENSIONS
        if is_other and member.size <= _MAX_TEXT_BYTES:
            with suppress(UnicodeError):
                values.setdefault(extension[1:], _content(member, file, data).decode().removesuffix("\n"))
    return values


def _content(member: tarfile.TarInfo, file: BinaryIO, data: DataOptions) -> bytes:
    if not member.isreg() or member.issparse():
        raise RowError(
            "unreadable_file", f"'{member.name}' is a link or the like; the archive must hold the file itself"
        )
    if member.size > data.limits.file_bytes:
        raise RowError("too_large", f"'{member.name}' holds {member.size / 1e6:,.1f} MB")
    file.seek(member.offset_data)
    content = file.read(member.size)
    if len(content) != member.size:
        raise EOFError(f"it ends within '{member.name}'")
    return content
