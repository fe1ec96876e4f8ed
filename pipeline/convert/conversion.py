"""``diptych convert``: datasets of old, in CSV, JSON or pickles of plain data, become a Parquet catalogue.

Pixels become PNG files inside the catalogue: arrays ``[h, w]``, ``[h, w, 1]``, ``[h, w, 3]`` or ``[h, w, 4]`` of uint8
as they are, of other numbers rounded, and times 255 where no pixel of the whole dataset exceeds 1. Bytes (and arrays
``[n]`` of uint8) are image files, kept as they are, and texts are paths, kept likewise. All other columns become text:
bytes are read as UTF-8, else as Latin-1, containers become JSON, None and NaN nothing.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from diptych.models.errors import DiptychError, nearest
from diptych.pipeline.convert.datasets import OldRow, read_old
from diptych.pipeline.prepare.infer_columns import REQUIRED_ROLES, infer_columns

#: Of a row group: few enough for readers to hold in memory.
_MOST_ROWS, _MOST_BYTES = 1024, 32_000_000
_LOOKED_AT = 300
_MOST_TOLD = 5

Pixels = np.ndarray[Any, Any]


class ConvertError(DiptychError):
    """The dataset cannot be converted; the message names the file and the remedy."""


@dataclass
class Converted:
    """What came of it.

    Attributes:
        columns: ``image``, ``description`` and ``label`` to the columns that became them.
        rows: of the dataset, and so of the catalogue.
        inline: rows whose image lies in the catalogue itself.
        paths: rows whose image is named by its path.
        problems: number of the row, from 1, and what of it could not be kept.
    """

    columns: Mapping[str, str]
    rows: int = 0
    inline: int = 0
    paths: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def convert(old: str, new: str, names: Mapping[str, str], channels: str = "rgb") -> Converted:
    """Writes the rows of a dataset to a Parquet catalogue, each of them, in order.

    Args:
        old: see ``diptych.pipeline.convert.datasets.read_old``.
        new: a ``.parquet`` file that does not exist.
        names: ``image``, ``description`` and ``label`` to a column, where they should not be guessed.
        channels: ``rgb`` or ``bgr``, which OpenCV reads images as: order of the colours in arrays.

    Raises:
        OldDataError, PickleFileError: see ``diptych.pipeline.convert.datasets.read_old``.
        ConvertError: a column cannot be guessed or found, no row has an image, or the catalogue cannot be written.
    """
    if not new.lower().endswith(".parquet"):
        raise ConvertError(f"'{new}' must end with .parquet")
    if os.path.exists(new):
        raise ConvertError(f"'{new}' exists; remove it, or name another file")
    rows = read_old(old)
    columns = _choose_columns(old, rows, names)
    done = Converted(columns)
    targets = _targets(_names(rows), columns)
    pixels = _Pixels(_factor(row.values.get(columns["image"]) for row in rows), channels == "bgr")
    temporary = f"{new}.part"
    try:
        _write(temporary, (_cells(row, targets, pixels, done) for row in rows), list(targets.values()))
        if done.inline + done.paths == 0:
            raise ConvertError(f"no row of '{old}' has an image; row 1: {done.problems[0][1]}")
        os.replace(temporary, new)
    except OSError as error:
        raise ConvertError(f"'{new}' cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(FileNotFoundError):
            os.remove(temporary)
    return done


def summary(done: Converted) -> Iterator[str]:
    """What became of the dataset, in a few lines."""
    yield f"{done.rows:,} rows: {done.inline:,} images inside the catalogue, {done.paths:,} by path"
    yield ", ".join(f"{part} from '{column}'" for part, column in done.columns.items())
    if done.paths:
        yield "Paths are kept as they are: relative to the new catalogue's folder, or to what data.images_root says"
    for number, problem in done.problems[:_MOST_TOLD]:
        yield f"row {number}: {problem}"
    if len(done.problems) > _MOST_TOLD:
        yield f"and {len(done.problems) - _MOST_TOLD:,} more rows with problems; what they lack is left empty"


class _UnusableError(ValueError):
    """A value is no image or text, in words that follow the name of its column."""


@dataclass(frozen=True)
class _Pixels:
    """How numbers become levels.

    Attributes:
        factor: of all but uint8.
        is_bgr: whether colours are in OpenCV's order.
    """

    factor: float
    is_bgr: bool


def _choose_columns(old: str, rows: Sequence[OldRow], names: Mapping[str, str]) -> dict[str, str]:
    """``image``, ``description`` and ``label`` to their columns, as named or guessed."""
    known = _names(rows)
    for part, name in names.items():
        if name not in known:
            raise ConvertError(
                f"'{old}' has no column '{name}' for --{part}; {nearest(name, known)}its columns are {', '.join(known)}"
            )
    sample = [
        {name: _plain(value) for name, value in row.values.items() if name not in names.values()}
        for row in rows[:_LOOKED_AT]
    ]
    columns = {**infer_columns(sample).columns, **names}
    if missing := [part for part in REQUIRED_ROLES if part not in columns]:
        told = " and ".join(f"--{part} NAME" for part in missing)
        raise ConvertError(
            f"no column of '{old}' looks like {missing[0]}: say {told}; its columns are {', '.join(known)}"
        )
    if len(set(names.values())) < len(names):
        raise ConvertError(f"--image, --description and --label must name different columns of '{old}'")
    return {part: columns[part] for part in REQUIRED_ROLES}


def _names(rows: Iterable[OldRow]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.values))


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return value.decode("latin-1") if isinstance(value, bytes) and value.isascii() else value


def _targets(known: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Column of the dataset to column of the catalogue, which has ``image``, ``description`` and ``label`` first."""
    targets = {column: part for part, column in columns.items()}
    for name in known:
        if name not in targets:
            free = name
            while free in (*REQUIRED_ROLES, *targets.values()):
                free += "_"
            targets[name] = free
    return targets


