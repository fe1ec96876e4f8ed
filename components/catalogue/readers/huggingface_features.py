"""Names of numbered classes, as Hugging Face's ``datasets`` declare them: ``ClassLabel`` features.

They stand in the metadata of an Arrow or Parquet schema, in ``dataset_info.json`` or ``dataset_infos.json`` beside the
files, and in the front matter of a repository's ``README.md``.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.bounds import has_too_many_values
from diptych.components.catalogue.readers.class_names import name_number
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.storage import folder_of, is_file, join, read_file
from diptych.components.catalogue.yaml_values import parse_yaml

#: The names of a ``ClassLabel``, by number; or those of the fields of an object, or of the columns of a row, that have
#: some. What holds for a feature holds for the items of a list of it.
ClassNames: TypeAlias = "tuple[str, ...] | dict[str, ClassNames]"

_SCHEMA_KEY = b"huggingface"
_FILES = ("dataset_info.json", "dataset_infos.json", "README.md")
_FRONT_MATTER = re.compile(r"---\s*\n(.*?)\n---\s*(\n|$)", re.DOTALL)
# Where the front matter of a README.md has the type of a feature, or of its items.
_YAML_TYPES = ("dtype", "sequence", "list", "large_list", "struct")


def schema_class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, ClassNames] | None:
    """The names by column that the metadata of a schema declare; None if ``datasets`` did not write it."""
    if not metadata or _SCHEMA_KEY not in metadata:
        return None
    try:
        features = json.loads(metadata[_SCHEMA_KEY])["info"]["features"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return _of_fields(features)


def class_names_beside(source: str, data: DataOptions) -> dict[str, ClassNames]:
    """The names by column that files beside a source, or in the folder above it, declare; empty if none does.

    Of several configurations in one file, the one is taken that a folder of the source's path is named after; without
    such a folder, a column has names if all configurations agree.
    """
    for uri in feature_files(source, data):
        try:
            text = read_file(uri, data.fetch, data.limits.row_characters).decode()
            if has_too_many_values(text, data):
                continue
            found = _of_infos(_infos(posixpath.basename(uri), text), source)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            # Files of these names may hold anything.
            continue
        if found:
            return found
    return {}


def feature_files(source: str, data: DataOptions) -> list[str]:
    """URIs of the files beside a source, and in the folder above it, that may declare its features."""
    folder = folder_of(source)
    folders = dict.fromkeys([folder, folder_of(folder.rstrip("/"))])
    return [uri for place in folders for name in _FILES if is_file(uri := join(place, name), data.fetch)]


def front_matter(text: str) -> Any:
    """What the front matter of a ``README.md`` holds; an empty mapping if there is none.

    Raises:
        ValueError: it is no YAML.
    """
    front = _FRONT_MATTER.match(text)
    return parse_yaml(front[1]) if front else {}


def name_values(value: Any, names: ClassNames) -> Any:
    """The value with a name in the place of each number that has one, and None in that of -1, which means no label.

    Raises:
        RowError: a number has no name; the detail is a whole phrase.
    """
    if isinstance(value, list):
        return [name_values(item, names) for item in value]
    if isinstance(names, dict):
        if not isinstance(value, dict):
            return value
        return {key: name_values(item, names[key]) if key in names else item for key, item in value.items()}
    return name_number(value, names) if isinstance(value, int) and not isinstance(value, bool) else value


def name_columns(values: Mapping[str, Any], names: Mapping[str, ClassNames], data: DataOptions) -> dict[str, Any]:
    """The values of a row by column, with names as ``name_values`` gives them.

    Where a row may have several labels, the one of a label column is a list, so that a name that holds the separator
    stays whole.

    Raises:
        RowError: as ``name_values``.
    """
    named = dict(values)
    for column in values.keys() & names.keys():
        try:
            named[column] = name_values(values[column], names[column])
        except RowError as error:
            raise RowError(error.reason, f"column '{column}': {error.detail}") from None
        if column == data.columns.label and data.has_several_labels and isinstance(named[column], str):
            named[column] = [named[column]]
    return named


def _infos(name: str, text: str) -> dict[str, Any]:
    """Each configuration's features, in either form."""
    if name == "README.md":
        found = front_matter(text)["dataset_info"]
        infos = found if isinstance(found, list) else [found]
        return {str(info.get("config_name", number)): info["features"] for number, info in enumerate(infos)}
    content = json.loads(text)
    if name == "dataset_info.json":
        return {"": content["features"]}
    return {str(key): info["features"] for key, info in content.items()}


def _of_infos(infos: Mapping[str, Any], source: str) -> dict[str, ClassNames]:
    found = {config: _of_fields(features) for config, features in infos.items()}
    if named := [config for config in found if config in source.split("/")[:-1]]:
        return found[named[-1]]
    first, *others = found.values() or [{}]
    return {column: names for column, names in first.items() if all(other.get(column) == names for other in others)}


def _of_fields(fields: Any) -> dict[str, ClassNames]:
    """The names of an object's fields: a mapping as in JSON, or a list of objects with ``name`` as in YAML."""
    if isinstance(fields, list):
        fields = {field["name"]: {key: field[key] for key in field if key != "name"} for field in fields}
    found = {str(key): _of_feature(feature) for key, feature in fields.items()}
    return {key: names for key, names in found.items() if names}


def _of_feature(feature: Any) -> ClassNames:
    if isinstance(feature, list):
        # In JSON a list of one feature is that of the items; in YAML a list names the fields of an object.
        is_yaml = all(isinstance(field, dict) and isinstance(field.get("name"), str) for field in feature)
        return _of_fields(feature) if is_yaml else _of_feature(feature[0])
    if not isinstance(feature, dict):
        return ()
    kind = feature.get("_type")
    if kind == "ClassLabel" or "class_label" in feature:
        names = (feature if kind else feature["class_label"]).get("names") or ()
        return tuple(map(str, [names[key] for key in sorted(names, key=int)] if isinstance(names, dict) else names))
    if isinstance(kind, str):
        return _of_feature(feature.get("feature"))
    if inner := [feature[key] for key in _YAML_TYPES if isinstance(feature.get(key), (dict, list))]:
        return _of_feature(inner[0])
    return _of_fields(feature)
