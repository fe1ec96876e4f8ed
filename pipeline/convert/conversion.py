"""``diptych convert``: a legacy dataset, which is CSV, JSON or a pickle of plain data, becomes a Parquet catalogue.

Pixels become PNG files inside the catalogue. Arrays ``[h, w]``, ``[h, w, 1]``, ``[h, w, 3]`` and ``[h, w, 4]`` of uint8
stay as they are; other numbers are rounded, and multiplied by 255 if none in the whole dataset exceeds 1. Bytes and
uint8 arrays ``[n]`` are image files, and texts are paths: both are kept. All other columns become text.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from diptych.models.atomic_files import atomic_path
from diptych.models.counts import pluralize
from diptych.models.errors import nearest
from diptych.pipeline.convert.cells import CellError, PixelFormat, find_scale, image_cell, text_cell
from diptych.pipeline.convert.errors import ConversionError
from diptych.pipeline.convert.isolation import call_isolated
from diptych.pipeline.convert.legacy_dataset import LegacyRow, is_pickle, read_legacy_dataset
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES, infer_columns
from diptych.pipeline.row_groups import row_groups

_SAMPLE_ROWS = 300
_MAX_PROBLEMS_SHOWN = 5

Channels = Literal["rgb", "bgr"]


@dataclass
class ConversionResult:
    """What has been converted, and what could not be.

    Attributes:
        columns: ``image``, ``description`` and ``label`` to the columns of the dataset that became them.
        rows: number of rows of the dataset, and of the catalogue.
        inline: number of rows whose image is inside the catalogue.
        paths: number of rows whose image is named by its path.
        problems: number of a row, from 1, and what of it could not be kept.
        notes: how the table was understood, where that is not plain.
    """

    columns: Mapping[str, str]
    rows: int = 0
    inline: int = 0
    paths: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The result in a few lines, for a person."""
        inline = pluralize(self.inline, "image")
        yield f"{pluralize(self.rows, 'row')}: {inline} inside the catalogue, {self.paths:,} by path"
        yield ", ".join(f"{role} from '{column}'" for role, column in self.columns.items())
        yield from self.notes
        if self.paths:
            yield "Paths are kept as they are: relative to the new catalogue's folder, or to what data.images_root says"
        for number, problem in self.problems[:_MAX_PROBLEMS_SHOWN]:
            yield f"row {number}: {problem}"
        if len(self.problems) > _MAX_PROBLEMS_SHOWN:
            more = len(self.problems) - _MAX_PROBLEMS_SHOWN
            yield f"and {pluralize(more, 'more row')} with problems; what is lacking is left empty"


def convert(source: str, target: str, columns: Mapping[str, str], channels: Channels = "rgb") -> ConversionResult:
    """Writes each row of a legacy dataset to a Parquet catalogue, in order.

    Args:
        source: see ``read_legacy_dataset``. A pickle is read, and the catalogue written, in a process with limits.
        target: a ``.parquet`` file that does not exist.
        columns: ``image``, ``description`` and ``label`` to a column of the dataset, where they are not to be inferred.
        channels: the order of colours in arrays; ``bgr`` is that of OpenCV.

    Raises:
        ConversionError: the dataset cannot be read, a column cannot be inferred or found, or no row has an image.
        OSError: the catalogue cannot be written.
    """
    if not target.lower().endswith(".parquet"):
        raise ConversionError(f"'{target}' must end with .parquet")
    if os.path.exists(target):
        raise ConversionError(f"'{target}' exists; remove it, or name another file")
    with atomic_path(target) as path:
        if not is_pickle(source):
            return write_catalogue(source, path, columns, channels)
        arguments = [source, path, dict(columns), channels]
        result = call_isolated(f"{__name__}.write_catalogue_to_json", arguments, source)
    problems = [(number, problem) for number, problem in result.pop("problems")]
    return ConversionResult(**result, problems=problems)


def write_catalogue_to_json(*arguments: Any) -> dict[str, Any]:
    """``write_catalogue``, with its result as JSON."""
    return asdict(write_catalogue(*arguments))


