"""Folders of class folders, as people make them by hand and as most loaders read them."""

from __future__ import annotations

from pathlib import Path

from tests.first_contact.layouts import Written, layout
from tests.first_contact.pictures import items
from tests.first_contact.tool_runner import Tools
from tests.first_contact.writing import write_class_folders


@layout("by hand", "class folders with a text file beside each image")
def class_folders_with_texts(folder: Path, _: Tools) -> Written:
    """``cat/1.png`` and ``cat/1.txt``."""
    rows = items()
    write_class_folders(rows, folder, {"train": "."})
    for row in rows:
        (folder / row.labels[0] / f"{row.picture}.txt").write_text(row.text + "\n", encoding="utf-8")
    return Written(folder, rows)
