"""Small pictures of some rows of a catalogue, as the model would get their images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.readers.row_files import read_image_file
from diptych.components.catalogue.readers.rows import Row, SourceFile
from diptych.components.catalogue.reasons import Reject, RowError
from diptych.components.catalogue.records import RecordOptions, make_reject, without_credentials
from diptych.components.example_gen.decoder_pool import DecoderPool
from diptych.components.report.report_data import Thumbnail
from diptych.components.report.small_pictures import shrink
from diptych.models.images.options import ImageOptions
from diptych.models.scratch_folders import scratch_folder

#: The longest side of a picture, in pixels; stored images that are larger are shown smaller.
SIDE = 128


@dataclass(frozen=True)
class RowOrigin:
    """Where a row is: the name of its source and its number in it, as in rejects, and its image."""

    source: str
    row: int
    image: str


def origin_of(row: Row, source: SourceFile) -> RowOrigin:
    """Where a row is, as its reject says it."""
    return RowOrigin(source.name, row.number, without_credentials(row.image, source))


def read_pictures(
    catalogue: Catalogue, image: ImageOptions, wanted: Collection[RowOrigin]
) -> dict[RowOrigin, Thumbnail]:
    """Reads some rows again, and makes a picture of each; of rows whose image cannot be decoded there is none.

    Args:
        image: how images are stored: their size, aspect ratio and background.

    Raises:
        CatalogueError: the catalogue cannot be read, or changed meanwhile.
    """
    rows = {(origin.source, origin.row) for origin in wanted}
    found: dict[RowOrigin, Thumbnail] = {}
    options = RecordOptions(catalogue.data, image)
    with scratch_folder() as folder, DecoderPool(options, depict_rows) as pool:
        for chunk in catalogue.chunks(folder):
            source = catalogue.source_file(chunk.source)
            numbers = range(chunk.first_row, chunk.first_row + chunk.rows)
            if not any(name == source.name and number in numbers for name, number in rows):
                continue
            chosen = (row for row in catalogue.read(chunk) if origin_of(row, source) in wanted)
            for picture in pool.process(chosen, source, ""):
                if isinstance(picture, DepictedRow):
                    found[picture.origin] = picture.thumbnail
    return found


@dataclass(frozen=True)
class DepictedRow:
    """The picture of a row."""

    origin: RowOrigin
    thumbnail: Thumbnail


def depict_rows(rows: Sequence[Row], source: SourceFile, options: RecordOptions, _: str) -> list[DepictedRow | Reject]:
    """Makes a picture of the image of each row, whatever else is wrong with the row."""
    return list(_depict(rows, source, options))


def _depict(rows: Sequence[Row], source: SourceFile, options: RecordOptions) -> Iterator[DepictedRow | Reject]:
    for row in rows:
        try:
            content = row.content or read_image_file(source.images_root, row.image, options.data)
            pixels = decode_image(content, options.image, options.data.limits).pixels
        except RowError as error:
            yield make_reject(row, source, error.reason, error.detail)
            continue
        yield DepictedRow(origin_of(row, source), shrink(Image.fromarray(pixels), SIDE))
