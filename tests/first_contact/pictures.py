"""Rows of test catalogues, and pictures whose numbers can be read back from their stored pixels."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

_LEVELS = 8
_STEP = 256 // _LEVELS
_CONTRAST = 12
_LABELS = ("bird", "cat", "dog")
_SETS = (("cat",), ("cat", "dog"), ("bird", "cat"), ("dog",), ("bird", "cat", "dog"))
_SPLITS = ("train", "train", "train", "val", "test")


@dataclass(frozen=True, order=True)
class Item:
    """A row that is put into a catalogue.

    Attributes:
        picture: the number of its picture, 0 to 511.
        labels: sorted.
        split: train, val or test; None if the layout does not say.
    """

    picture: int
    labels: tuple[str, ...]
    text: str = ""
    split: str | None = None


def items(count: int = 30, with_splits: bool = False) -> list[Item]:
    """Rows of three labels, each with a text of its own; a fifth each are val and test where the layout has splits."""
    return [
        Item(
            number,
            (_LABELS[number % len(_LABELS)],),
            f"picture number {number}, seen from the left",
            _SPLITS[number // len(_LABELS) % len(_SPLITS)] if with_splits else None,
        )
        for number in range(count)
    ]


def several(count: int = 40) -> list[Item]:
    """Rows of one to three labels each."""
    return [replace(row, labels=_SETS[row.picture % len(_SETS)]) for row in items(count)]


def split_items(*missing: str) -> list[Item]:
    """Rows with splits; of those in ``missing`` none, and of train and them it is not compared where they go."""
    rows = [row for row in items(with_splits=True) if row.split not in missing]
    return [replace(row, split=None) if missing and row.split == "train" else row for row in rows]


def without_texts(rows: Iterable[Item]) -> list[Item]:
    """The rows of a layout that has no place for a text."""
    return [replace(row, text="") for row in rows]


def picture_bytes(number: int, kind: str = "PNG") -> bytes:
    """An image file of 48 x 40 pixels: a pattern about the colour that stands for a number from 0 to 511."""
    digits = number // _LEVELS**2, number // _LEVELS % _LEVELS, number % _LEVELS
    colour = np.array([_STEP * digit + _STEP // 2 for digit in digits])
    # Without a pattern, all pictures would be near duplicates.
    pattern = np.random.default_rng(number).permutation(np.linspace(-_CONTRAST, _CONTRAST, 30)).reshape(5, 6, 1)
    pixels = (colour + pattern.repeat(8, axis=0).repeat(8, axis=1)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG" if kind.upper() == "JPG" else kind)
    return buffer.getvalue()


def picture_number(pixels: np.ndarray) -> int:
    """The number of the picture whose stored pixels, uint8 ``[height, width, 3]``, these are."""
    red, green, blue = (int(level) // _STEP for level in np.median(pixels, axis=(0, 1)))
    return (red * _LEVELS + green) * _LEVELS + blue
