"""The image files below a folder, found by the ends of their paths."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from urllib.parse import unquote

from diptych.components.catalogue.readers.row_files import IMAGE_EXTENSIONS, has_image_ending
from diptych.pipeline.prepare.proposals.folders import list_entries, walk_files

# So many entries of folders are looked at.
_MAX_ENTRIES = 100_000
_MAX_SIBLING_ENTRIES = 20_000
# Folders beside that of the catalogue's file which may hold its images, as COCO's do beside "annotations".
_SIBLINGS = re.compile(r"(images?|imgs?|photos?|pictures?|pics?|jpegimages|(train|val|test)(\d{4})?)", re.IGNORECASE)
_IMAGES = re.compile(r"(images?|imgs?|photos?|pictures?|pics?|jpegimages)", re.IGNORECASE)
_TOKEN = re.compile(r"\d+|[^\W\d_]+|[\W_]+")
_MAX_TOKENS = 8
_MAX_FILES_OF_PART = 20


@dataclass(frozen=True)
class NamePart:
    """A part of a file's name without its ending, between a prefix and a suffix."""

    prefix: str
    suffix: str
    path: str


@dataclass(frozen=True)
class ImageIndex:
    """Image files.

    Attributes:
        root: the folder that their paths are relative to.
        paths: sorted; with ``/``.
    """

    root: str
    paths: Sequence[str]

    @classmethod
    def below(cls, root: str) -> ImageIndex:
        """Of the files below a folder of this machine, those of the first 100,000 entries."""
        return cls(os.path.abspath(root), _find_images(root, [""], _MAX_ENTRIES))

    @classmethod
    def beside(cls, folder: str, named: Collection[str] = ()) -> ImageIndex:
        """Of the folders beside a folder of this machine, those named like folders of images, or among some names."""
        folder = os.path.abspath(folder)
        root = os.path.dirname(folder)
        names = [entry.name for entry in list_entries(root) if entry.is_dir(follow_symlinks=False)]
        others = [name for name in names if name != os.path.basename(folder)]
        fitting = [name for name in others if name in named or _SIBLINGS.fullmatch(name)]
        return cls(root, _find_images(root, fitting, _MAX_SIBLING_ENTRIES))

    @cached_property
    def by_end(self) -> Mapping[str, Sequence[str]]:
        """The paths by each of their ends ``b/c.jpg`` and ``c.jpg``, as ``comparable`` makes them."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            parts = comparable(path).split("/")
            for start in range(len(parts)):
                found["/".join(parts[start:])].append(path)
        return found

    def names(self, values: Collection[str]) -> dict[str, list[NamePart]]:
        """Files by their ends without the file's ending, ``b/c`` and ``c``, where these are among some values.

        Zeros before a number are no difference.
        """
        found: defaultdict[str, list[NamePart]] = defaultdict(list)
        for path in self.paths:
            folders = comparable(posixpath.splitext(path)[0]).split("/")
            for start in range(len(folders)):
                if without_zeros(end := "/".join(folders[start:])) in values:
                    found[end].append(NamePart("", "", path))
        return found

    def name_parts(self, values: Collection[str]) -> dict[str, list[NamePart]]:
        """Files by a part of their names between a prefix and a suffix: ``7`` of ``img_7-front.jpg``.

        Args:
            values: what is looked for; zeros before a number are no difference.
        """
        found: defaultdict[str, list[NamePart]] = defaultdict(list)
        for path in self.paths:
            stem = comparable(posixpath.splitext(posixpath.basename(path))[0])
            bounds = [0, *(match.end() for match in _TOKEN.finditer(stem))]
            for start, stop in combinations(bounds, 2) if len(bounds) <= _MAX_TOKENS + 1 else ():
                part = stem[start:stop]
                if without_zeros(part) in values and part != stem and len(found[part]) < _MAX_FILES_OF_PART:
                    found[part].append(NamePart(stem[:start], stem[stop:], path))
        return found


def without_zeros(text: str) -> str:
    """A number without the zeros before it; another text as it is."""
    return text.lstrip("0") or "0" if text.isascii() and text.isdecimal() else text


def comparable(path: str) -> str:
    """A path by which files are compared with what rows say: other spellings of a path are the same."""
    file, mark, _ = path.strip().partition("?")
    file = file if mark and has_image_ending(file) else path.strip()
    path = unicodedata.normalize("NFC", unquote(file).replace("\\", "/"))
    stem, ending = posixpath.splitext(path)
    return stem + ending.lower()


def most_likely_folder(folders: Sequence[str]) -> str | None:
    """Of folders that hold files of the same names, the only one, or the only one that is named as one of images.

    ``1.jpg`` may be ``train/1.jpg`` and ``test/1.jpg``: nobody could tell which is meant, and there is None.
    """
    named = [folder for folder in folders if any(map(_IMAGES.fullmatch, folder.strip("/").split("/")))]
    likely = folders if len(folders) == 1 else named
    return likely[0] if len(likely) == 1 else None


def _find_images(root: str, folders: Iterable[str], max_entries: int) -> list[str]:
    """The paths of image files, sorted."""
    walked = walk_files(root, folders, max_entries)
    return sorted(posixpath.join(folder, name) for folder, names in walked for name in names if _is_image(name))


def _is_image(name: str) -> bool:
    return posixpath.splitext(name)[1].lower() in IMAGE_EXTENSIONS
