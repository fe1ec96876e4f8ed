"""The splits that the names of a catalogue's files and folders declare."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from diptych.components.catalogue.image_paths import declared_paths, spellings
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.kinds import images_root
from diptych.components.catalogue.readers.repository_splits import README, find_repository_splits
from diptych.components.catalogue.readers.rows import CatalogueError, Row, catalogue_errors
from diptych.components.catalogue.readers.split_folders import (
    find_image_folders,
    find_inner_split_folders,
    find_split_folders,
)
from diptych.components.catalogue.reasons import RowError, printable
from diptych.components.catalogue.remote import is_web
from diptych.components.catalogue.spans import has_pattern, path_in_catalogue
from diptych.components.catalogue.split_names import splits_of_paths, words_of_name
from diptych.components.catalogue.storage import is_folder, join, relative_path
from diptych.models.features import SPLITS

# Kinds whose rows name image files.
_KINDS_WITH_PATHS = ("csv", "tsv", "jsonl", "json", "xlsx", "ods", "imagefolder")
# Words in the names of tables that show how answers are to be handed in, and hold no data.
_NO_DATA = {"submission", "submissions"}


@dataclass(frozen=True)
class DeclaredSplits:
    """What the names of files and folders say of the splits.

    Attributes:
        by: what declares the splits, as a phrase: "the names of its files". Empty if nothing does.
        of_source: URI of a source to the split of its rows.
        of_folder: folder, relative to ``images_root``, to the split of the rows whose images lie in it.
        images_root: URI of the folder that these folders lie in; empty if there are none.
        unread: files beside the sources that are no part of the catalogue, because they name no split.
    """

    by: str = ""
    of_source: Mapping[str, str] = field(default_factory=dict)
    of_folder: Mapping[str, str] = field(default_factory=dict)
    images_root: str = ""
    unread: tuple[str, ...] = ()

    @property
    def splits(self) -> list[str]:
        """The splits that are declared, in the order of ``SPLITS``."""
        found = {*self.of_source.values(), *self.of_folder.values()}
        return [split for split in SPLITS if split in found]

    def by_name(self, catalogue: str) -> list[tuple[str, str]]:
        """The paths that are splits, from the catalogue's folder on, each with its split; sorted."""
        of_source = {path_in_catalogue(source, catalogue): split for source, split in self.of_source.items()}
        return sorted({**of_source, **self.of_folder}.items())

    def apply(self, row: Row, source: str, data: DataOptions) -> Row:
        """The row with its split; what a split column says of it comes first."""
        if row.split is not None:
            return row
        if source in self.of_source:
            return replace(row, split=self.of_source[source])
        # A row without an image is refused for that.
        if not self.of_folder or (row.content is None and not row.image.strip()):
            return row
        if folder := self._folder_of(row.image, data):
            return replace(row, split=self.of_folder[folder])
        detail = f"'{printable(row.image)}' lies in none of the folders of splits, {', '.join(sorted(self.of_folder))}"
        return replace(row, problem=row.problem or ("unknown_split", detail))

    def _folder_of(self, image: str, data: DataOptions) -> str | None:
        """The folder of a split that the path of an image leads into, in any of the ways in which it is looked for."""
        try:
            path = declared_paths(self.images_root, image, data.paths)[0]
        except RowError:
            return None
        return self._folder_above(path) or next(filter(None, map(self._folder_above, spellings(path))), None)

    def _folder_above(self, path: str) -> str | None:
        folder = posixpath.dirname(posixpath.normpath(path))
        while folder not in self.of_folder:
            if folder in ("", "/"):
                return None
            folder = posixpath.dirname(folder)
        return folder


