"""Folders of images that are splits, as in ``train/cat/1.jpg``, told from folders that are classes."""

from __future__ import annotations

import os
import posixpath
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Protocol

from diptych.components.catalogue.options import FetchOptions
from diptych.components.catalogue.readers.folder import check_link
from diptych.components.catalogue.readers.row_files import is_hidden, is_image_name
from diptych.components.catalogue.readers.rows import CatalogueError
from diptych.components.catalogue.reasons import printable
from diptych.components.catalogue.split_names import splits_of_paths, words_of_name
from diptych.components.catalogue.storage import is_remote, relative_path, walk_files
from diptych.models.features import TEST, TRAIN

# Words of folders beside those of splits whose images are to be classified.
_TO_CLASSIFY = {"pred", "predict", "prediction", "predictions", "unlabeled", "unlabelled"}


def find_split_folders(root: str, fetch: FetchOptions) -> dict[str, str]:
    """The folders of splits below a folder of class folders: path from the root on, and split. Empty if there are none.

    Folders are splits if all folders at their place that hold images are named like splits; so a lone class ``train``
    among other classes is a class. Folders that only wrap another one are passed: ``dataset/train``, ``train/train``.
    A folder such as ``pred`` that lies beside them and holds no class folders is a test without labels.

    Raises:
        CatalogueError: folders are named like splits and hold the same class folders, but other images lie beside them,
            of which nobody could tell the split; or a link beside them leads out of the root.
    """
    tree = _tree(root, fetch)
    path = ""
    while True:
        folders, has_images = tree.entries(path)
        holding = (folder for folder in folders if _holds_images(tree, posixpath.join(path, folder)))
        # Where no folder is named like a split, two with images are enough to know that they are classes.
        folders = list(holding if _named(folders) else islice(holding, 2))
        named = _named(folders)
        if _are_splits(named):
            named |= {name: TEST for name in folders if name not in named and _is_to_classify(tree, path, name)}
        if named and len(named) == len(folders) and not has_images:
            tree.check_links(path)
            return _of_classes(tree, {posixpath.join(path, folder): split for folder, split in named.items()})
        if _are_splits(named) and _share_classes(tree, [posixpath.join(path, folder) for folder in named]):
            others = [f"the folder '{name}'" for name in folders if name not in named] or ["an image"]
            raise CatalogueError(
                f"data.catalogue: in '{posixpath.join(root, path)}' the folders {', '.join(sorted(named))} are splits, "
                f"and beside them lies {printable(others[0])}, of which nobody knows the split; move it away, or set "
                "data.declared_splits: ignore if they are classes"
            )
        if has_images or len(folders) != 1:
            return {}
        path = posixpath.join(path, folders[0])


def find_inner_split_folders(root: str, fetch: FetchOptions) -> dict[str, str]:
    """The folders of splits inside of class folders, as in ``cat/train/1.jpg``: path from the root on, and split.

    They are splits if each class folder holds nothing else, and two or more splits are named, train among them.

    Raises:
        CatalogueError: each class folder has such folders, but some also hold other images, of which nobody could tell
            the split; or all class folders lie in one folder, which would be the class.
    """
    tree = _tree(root, fetch)
    path = ""
    folders, has_images = tree.entries(path)
    while len(folders) == 1 and not has_images:
        path = posixpath.join(path, folders[0])
        folders, has_images = tree.entries(path)
    if has_images or not folders:
        return {}
    found: dict[str, str] = {}
    others: list[str] = []
    for name in folders:
        folder = posixpath.join(path, name)
        inner, has_images = tree.entries(folder)
        named = _named(inner)
        if not named and (has_images or _holds_images(tree, folder)):
            return {}
        found |= {posixpath.join(folder, name): split for name, split in named.items()}
        holding = [posixpath.join(folder, name) for name in inner if name not in named]
        others += [folder] * has_images + [other for other in holding if _holds_images(tree, other)]
    if not _are_splits(found):
        return {}
    if path:
        raise CatalogueError(
            f"data.catalogue: the class folders of '{posixpath.join(root, path)}' hold folders of splits; name that "
            "folder as data.catalogue, or set data.declared_splits: ignore"
        )
    if others:
        raise CatalogueError(
            f"data.catalogue: in the class folders of '{root}' the folders "
            f"{', '.join(sorted({posixpath.basename(folder) for folder in found}))} are splits, and of the images in "
            f"'{printable(others[0])}' nobody knows the split; move them away, or set data.declared_splits: ignore if "
            "the folders are none"
        )
    return found


def find_image_folders(root: str, fetch: FetchOptions) -> tuple[dict[str, str], bool]:
    """The folders of splits below a folder whose images a table names: path from the root on, and split.

    They are splits if two or more splits are named, train among them.

    Returns:
        The folders, and whether all images lie in them.
    """
    tree = _tree(root, fetch)
    path = ""
    while True:
        folders, has_images = tree.entries(path)
        if _are_splits(_named(folders)):
            folders = [folder for folder in folders if _holds_images(tree, posixpath.join(path, folder))]
            named = _named(folders) if _are_splits(_named(folders)) else {}
            found = {posixpath.join(path, folder): split for folder, split in named.items()}
            return found, len(found) == len(folders) and not has_images
        if has_images or len(folders) != 1:
            return {}, True
        path = posixpath.join(path, folders[0])


