"""The first rows of a catalogue of any kind, before anyone has said what its columns are."""

from __future__ import annotations

import csv
import gzip
import io
import os
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.json_text import JsonText
from diptych.components.catalogue.readers.jsonlines import parse_object
from diptych.components.catalogue.readers.kinds import images_root, make_reader
from diptych.components.catalogue.readers.rows import CatalogueError, reading
from diptych.components.catalogue.readers.sidecars import is_gzip
from diptych.components.catalogue.readers.text_lines import is_compressed, open_text
from diptych.components.catalogue.storage import open_file, resolve_below
from diptych.pipeline.prepare.text_encoding import detect_encoding

#: Rows and images that are looked at.
MOST_ROWS, MOST_IMAGES = 300, 50
#: Kinds that are text, which may be in any encoding.
TEXT_KINDS = ("csv", "tsv", "jsonl", "json", "coco", "imagefolder")

_HEAD_BYTES = 1 << 24
_RECORD_HEAD = struct.Struct("<QI")
_RECORD_FOOT_BYTES = 4

Values = Mapping[str, Any]


def preview_rows(source: str, kind: str, data: DataOptions) -> list[Values]:
    """The first rows of one file of the catalogue, column to value; those that cannot be read are left out.

    Kinds without columns of their own give ``image``, ``description`` and ``label``, as far as they have them.

    Raises:
        CatalogueError: it cannot be read.
    """
    kind = os.path.splitext(source)[1][1:] if kind == "imagefolder" else kind
    with reading(source):
        return list(islice(_PREVIEWS.get(kind, _preview_rows(kind))(source, data), MOST_ROWS))


def detect_catalogue_encoding(source: str, data: DataOptions) -> str:
    """The encoding of a text catalogue, by its first bytes.

    Raises:
        CatalogueError: it cannot be read.
    """
    with reading(source), open_file(source, data.fetch) as file:
        plain = gzip.GzipFile(fileobj=file) if is_compressed(source) else file
        return detect_encoding(plain.read(_HEAD_BYTES))


def image_size(image: Any, source: str, data: DataOptions) -> tuple[int, int] | None:
    """Width and height that an image's header declares, in pixels; None where there is no such image.

    Args:
        image: as a row has it: a path, bytes, or ``{"bytes": ..., "path": ...}``.
    """
    from PIL import Image

    if isinstance(image, Mapping):
        image = image.get("bytes") or image.get("path")
    try:
        with _open_image(image, source, data) as file, Image.open(file) as opened:
            return opened.size
    except Exception:  # Pillow and stores raise anything; whoever reads the rows says what is wrong
        return None


def _open_image(image: Any, source: str, data: DataOptions) -> BinaryIO:
    if isinstance(image, bytes):
        return io.BytesIO(image)
    return open_file(resolve_below(images_root(source, data), image), data.fetch)


def _preview_delimited(delimiter: str) -> Callable[[str, DataOptions], Iterator[Values]]:
    def preview_table(source: str, data: DataOptions) -> Iterator[Values]:
        csv.field_size_limit(sys.maxsize)
        with open_text(source, data) as text:
            parser = csv.reader((line.replace("\0", "\ufffd") for line in text), delimiter=delimiter)
            header = next(parser, [])
            for fields in parser:
                if len(fields) == len(header):
                    yield dict(zip(header, fields, strict=True))

    return preview_table


def _preview_lines(source: str, data: DataOptions) -> Iterator[Values]:
    with open_text(source, data) as text:
        yield from (parse_object(line)[0] for line in text if line.strip())


def _preview_array(source: str, data: DataOptions) -> Iterator[Values]:
    with open_text(source, data) as text:
        yield from (item for item in JsonText(text, source).items() if isinstance(item, dict))


def _preview_parquet(source: str, data: DataOptions) -> Iterator[Values]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_file(source, data.fetch) as file:
        try:
            for batch in pq.ParquetFile(file).iter_batches(MOST_IMAGES, use_threads=False):
                yield from batch.to_pylist()
        except (pa.ArrowException, ValueError) as error:
            raise CatalogueError(f"data.catalogue: '{source}' cannot be read as Parquet: {error}") from None


def _preview_tfrecord(source: str, data: DataOptions) -> Iterator[Values]:
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    for record in _records(source, data):
        try:
            features = tf.train.Example.FromString(record).features.feature
        except DecodeError:
            continue
        yield {name: _value(feature) for name, feature in features.items()}


def _records(source: str, data: DataOptions) -> Iterator[bytes]:
    with open_file(source, data.fetch) as file:
        head = file.read(_RECORD_HEAD.size)
        file.seek(0)
        plain = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if is_gzip(head) else file
        while len(head := plain.read(_RECORD_HEAD.size)) == _RECORD_HEAD.size:
            size = _RECORD_HEAD.unpack(head)[0]
            if size > data.limits.file_mb * 2e6:
                raise CatalogueError(f"data.catalogue: '{source}' is no TFRecord file")
            yield plain.read(size)
            plain.read(_RECORD_FOOT_BYTES)


def _value(feature: Any) -> Any:
    """The one value of a feature; texts are bytes there too."""
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    if len(values) != 1:
        return values or None
    try:
        return values[0].decode() if isinstance(values[0], bytes) else values[0]
    except UnicodeDecodeError:
        return values[0]


def _preview_rows(kind: str) -> Callable[[str, DataOptions], Iterator[Values]]:
    def preview_records(source: str, data: DataOptions) -> Iterator[Values]:
        reader = make_reader(kind)
        with TemporaryDirectory() as scratch:
            for chunk in reader.cut(source, 0, data, os.path.join(scratch, "spool")):
                for row in reader.read(chunk, data):
                    image = row.image if row.content is None else row.content
                    yield {"image": image, "description": row.description, "label": next(iter(row.labels), "")}

    return preview_records


_PREVIEWS: dict[str, Callable[[str, DataOptions], Iterator[Values]]] = {
    "csv": _preview_delimited(","),
    "tsv": _preview_delimited("\t"),
    "jsonl": _preview_lines,
    "json": _preview_array,
    "parquet": _preview_parquet,
    "tfrecord": _preview_tfrecord,
}
