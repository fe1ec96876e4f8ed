"""Row groups of a size that suits readers, for the Parquet files that Diptych writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

# Few enough for readers to hold a row group in memory.
_MAX_ROWS, _MAX_BYTES = 1024, 32_000_000

Row = TypeVar("Row")


def row_groups(rows: Iterable[Row], size: Callable[[Row], int]) -> Iterator[list[Row]]:
    """The rows in lists of 1,024, or fewer where those together have 32 MB.

    Args:
        size: how many bytes a row takes.
    """
    group: list[Row] = []
    group_bytes = 0
    for row in rows:
        group.append(row)
        group_bytes += size(row)
        if len(group) == _MAX_ROWS or group_bytes >= _MAX_BYTES:
            yield group
            group, group_bytes = [], 0
    if group:
        yield group
