"""From the image path of a row to a file: prefixes are replaced, endings added, and other spellings of the path tried.

Tried are, in this order, until there is a file:

1. the path as it is written, after ``data.paths.replace``; an absolute path or a URI counts if it leads below the root;
2. the same with each of ``data.paths.endings``, in their order;
3. other spellings of each of these, if they lead to one file only: ``/`` for ``\\``, without spaces around it, with
   ``%20`` and the like decoded, in the Unicode forms NFC and NFD, with the ending in lower or upper case, and without a
   query such as ``?width=800``.

No spelling leads out of the root. Of a remote folder, a few spellings are asked for, and no folder is listed.
"""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar
from urllib.parse import unquote

from diptych.components.catalogue.options import DataOptions, PathOptions
from diptych.components.catalogue.reasons import RowError
from diptych.components.catalogue.remote import is_web
from diptych.components.catalogue.storage import OutsideRootError, is_file, is_remote, resolve_below

_T = TypeVar("_T")
_MISSING = (FileNotFoundError, NotADirectoryError)
# Each is a request to the store, for each image that is not there.
_MAX_REMOTE_SPELLINGS = 8
_MAX_LOCAL_SPELLINGS = 64
_MAX_ENDING = 6
_SHOWN = 3


def use_image_file(root: str, path: str, data: DataOptions, use: Callable[[str], _T]) -> _T:
    """What ``use`` returns for the file that an image path leads to.

    Args:
        root: URI of the folder that the path is relative to, and may not leave.
        path: as the row gives it.
        use: is called with the URI of a file that may not exist; it must then raise ``FileNotFoundError``.

    Raises:
        RowError: there is no such file, several spellings of the path lead to different ones, or it is a URI of
            another place.
        OutsideRootError: the path leaves the root.
    """
    declared = declared_paths(root, path, data.paths)
    folder: IsADirectoryError | None = None
    for tried in declared:
        try:
            return use(resolve_below(root, tried))
        except IsADirectoryError as error:
            folder = folder or error
        except _MISSING:
            continue
    for tried in declared:
        if uri := _other_spelling(root, tried, data):
            return use(uri)
    if folder:
        raise folder
    raise RowError("missing_file", _missing(path, declared))


def declared_paths(root: str, path: str, options: PathOptions) -> list[str]:
    """The paths to try below the root, in order, by what the settings declare.

    Raises:
        RowError: the path is a URI of another place.
    """
    replaced = _relative(root, replace_prefix(path, options))
    if is_remote(replaced):
        raise RowError(
            "outside_root", f"'{path}' is a URI of another place; name its folder in data.images_root, or fetch it"
        )
    return [replaced, *(replaced + ending for ending in options.endings if not replaced.endswith(ending))]


def replace_prefix(path: str, options: PathOptions) -> str:
    """The path with the longest prefix that ``data.paths.replace`` has for it replaced."""
    prefix = max((prefix for prefix in options.replace if path.startswith(prefix)), key=len, default=None)
    return path if prefix is None else options.replace[prefix] + path[len(prefix) :]


def spellings(path: str) -> list[str]:
    """Other spellings of a path that tools, archives and systems make of it, those with fewer changes first."""
    forms = [path]
    for change in _CHANGES:
        forms += [changed for form in forms if (changed := change(form)) not in forms]
        del forms[_MAX_LOCAL_SPELLINGS:]
    return forms[1:]


def _relative(root: str, path: str) -> str:
    """An absolute path or a URI below the root, relative to it; another path as it is."""
    if is_remote(root):
        return path.removeprefix(root.rstrip("/") + "/")
    if os.path.isabs(path):
        for folder in dict.fromkeys((os.path.abspath(root), os.path.realpath(root))):
            if path.startswith(os.path.join(folder, "")):
                return path.removeprefix(os.path.join(folder, ""))
    return path


def _other_spelling(root: str, path: str, data: DataOptions) -> str | None:
    """The file that another spelling of a path leads to; None if there is none.

    Raises:
        RowError: different spellings lead to different files.
    """
    found = list(_distinct(uri for uri in _spelled_uris(root, path) if is_file(uri, data.fetch)))
    if len(found) > 1:
        names = " and ".join(f"'{posixpath.basename(uri)}'" for uri in found[:2])
        raise RowError("ambiguous_path", f"'{path}' may be {names}")
    return found[0] if found else None


def _spelled_uris(root: str, path: str) -> Iterator[str]:
    """The URIs of the other spellings, each once, of those that stay below the root."""

    def uris() -> Iterator[str]:
        # What begins a query on a web server may be part of a file's name.
        as_name = [path.replace("?", "%3F")] if is_web(root) and "?" in path else []
        for spelled in as_name + spellings(path):
            try:
                yield resolve_below(root, spelled)
            except (OutsideRootError, FileNotFoundError):
                continue

    limit = _MAX_REMOTE_SPELLINGS if is_remote(root) else _MAX_LOCAL_SPELLINGS
    return islice(dict.fromkeys(uris()), limit)


def _distinct(uris: Iterable[str]) -> Iterator[str]:
    """The URIs of different files: on some disks, several spellings are one file."""
    seen = set()
    for uri in uris:
        key: object = uri
        if not is_remote(uri):
            state = os.stat(uri)
            key = state.st_dev, state.st_ino
        if key not in seen:
            seen.add(key)
            yield uri


def _missing(path: str, declared: Sequence[str]) -> str:
    first, *others = declared
    tried = f"there is no file '{first}'"
    if others:
        tried += f", also with {', '.join(other[len(first) :] for other in others)}"
    if others := spellings(first):
        tried += f", nor {' or '.join(map(repr, others[:_SHOWN]))}" + " ..." * (len(others) > _SHOWN)
    return tried if first == path else f"{tried}, which data.paths make of '{path}'"


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _decomposed(path: str) -> str:
    return unicodedata.normalize("NFD", path)


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/")


def _unquoted(path: str) -> str:
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        return path


def _without_query(path: str) -> str:
    file, mark, _ = path.partition("?")
    return file if mark and posixpath.splitext(file)[1] else path


def _lower_ending(path: str) -> str:
    stem, ending = posixpath.splitext(path)
    return stem + ending.lower() if len(ending) <= _MAX_ENDING else path


def _upper_ending(path: str) -> str:
    stem, ending = posixpath.splitext(path)
    return stem + ending.upper() if len(ending) <= _MAX_ENDING else path


_CHANGES: Sequence[Callable[[str], str]] = (
    str.strip,
    _with_slashes,
    _unquoted,
    _composed,
    _decomposed,
    _lower_ending,
    _upper_ending,
    _without_query,
)
