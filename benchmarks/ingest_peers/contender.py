"""What the contenders share: the catalogue and the pixels they agree on."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

#: Height and width of the stored image, in pixels.
SIDE = 128
#: What each contender may use.
PROCESSES = 2


def read_rows(catalogue: Path) -> list[dict[str, str]]:
    """The catalogue's rows: image, description, label."""
    with catalogue.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_pixels(path: Path) -> Any:
    """uint8 ``[128, 128, 3]``, RGB: the whole file decoded, then averaged by area."""
    import cv2

    resized = cv2.resize(cv2.imread(str(path)), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(resized, cv2.COLOR_BGR2RGB)
