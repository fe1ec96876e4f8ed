"""Files in which a catalogue names its numbered classes: lines, YAML, JSON, CSV or TensorFlow's label maps."""

from __future__ import annotations

import csv
import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.kinds import catalogue_folder
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.storage import is_remote, join, read_file
from diptych.components.catalogue.yaml_values import parse_yaml
from diptych.models.os_errors import explain_cause

# "1 001.Black_footed_Albatross", "3: cat", "4,dog": as CUB-200 and others number the lines.
_NUMBERED_LINE = re.compile(r"(\d+)(?:\s*[:,;=]\s*|\s+)(\S.*)")
# Names of 100,000 classes take less.
_MAX_BYTES = 2_000_000
# Whether csv takes longer fields depends on what the process has read before.
_MAX_NAME = 10_000
_ITEM = re.compile(r"\bitem\s*\{([^}]*)\}")
_NAME_KEYS = ("display_name", "name")


def load_class_names(data: DataOptions) -> DataOptions:
    """The same options, with the names in the place of the file that ``data.class_names`` names.

    Raises:
        CatalogueError: the file cannot be read, or holds no names.
    """
    if not isinstance(data.class_names, str):
        return data
    uri = data.class_names
    if not (is_remote(uri) or posixpath.isabs(uri)):
        uri = join(catalogue_folder(data), uri)
    return data.model_copy(update={"class_names": read_class_names(uri, data)})


def read_class_names(uri: str, data: DataOptions) -> dict[str, str]:
    """The names in a file, by number.

    Raises:
        CatalogueError: the file cannot be read, or holds no names.
    """
    try:
        text = read_file(uri, data.fetch, _MAX_BYTES).decode("utf-8-sig")
        return parse_class_names(text, posixpath.splitext(uri)[1].lower())
    except (OSError, ValueError, RecursionError) as error:
        reason = explain_cause(error) if isinstance(error, OSError) else error
        raise CatalogueError(f"data.class_names: '{uri}' cannot be read: {reason}") from None


def parse_class_names(text: str, extension: str) -> dict[str, str]:
    """The names in the text of a file, by number.

    Args:
        extension: ``.yaml`` or ``.yml``, a document with ``names``, as YOLO has it; ``.json``, names by number, numbers
            by name or a list, also as ``id2label`` in the settings of a model of Hugging Face; ``.csv``, a column of
            numbers and one of names; ``.pbtxt``, a label map of TensorFlow's detection API; any other, lines.

    Raises:
        ValueError: there are none, or one is too long.
    """
    if extension == ".json":
        found = _of_document(_parse_json(text))
    elif extension in (".yaml", ".yml"):
        found = _of_document(_parse_yaml(text))
    elif extension == ".csv":
        found = _of_table(_parse_table(text))
    elif extension == ".pbtxt":
        found = dict(part for item in _ITEM.findall(text) if (part := _of_item(item)))
    else:
        found = _of_lines([line.strip() for line in text.splitlines() if line.strip()])
    if not found:
        raise ValueError("it holds no names of classes")
    if max(map(len, found.values())) > _MAX_NAME:
        raise ValueError(f"a name of a class is longer than {_MAX_NAME:,} characters")
    return found


def name_number(number: int, names: Sequence[str]) -> str | None:
    """The name of a number; None for -1, which means no label.

    Raises:
        RowError: it has none; the detail is a whole phrase.
    """
    if number >= len(names) or number < -1:
        raise RowError("unknown_label", f"number {number} is none of the {len(names)} labels that have names")
    return names[number] if number >= 0 else None


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("values are nested too deeply") from None


def _parse_table(text: str) -> list[list[str]]:
    try:
        return list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise ValueError(f"it is no CSV: {error}") from None


def _parse_yaml(text: str) -> Any:
    try:
        return parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"it is no YAML: {error}") from None


def _of_document(document: Any) -> dict[str, str]:
    if isinstance(document, dict):
        document = document.get("names", document.get("id2label", document))
    if isinstance(document, list):
        document = dict(enumerate(document))
    if not isinstance(document, dict):
        return {}
    return _by_number(document)


def _by_number(names: Mapping[Any, Any]) -> dict[str, str]:
    if names and all(isinstance(value, int) and not str(key).isdecimal() for key, value in names.items()):
        return {str(number): str(name) for name, number in names.items()}
    # Keras' class index of ImageNet has a list of WordNet's id and the name.
    last = {str(key): value[-1] if isinstance(value, list) and value else value for key, value in names.items()}
    named = {key: str(value).strip() for key, value in last.items() if isinstance(value, (str, int))}
    return named if len(named) == len(names) and all(key.isdecimal() for key in named) else {}


def _of_table(rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """The names of the first column of numbers, each once, in the first other column of texts, each once."""
    columns = [[cell.strip() for cell in column] for column in zip(*rows[1:], strict=False)]
    unique = [column for column in columns if len(set(column)) == len(column) and "" not in column]
    numbers = [column for column in unique if all(map(str.isdecimal, column))]
    texts = [column for column in unique if not any(map(str.isdecimal, column))]
    return dict(zip(numbers[0], texts[0], strict=True)) if numbers and texts else {}


def _of_item(item: str) -> tuple[str, str] | None:
    number = re.search(r"\bid\s*:\s*(\d+)", item)
    # The name may be WordNet's id, and what people read stands beside it.
    name = next(filter(None, (re.search(rf"\b{key}\s*:\s*(['\"])(.*?)\1", item) for key in _NAME_KEYS)), None)
    return (number[1], name[2]) if number and name else None


def _of_lines(lines: Sequence[str]) -> dict[str, str]:
    matches = [_NUMBERED_LINE.fullmatch(line) for line in lines]
    numbers = [int(match[1]) for match in matches if match]
    if len(numbers) == len(lines) and numbers in (list(range(len(lines))), list(range(1, len(lines) + 1))):
        return {match[1]: match[2].strip() for match in matches if match}
    return {str(number): line for number, line in enumerate(lines)}
