"""What leads from the paths of rows to files: a folder that they are relative to, or prefixes to replace."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from diptych.pipeline.prepare.proposals.image_index import ImageIndex, comparable, most_likely_folder

# A path may be taken from such a place on.
_BOUNDARY = re.compile(r"[/\\=:]|%2f|%5c", re.IGNORECASE)
_MAX_BOUNDARIES = 40
_MAX_FILES_OF_CELL = 10
_MAX_PREFIXES = 8
_URL = re.compile(r"((?:https?|gs|s3)://[\w.:-]+)/\S", re.IGNORECASE)


def find_prefixes(cells: Mapping[int, str], index: ImageIndex) -> dict[str, str]:
    """The prefixes of paths, each with what stands in its place where the files lie.

    Args:
        cells: paths, by any key.

    Returns:
        At most eight prefixes; the fewest that most paths have.
    """
    fitting: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for place, cell in cells.items():
        for pair in _prefixes(cell, index):
            fitting[pair].add(place)
    chosen: dict[str, str] = {}
    left = set(cells)
    while left and len(chosen) < _MAX_PREFIXES:
        candidates = [pair for pair in fitting if pair[0] not in chosen]
        best = max(candidates, key=lambda pair: (len(fitting[pair] & left), -len(pair[0]), -len(pair[1])), default=None)
        if best is None or not fitting[best] & left:
            break
        rivals = [pair[1] for pair in candidates if pair[0] == best[0] and fitting[pair] == fitting[best]]
        if (folder := most_likely_folder(rivals)) is None:
            break
        chosen[best[0]] = folder
        left -= fitting[best]
    return chosen


def common_url(cells: Iterable[str]) -> str | None:
    """The folder, at a web server or in a store, that all cells are URLs below; None if there is none."""
    cells = list(cells)
    hosts = {match[1].lower() if (match := _URL.match(cell)) else None for cell in cells}
    if len(hosts) != 1 or None in hosts:
        return None
    folder = posixpath.commonpath([posixpath.dirname(cell.partition("?")[0]).replace("://", "/", 1) for cell in cells])
    scheme, _, rest = folder.partition("/")
    return f"{scheme}://{rest}"


def _prefixes(cell: str, index: ImageIndex) -> Iterator[tuple[str, str]]:
    """The prefixes of a path after which the longest end of files follows, each with the file's own prefix."""
    starts = [0, *(match.end() for match in _BOUNDARY.finditer(cell))][:_MAX_BOUNDARIES]
    for start in starts:
        end = comparable(cell[start:])
        files = index.by_end.get(end, ())
        for path in files[:_MAX_FILES_OF_CELL]:
            kept = path.split("/")[: -len(end.split("/"))]
            yield cell[:start], "".join(f"{folder}/" for folder in kept)
        if files:
            return