def _cells(row: OldRow, targets: Mapping[str, str], pixels: _Pixels, done: Converted) -> dict[str, Any]:
    """The row as the catalogue has it; what cannot be kept is nothing there, and counted."""
    done.rows += 1
    problems = [row.problem] if row.problem else []
    cells: dict[str, Any] = {}
    for column, target in targets.items():
        value = row.values.get(column)
        try:
            cells[target] = _image(value, pixels) if target == "image" else _text(value)
        except _UnusableError as error:
            problems.append(f"column '{column}' {error}")
            cells[target] = None
    if image := cells["image"]:
        done.inline += image["bytes"] is not None
        done.paths += image["bytes"] is None
    if problems:
        done.problems.append((done.rows, "; ".join(problems)))
    return cells


def _image(value: Any, pixels: _Pixels) -> dict[str, Any]:
    """As Hugging Face has images: the bytes of a file, its path, or both."""
    if isinstance(value, Mapping):
        path = value.get("path") if isinstance(value.get("path"), str) else None
        content = value.get("bytes")
        return {"bytes": None if content is None else _file(content, pixels), "path": _path(path or "", content)}
    if isinstance(value, (str, np.bytes_)):
        return {"bytes": None, "path": _path(value, None)}
    return {"bytes": _file(value, pixels), "path": None}


def _path(value: str | bytes, content: Any) -> str | None:
    path = _text(value) or None
    if path is None and content is None:
        raise _UnusableError("has no image")
    return path


def _file(value: Any, pixels: _Pixels) -> bytes:
    """The bytes of an image file."""
    if isinstance(value, (bytes, bytearray)) and value:
        return bytes(value)
    array = _array(value)
    if array is None:
        raise _UnusableError(f"holds a {type(value).__name__} where pixels, bytes or a path are needed")
    return array.tobytes() if array.ndim == 1 and array.dtype == np.uint8 else _png(array, pixels)


def _array(value: Any) -> Pixels | None:
    """Numbers as an array; None of anything else."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return None
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype.kind in "buif" else None


def _factor(images: Iterable[Any]) -> float:
    """255 where pixels, apart from those of uint8, go from 0 to 1 in the whole dataset: one image may just be dark."""
    arrays = (array for array in map(_array, images) if array is not None and array.dtype != np.uint8)
    return 255 if max((_greatest(array) for array in arrays), default=255) <= 1 else 1


def _greatest(array: Pixels) -> float:
    finite = array[np.isfinite(array)]
    return float(finite.max()) if finite.size else 0


def _png(array: Pixels, pixels: _Pixels) -> bytes:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    is_shape = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not is_shape or 0 in array.shape:
        raise _UnusableError(f"has the shape {list(array.shape)}; needed are height, width and 1, 3 or 4 channels")
    if array.dtype != np.uint8:
        array = np.rint(array.astype(np.float64) * pixels.factor)
        if not (array.min() >= 0 and array.max() <= 255):  # not a number is neither
            raise _UnusableError("has pixels outside 0 to 255, or 0 to 1; undo their normalisation")
    if array.ndim == 3 and pixels.is_bgr:
        array = array[..., [2, 1, 0, 3][: array.shape[2]]]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _text(value: Any) -> str | None:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (bytes, bytearray)):
        value = _decoded(bytes(value))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        text = str(value) if isinstance(value, (str, int, float, complex)) else _json(value)
        text.encode()
    except UnicodeEncodeError:
        raise _UnusableError("holds characters that do not exist") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise _UnusableError(f"holds a {type(value).__name__} that is no text: {error}") from None
    return text


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_simple)


def _simple(value: Any) -> Any:
    """What JSON has for a value of a pickle."""
    if isinstance(value, (bytes, bytearray)):
        return _decoded(bytes(value))
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else str(value)


def _write(path: str, rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Writes rows in groups of so many rows or bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([(name, image if name == "image" else pa.string()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema))


def _groups(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    group: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        cells = (*row.values(), *(row["image"] or {}).values())
        size += sum(len(cell) for cell in cells if isinstance(cell, (str, bytes)))
        if len(group) == _MOST_ROWS or size >= _MOST_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
