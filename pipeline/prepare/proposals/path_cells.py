"""The image cells of a sample: the paths in them, and how many of these lead to files."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from diptych.components.catalogue.image_paths import use_image_file
from diptych.components.catalogue.readers.cell_text import as_text
from diptych.components.catalogue.readers.rows import Row
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.samples import evenly_spaced
from diptych.components.catalogue.storage import OutsideRootError, is_file, is_remote
from diptych.pipeline.prepare.proposals.decisions import Evidence

_MAX_ROWS = 300
# Each is a request to the store, or several.
_MAX_REMOTE_ROWS = 10


class Found(NamedTuple):
    """How many rows have their image, and how many different images these are."""

    rows: int
    images: int


def looked_at(evidence: Evidence) -> list[int]:
    """The places of the rows whose paths are tried, from all over the sample."""
    remote = any(is_remote(root) for root in roots(evidence))
    return evenly_spaced(range(len(evidence.rows)), _MAX_REMOTE_ROWS if remote else _MAX_ROWS)


def roots(evidence: Evidence) -> list[str]:
    """The folders that paths are relative to, each once."""
    return list(dict.fromkeys(map(evidence.catalogue.images_root, evidence.sources)))


def count_found(evidence: Evidence) -> Found:
    """How many of the rows looked at have their image by the decisions that have been taken."""
    images = [_image(evidence.row(place), evidence, place) for place in looked_at(evidence)]
    found = [image for image in images if image is not None]
    return Found(len(found), len(set(found)))


def path_cells(evidence: Evidence) -> dict[int, str]:
    """The path of the first image of each row looked at that has one, by the row's place in the sample."""
    rows = {place: evidence.row(place) for place in looked_at(evidence)}
    return {place: row.image for place, row in rows.items() if row.image and row.content is None}


def texts_of(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The columns of a row that hold a text or a number, each with the text."""
    for column, value in row.items():
        if isinstance(value, (str, int, float)):
            try:
                yield column, as_text(value).strip()
            except RowError:
                continue


def _image(row: Row, evidence: Evidence, place: int) -> str | None:
    """What tells a row's image from others: the URI of its file, or a text for an image in the catalogue itself."""
    if row.content is not None:
        return f"{place}"
    if not row.image:
        return None
    root = evidence.catalogue.images_root(evidence.sources[place])
    try:
        return use_image_file(root, row.image, evidence.data, lambda uri: _existing(uri, evidence))
    except (RowError, OutsideRootError, OSError):
        return None


def _existing(uri: str, evidence: Evidence) -> str:
    if not is_file(uri, evidence.data.fetch):
        raise FileNotFoundError(errno.ENOENT, "No such file", uri)
    return uri
