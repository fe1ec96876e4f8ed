"""A catalogue with what a careful person would find in it."""

from __future__ import annotations

from pathlib import Path

from diptych.pipeline.settings import Settings
from tests.helpers import SMALL, write_catalogue, write_image

#: Rows that are whole; then come four that are rejected.
GOOD_ROWS = 90


def write_odd_catalogue(folder: Path) -> Settings:
    """Writes 94 rows. Their texts name the label, two labels are one, and two rows have an image under two labels.

    A text is HTML. Four rows are rejected: for a file, a label, a broken image, and because it repeats another row.
    """
    rows = []
    for number in range(GOOD_ROWS):
        write_image(folder / f"{number}.png", seed=number if number != 31 else 30)
        label = ["box", "circle", "triangle"][number % 3]
        rows.append({"image": f"{number}.png", "description": f"a {label} on paper {number % 7}", "label": label})
    rows[10]["label"] = rows[40]["label"] = "Circle"
    rows[12]["description"] = "<script>alert(1)</script> box"
    rows.append({"image": "absent.png", "description": "a box", "label": "box"})
    rows.append({"image": "7.png", "description": "a box", "label": ""})
    (folder / "broken.png").write_bytes(b"no image")
    rows.append({"image": "broken.png", "description": "a box", "label": "box"})
    rows.append(dict(rows[5]))
    data = write_catalogue(folder, rows, splits={"train": 0.6, "val": 0.2, "test": 0.2})
    return Settings(name="odd", data=data, image=SMALL)
