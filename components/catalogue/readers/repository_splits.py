"""The splits that the front matter of a Hugging Face repository's ``README.md`` gives to its files."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from typing import Any

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.huggingface_features import front_matter
from diptych.components.catalogue.split_names import split_of_value, splits_of_paths
from diptych.components.catalogue.storage import is_file, join, list_files, read_file

#: The file that declares them.
README = "README.md"
_DEFAULT = "default"


def find_repository_splits(folder: str, sources: Sequence[str], data: DataOptions) -> dict[str, str]:
    """URI of a source to its split, as ``configs`` in the front matter says; empty if it says nothing.

    Of several configurations, that which is named or marked as the default counts; without one, none does. Of several
    patterns that match a source, the last one counts.

    Args:
        folder: URI of the catalogue's folder.
        sources: the files of the catalogue; others have no split.

    Raises:
        PermissionError: the store may not be listed.
        FetchError: the store does not answer.
    """
    configs = _configurations(folder, data)
    marked = [config for config in configs if config.get("default") or config.get("config_name") == _DEFAULT]
    chosen = marked[:1] or (configs if len(configs) == 1 else [])
    try:
        parts = [part for config in chosen for part in _split_patterns(config)]
    except (LookupError, TypeError, AttributeError):
        return {}
    found: dict[str, str] = {}
    for split, pattern in parts:
        matched = set(list_files(join(glob.escape(folder), pattern), data.fetch))
        found |= {source: split for source in sources if source in matched}
    return found


def name_configurations(folder: str, data: DataOptions) -> list[str]:
    """The names of the configurations of a repository, of which each is a dataset of its own."""
    return [str(config.get("config_name")) for config in _configurations(folder, data)]


def _configurations(folder: str, data: DataOptions) -> list[dict[str, Any]]:
    uri = join(folder, README)
    if not is_file(uri, data.fetch):
        return []
    try:
        front = front_matter(read_file(uri, data.fetch, data.limits.file_bytes).decode())
        configs = front.get("configs")
    except (OSError, ValueError, AttributeError):
        # A file of this name may hold anything.
        return []
    return [config for config in configs if isinstance(config, dict)] if isinstance(configs, list) else []


def _split_patterns(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each split and a pattern of its files, in the order of the configuration."""
    for part in config["data_files"]:
        name, paths = part["split"], part["path"]
        if split := split_of_value(name) or splits_of_paths([name])[0]:
            yield from ((split, path) for path in ([paths] if isinstance(paths, str) else paths))
