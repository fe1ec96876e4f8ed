"""The catalogue of the demo: scikit-learn's handwritten digits as PNG files, with descriptions of what was measured."""

from __future__ import annotations

import csv
import io
import os
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from diptych.models.atomic_files import atomic_path

#: The settings of the demo, without the catalogue.
SETTINGS_FILE = os.path.join(os.path.dirname(__file__), "demo.yaml")
CATALOGUE_FILE = "catalogue.csv"

# Height and width of the images, in pixels.
_SIDE = 32
# A pixel with more ink than this, 0 to 255, belongs to the figure.
_INK = 96

Pixels = NDArray[np.uint8]


def write_digits_catalogue(folder: str) -> str:
    """Writes 1,797 images and a catalogue with the columns image, description and label.

    The bytes are the same each time, so that a second run finds nothing changed. Images that are there are left alone.

    Returns:
        The catalogue's path.

    Raises:
        OSError: a file cannot be written; the error names it.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    os.makedirs(os.path.join(folder, "images"), exist_ok=True)
    catalogue = os.path.join(folder, CATALOGUE_FILE)
    with atomic_path(catalogue) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "description", "label"])
        for number, (ink, label) in enumerate(zip(digits.images, digits.target, strict=True)):
            name = f"images/digit-{number:04d}.png"
            pixels = _enlarge(ink)
            _write_png(os.path.join(folder, name), pixels)
            writer.writerow([name, describe_digit(pixels), f"digit {label}"])
    return catalogue


def _write_png(path: str, pixels: Pixels) -> None:
    """Writes an image, unless the file holds it: to replace one takes a file system longer than to read it."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    with suppress(FileNotFoundError), open(path, "rb") as file:
        if file.read() == content.getvalue():
            return
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(content.getvalue())


def _enlarge(ink: Any) -> Pixels:
    """Turns 8x8 values from 0 (paper) to 16 (ink) into an image of dark ink on white, uint8 ``[32, 32]``."""
    small = Image.fromarray((255 - np.asarray(ink) * (255 / 16)).round().astype(np.uint8))
    return np.asarray(small.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))


def describe_digit(pixels: Pixels) -> str:
    """Describes a figure in dark ink on white, uint8 ``[height, width]``, by measurements of the image alone."""
    ink = 255.0 - pixels
    shape = ink > _INK
    rows, columns = np.nonzero(shape)
    if rows.size == 0:
        return "An empty sheet without any stroke."
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    sentences = [
        f"A {_stroke(shape)} figure, {_proportion(width / height)}, {_slant(ink)}.",
        f"It has {_loops(shape)}.",
        f"Most ink lies {_ink_position(ink)}.",
        f"The stroke {_crossings(shape)}.",
    ]
    return " ".join(sentences)


def _pick(value: float, bounds: tuple[float, ...], words: tuple[str, ...]) -> str:
    return words[int(np.searchsorted(bounds, value))]


def _stroke(shape: NDArray[np.bool_]) -> str:
    """The width of the stroke: about twice the area divided by the length of the outline, for rings too."""
    from scipy.ndimage import binary_erosion

    outline = shape & ~binary_erosion(shape)
    width = 2 * float(shape.sum()) / float(outline.sum())
    return _pick(width, (6.6, 7.3, 7.9), ("fine", "slender", "firm", "heavy"))


def _proportion(ratio: float) -> str:
    return _pick(ratio, (0.45, 0.65, 0.85), ("very narrow", "narrow", "fairly wide", "as wide as high"))


def _slant(ink: NDArray[np.float64]) -> str:
    """The slant, by the shear mu11 / mu02 of the image moments (M.-K. Hu, 1962)."""
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]]
    total = ink.sum()
    dx, dy = x - (ink * x).sum() / total, y - (ink * y).sum() / total
    shear = (ink * dx * dy).sum() / (ink * dy * dy).sum()
    words = ("leaning strongly to the right", "leaning to the right", "upright", "leaning to the left")
    return _pick(float(shear), (-0.3, -0.1, 0.1), words)


def _loops(shape: NDArray[np.bool_]) -> str:
    """The number of closed loops: connected areas of paper that ink separates from the border."""
    from scipy.ndimage import label

    paper, _ = label(np.pad(~shape, 1, constant_values=True))
    sizes = np.bincount(paper.ravel())[2:]
    centres = [np.argwhere(paper == index + 2)[:, 0].mean() for index, size in enumerate(sizes) if size >= 3]
    if not centres:
        return "no closed loop"
    if len(centres) > 1:
        return "two closed loops"
    where = _pick(centres[0] / shape.shape[0], (0.42, 0.58), ("high", "in the middle", "low"))
    return f"one closed loop {where}"


def _ink_position(ink: NDArray[np.float64]) -> str:
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]]
    total = ink.sum()
    vertical = _pick(float((ink * y).sum() / total / ink.shape[0]), (0.46, 0.52), ("above", "near", "below"))
    side = _pick(float((ink * x).sum() / total / ink.shape[1]), (0.47, 0.53), ("left of", "at", "right of"))
    return f"{vertical} the middle, {side} the centre line"


def _crossings(shape: NDArray[np.bool_]) -> str:
    """How often three horizontal lines through the figure, at different heights, meet ink."""
    names = {0: "misses", 1: "meets once", 2: "meets twice"}
    parts = []
    for name, place in (("upper", 0.28), ("middle", 0.5), ("lower", 0.72)):
        line = shape[int(place * shape.shape[0])].astype(int)
        starts = int((np.diff(line, prepend=0) == 1).sum())
        parts.append(f"{names.get(starts, 'meets often')} the {name} line")
    return ", ".join(parts)
