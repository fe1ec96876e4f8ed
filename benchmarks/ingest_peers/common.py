"""What the contenders share: how the catalogue is read, and the pixels that all of them have to store."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

#: Height and width of the stored image, in pixels.
IMAGE_SIZE = 128
#: The number of processes that each contender may use.
PROCESSES = 2


def read_rows(catalogue: Path) -> list[dict[str, str]]:
    """The rows of the catalogue, each with image, description and label."""
    with catalogue.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_pixels(path: Path) -> Any:
    """Decodes the whole image file and shrinks it by averaging areas: uint8 ``[128, 128, 3]``, RGB."""
    import cv2

    resized = cv2.resize(cv2.imread(str(path)), (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(resized, cv2.COLOR_BGR2RGB)