def has_splits_of_class_folders(root: str, fetch: FetchOptions) -> bool:
    """Whether folders of several splits hold the same class folders, as in ``train/cat/1.jpg``, ``test/cat/2.jpg``."""
    try:
        found = find_split_folders(root, fetch)
    except CatalogueError:
        return False
    return _are_splits(found) and _share_classes(_tree(root, fetch), list(found))


def has_class_folders(root: str, fetch: FetchOptions) -> bool:
    """Whether images lie in two or more folders of a folder."""
    tree = _tree(root, fetch)
    return len(list(islice((folder for folder in tree.entries("")[0] if _holds_images(tree, folder)), 2))) > 1


def has_inner_class_folders(root: str, fetch: FetchOptions) -> bool:
    """As ``has_class_folders``, also where they lie in one folder, as in ``images/cat/1.jpg``."""
    tree = _tree(root, fetch)
    pending, found = [""], 0
    while len(pending) == 1:
        path = pending.pop()
        inner = (posixpath.join(path, folder) for folder in tree.entries(path)[0])
        pending = list(islice((folder for folder in inner if _holds_images(tree, folder)), 2))
        found = len(pending)
    return found > 1


class _Tree(Protocol):
    """The visible folders and images below a root."""

    def entries(self, path: str) -> tuple[list[str], bool]:
        """The names of the folders in a folder, sorted, and whether an image lies in it; links are no folders."""
        ...

    def check_links(self, path: str) -> None:
        """Checks that no link in a folder leads out of the root.

        Raises:
            CatalogueError: one does; of a folder that it stands for, nobody could tell how many rows would be lost.
        """
        ...


class _LocalTree:
    def __init__(self, root: str) -> None:
        self._root = root

    def entries(self, path: str) -> tuple[list[str], bool]:
        folders, has_images = [], False
        with os.scandir(os.path.join(self._root, path)) as found:
            for entry in found:
                if is_hidden(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif not (entry.is_symlink() and os.path.isdir(entry.path)):
                    has_images = has_images or is_image_name(entry.name)
        return sorted(folders), has_images

    def check_links(self, path: str) -> None:
        with os.scandir(os.path.join(self._root, path)) as found:
            for entry in found:
                if entry.is_symlink() and os.path.isdir(entry.path):
                    check_link(entry.path, self._root)


class _RemoteTree:
    def __init__(self, root: str, fetch: FetchOptions) -> None:
        self._folders: dict[str, set[str]] = defaultdict(set)
        self._with_images: set[str] = set()
        for uri in walk_files(root, fetch):
            *folders, name = relative_path(uri, root).split("/")
            if any(map(is_hidden, (*folders, name))):
                continue
            for depth, folder in enumerate(folders):
                self._folders["/".join(folders[:depth])].add(folder)
            if is_image_name(name):
                self._with_images.add("/".join(folders))

    def entries(self, path: str) -> tuple[list[str], bool]:
        return sorted(self._folders[path]), path in self._with_images

    def check_links(self, path: str) -> None:
        pass


def _tree(root: str, fetch: FetchOptions) -> _Tree:
    return _RemoteTree(root, fetch) if is_remote(root) else _LocalTree(root)


def _named(folders: Sequence[str]) -> dict[str, str]:
    """The folders that are named like splits."""
    return {folder: split for folder, split in zip(folders, splits_of_paths(folders), strict=True) if split}


def _is_to_classify(tree: _Tree, path: str, name: str) -> bool:
    folders, has_images = tree.entries(_unwrapped(tree, posixpath.join(path, name)))
    return bool(_TO_CLASSIFY & words_of_name(name)) and has_images and not folders


def _are_splits(named: Mapping[str, str]) -> bool:
    return TRAIN in named.values() and len(set(named.values())) > 1


def _holds_images(tree: _Tree, path: str) -> bool:
    folders, has_images = tree.entries(path)
    return has_images or any(_holds_images(tree, posixpath.join(path, folder)) for folder in folders)


def _share_classes(tree: _Tree, paths: Sequence[str]) -> bool:
    """Whether two folders have a folder of the same name inside."""
    times = Counter(name for path in paths for name in tree.entries(_unwrapped(tree, path))[0])
    return max(times.values(), default=0) > 1


def _of_classes(tree: _Tree, splits: Mapping[str, str]) -> dict[str, str]:
    """The folders of splits, or the folders that hold all they hold.

    Of a split without classes the images often lie in one more folder, as ``test/images``, that is no class of train.
    """
    found = {_unwrapped(tree, path): split for path, split in splits.items()}
    classes = {name for path, split in found.items() if split == TRAIN for name in tree.entries(path)[0]}
    return {path if split == TRAIN else _without_classes(tree, path, classes): split for path, split in found.items()}


def _without_classes(tree: _Tree, path: str, classes: Collection[str]) -> str:
    folders, has_images = tree.entries(path)
    is_wrapper = len(folders) == 1 and not has_images and folders[0] not in classes
    return posixpath.join(path, folders[0]) if is_wrapper else path


def _unwrapped(tree: _Tree, path: str) -> str:
    """The folder, or a folder of the same name that is all it holds, as archives are often unpacked."""
    folders, has_images = tree.entries(path)
    name = posixpath.basename(path)
    return posixpath.join(path, name) if folders == [name] and not has_images else path
