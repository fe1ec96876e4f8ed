"""The encoding of a catalogue's texts."""

from __future__ import annotations

import gzip

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.gzip_files import has_gzip_name
from diptych.components.catalogue.readers.kinds import TEXT_KINDS
from diptych.components.catalogue.readers.rows import catalogue_errors
from diptych.components.catalogue.storage import open_file
from diptych.pipeline.prepare.proposals.decisions import Decision
from diptych.pipeline.prepare.text_encoding import detect_encoding

_HEAD_BYTES = 1 << 24


def propose_encoding(catalogue: Catalogue) -> list[Decision]:
    """The encoding of a text catalogue, by the first bytes of its first file; none if it is the default.

    Raises:
        CatalogueError: the file cannot be read.
    """
    source = catalogue.sources[0]
    if catalogue.kind not in TEXT_KINDS or source.endswith(".parquet"):
        return []
    data = catalogue.data
    with catalogue_errors(source), open_file(source, data.fetch, data.limits) as file:
        plain = gzip.GzipFile(fileobj=file) if has_gzip_name(source) else file
        encoding = detect_encoding(plain.read(_HEAD_BYTES))
    if encoding == DataOptions.model_fields["encoding"].default:
        return []
    return [Decision("data.encoding", encoding, "a guess, by its bytes: see whether accents are shown as they are")]