def write_catalogue(source: str, path: str, columns: Mapping[str, str], channels: Channels) -> ConversionResult:
    """Does the work of ``convert`` in this process, in which a hostile pickle may use up memory and time, or crash.

    Args:
        path: the Parquet file to write.

    Raises:
        ConversionError: as ``convert``.
    """
    dataset = read_legacy_dataset(source)
    rows = dataset.rows
    result = ConversionResult(_choose_columns(source, rows, columns), notes=list(dataset.notes))
    names = _name_columns(_columns_of(rows), result.columns)
    scale = find_scale(row.values.get(result.columns["image"]) for row in rows)
    pixel_format = PixelFormat(scale, is_bgr=channels == "bgr")
    _write(path, (_convert_row(row, names, pixel_format, result) for row in rows), list(names.values()))
    if result.inline + result.paths == 0:
        raise ConversionError(f"no row of '{source}' has an image; row 1: {result.problems[0][1]}")
    return result


def _choose_columns(source: str, rows: Sequence[LegacyRow], named: Mapping[str, str]) -> dict[str, str]:
    """``image``, ``description`` and ``label`` to the columns that are named for them, or inferred."""
    known = _columns_of(rows)
    for role, column in named.items():
        if column not in known:
            raise ConversionError(
                f"'{source}' has no column '{column}' for --{role}; {nearest(column, known)}its columns are "
                f"{', '.join(known)}"
            )
    sample = [
        {name: _python_value(value) for name, value in row.values.items() if name not in named.values()}
        for row in rows[:_SAMPLE_ROWS]
    ]
    columns = {**infer_columns(sample).columns, **named}
    if missing := [role for role in REQUIRED_ROLES if role not in columns]:
        options = " and ".join(f"--{role} NAME" for role in missing)
        raise ConversionError(
            f"no column of '{source}' looks like {missing[0]}: say {options}; its columns are {', '.join(known)}"
        )
    if len(set(named.values())) < len(named):
        raise ConversionError(f"--image, --description and --label must name different columns of '{source}'")
    return {role: columns[role] for role in REQUIRED_ROLES}


def _columns_of(rows: Iterable[LegacyRow]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.values))


def _python_value(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return value.decode("latin-1") if isinstance(value, bytes) and value.isascii() else value


def _name_columns(known: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Columns of the dataset to columns of the catalogue, of which image, description and label are the first."""
    names = {column: role for role, column in columns.items()}
    for column in known:
        if column not in names:
            free = column
            while free in (*REQUIRED_ROLES, *names.values()):
                free += "_"
            names[column] = free
    return names


def _convert_row(
    row: LegacyRow, names: Mapping[str, str], pixel_format: PixelFormat, result: ConversionResult
) -> dict[str, Any]:
    """The row of the catalogue, counted in the result. What cannot be kept is None and a problem."""
    result.rows += 1
    problems = [row.problem] if row.problem else []
    cells: dict[str, Any] = {}
    for column, name in names.items():
        value = row.values.get(column)
        try:
            cells[name] = image_cell(value, pixel_format) if name == "image" else text_cell(value)
        except CellError as error:
            problems.append(f"column '{column}' {error}")
            cells[name] = None
    if image := cells["image"]:
        result.inline += image["bytes"] is not None
        result.paths += image["bytes"] is None
    if problems:
        result.problems.append((result.rows, "; ".join(problems)))
    return cells


def _write(path: str, rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([(name, image if name == "image" else pa.string()) for name in names])
    # A file of Python's own gives errors that say nothing but what is wrong.
    with open(path, "wb") as file, pq.ParquetWriter(file, schema) as writer:
        for group in row_groups(rows, _size):
            writer.write_table(pa.Table.from_pylist(group, schema))


def _size(row: Mapping[str, Any]) -> int:
    cells = (*row.values(), *(row["image"] or {}).values())
    return sum(len(cell) for cell in cells if isinstance(cell, (str, bytes)))
