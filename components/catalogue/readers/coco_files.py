"""Which JSON files of a folder are COCO's, and where the images of those in a folder ``annotations`` lie."""

from __future__ import annotations

import glob
import os
import posixpath
from collections.abc import Sequence

from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.readers.json_kind import kind_of_json
from diptych.components.catalogue.readers.row_files import is_image_name
from diptych.components.catalogue.readers.text_files import open_text
from diptych.components.catalogue.storage import folder_of, is_remote, join, list_files

# COCO's own documents of a data set: those of the boxes have the categories.
_BOXES = "instances"
_OTHER_DOCUMENTS = ("captions", "person_keypoints", "panoptic", "stuff", "image_info")
_HEAD_CHARACTERS = 1 << 16
# More JSON files than this are those of single images.
_MAX_DOCUMENTS = 50


def find_coco_files(folder: str, data: DataOptions) -> list[str]:
    """URIs of the COCO documents in a folder, else of those in its folders; empty if there are none.

    Where COCO's own documents of boxes are among them, those of captions, keypoints and so on are left out.
    """
    for level in ("*", "*/*"):
        names = list_files(join(glob.escape(folder), f"{level}.json"), data.fetch)
        if len(names) > _MAX_DOCUMENTS:
            return []
        if found := [name for name in names if not _has_image_beside(name, data) and _is_coco(name, data)]:
            boxes = any(posixpath.basename(name).startswith(_BOXES) for name in found)
            return [name for name in found if not (boxes and posixpath.basename(name).startswith(_OTHER_DOCUMENTS))]
    return []


def default_images_root(sources: Sequence[str]) -> str | None:
    """URI of the folder that image paths of documents in a folder ``annotations`` are relative to: the one above it.

    None if some source lies elsewhere, whose image paths are relative to its own folder.
    """
    folders = {folder_of(source) for source in sources}
    if len(folders) != 1 or posixpath.basename(folder := folders.pop()) != "annotations":
        return None
    return folder_of(folder if is_remote(folder) else os.path.abspath(folder))


def _has_image_beside(name: str, data: DataOptions) -> bool:
    stem = glob.escape(posixpath.splitext(name)[0])
    return any(map(is_image_name, list_files(f"{stem}.*", data.fetch)))


def _is_coco(name: str, data: DataOptions) -> bool:
    with open_text(name, data) as text:
        head = text.read(_HEAD_CHARACTERS)
        return kind_of_json(head, is_whole=not text.read(1)) == "coco"