def declare_splits(data: DataOptions, kind: str, sources: Sequence[str]) -> tuple[list[str], DeclaredSplits]:
    """Finds the splits that names declare.

    Returns:
        The sources, and their splits. A folder of class folders whose top folders are splits is replaced by these, each
        a source of its own. Of the files in a folder, only those remain that name a split, if several splits are named.

    Raises:
        CatalogueError: some names declare splits and others do not, and it is not clear what is meant.
    """
    if data.declared_splits == "ignore":
        return list(sources), DeclaredSplits()
    is_listed = not has_pattern(data.catalogue) and is_folder(data.catalogue, data.fetch)
    with catalogue_errors(data.catalogue):
        if kind == "folder" and len(sources) == 1:
            return _by_class_folders(sources[0], data)
        if is_listed and (of_source := find_repository_splits(data.catalogue, sources, data)):
            kept = [source for source in sources if source in of_source]
            unread = tuple(source for source in sources if source not in of_source)
            return kept, DeclaredSplits(f"its {README}", of_source, unread=unread)
        paths = [path_below_catalogue(source, data.catalogue, is_listed) for source in sources]
        if is_listed or has_pattern(data.catalogue):
            kept, declared = _by_names(sources, splits_of_paths(paths), data, is_listed and kind != "imagefolder")
            if declared.by:
                return kept, declared
        if kind in _KINDS_WITH_PATHS and len(sources) == 1:
            return list(sources), _by_image_folders(sources[0], kind, data)
    return list(sources), DeclaredSplits()


def no_train_message(declared: Iterable[str], data: DataOptions) -> str:
    """Says that splits are declared, but no train, and what to do."""
    return (
        f"data.catalogue: '{data.catalogue}' declares {' and '.join(declared)}, but no train to learn from; add it, or "
        f"{how_to_ignore(data)}, and its rows are split anew"
    )


def how_to_ignore(data: DataOptions) -> str:
    """How not to read the splits that are declared, as the end of a sentence."""
    return "leave out data.columns.split" if data.columns.split else "set data.declared_splits: ignore"


def path_below_catalogue(source: str, catalogue: str, is_folder_of_files: bool) -> str:
    """The path of a source below the folder that the catalogue is, or else from the catalogue's folder on."""
    if is_folder_of_files:
        return relative_path(source, catalogue).replace("\\", "/")
    return path_in_catalogue(source, catalogue)


def _by_class_folders(root: str, data: DataOptions) -> tuple[list[str], DeclaredSplits]:
    folders = find_split_folders(root, data.fetch)
    if folders:
        of_source = {join(root, folder): split for folder, split in sorted(folders.items())}
        return list(of_source), DeclaredSplits("the names of its folders", of_source)
    inner = find_inner_split_folders(root, data.fetch)
    by = "the names of the folders in its class folders"
    return [root], DeclaredSplits(by, of_folder=inner, images_root=root) if inner else DeclaredSplits()


def _by_image_folders(source: str, kind: str, data: DataOptions) -> DeclaredSplits:
    root = images_root(source, data)
    if is_web(root) or not is_folder(root, data.fetch):
        return DeclaredSplits()
    folders, hold_all = find_image_folders(root, data.fetch)
    # An imagefolder is a folder of images; a table may name images beside those of some other dataset.
    if not folders or not (hold_all or kind == "imagefolder"):
        return DeclaredSplits()
    return DeclaredSplits("the names of its images' folders", of_folder=folders, images_root=root)


def _by_names(
    sources: Sequence[str], splits: Sequence[str | None], data: DataOptions, may_leave_out: bool
) -> tuple[list[str], DeclaredSplits]:
    of_source = {source: split for source, split in zip(sources, splits, strict=True) if split}
    others = tuple(source for source in sources if source not in of_source)
    hold_data = [source for source in others if not _NO_DATA & words_of_name(posixpath.basename(source))]
    # A single name among others, such as train.csv beside bus.csv, need not mean a split.
    is_lone = len(set(of_source.values())) < 2 and (hold_data or not may_leave_out)
    if not of_source or (others and (is_lone or data.columns.split)):
        return list(sources), DeclaredSplits()
    if others and not may_leave_out:
        raise CatalogueError(
            f"data.catalogue: '{data.catalogue}' matches files that name splits ({_names(of_source)}) and others that "
            f"name none ({_names(others)}); mend the pattern or the names, or set data.declared_splits: ignore"
        )
    by_file = any(splits_of_paths([posixpath.basename(source) for source in of_source]))
    by = "the names of its files" if by_file else "the names of its files' folders"
    return list(of_source), DeclaredSplits(by, of_source, unread=others)


def _names(sources: Iterable[str]) -> str:
    listed = [posixpath.basename(source) for source in sources]
    return printable(", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else ""))
