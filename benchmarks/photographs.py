"""Writes a catalogue of distinct photographs: crops of scikit-learn's two samples, or a folder's own images."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tools import BenchmarkError, parser

CATALOGUE = "catalogue.csv"
COLUMNS = ("image", "description", "label")

_QUALITY = 90
# A folder that holds more is slow to look up in.
_FILES_PER_FOLDER = 1000
_SUBJECTS = ("china", "flower")
_WORDS = """
    a an the of in on with and photograph picture view detail temple palace roof gate court garden step stone red gold
    blue green sky cloud tree flower petal leaf stem bloom orange yellow soft sharp bright dark warm cold large small
    old quiet near far left right upper lower wide narrow light shadow morning evening summer spring
"""
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Photographs:
    """What is made.

    Attributes:
        rows: how many photographs.
        width: of each, in pixels, to 5 %.
        height: likewise.
    """

    rows: int
    width: int = 500
    height: int = 375


def cached_photographs(wanted: Photographs) -> Path:
    """The catalogue of such photographs in the folder for temporary files, where it is made once."""
    name = f"diptych-photographs-{wanted.rows}-{wanted.width}x{wanted.height}"
    folder = Path(tempfile.gettempdir(), name)
    if not (folder / CATALOGUE).exists():
        print(f"making {wanted.rows:,} photographs in {folder}", flush=True)
        write_photographs(folder, wanted)
    return folder / CATALOGUE


def write_photographs(folder: Path, wanted: Photographs) -> None:
    """Writes the photographs and, when all are there, their catalogue: equal bytes each time."""
    for number in range(0, wanted.rows, _FILES_PER_FOLDER):
        (folder / _name(number)).parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(lambda number: _write_photograph(folder, number, wanted), range(wanted.rows)))
    _write_catalogue(folder, rows)


def copy_images(images: Path, folder: Path, most_rows: int) -> Path:
    """The catalogue of a folder's images, copied below another; the label is the name of the folder each lies in.

    Raises:
        BenchmarkError: the folder holds no image.
    """
    found = sorted(path for path in images.rglob("*") if path.suffix.lower() in _SUFFIXES)[:most_rows]
    if not found:
        raise BenchmarkError(f"--images {images}: no image below it (looked for {', '.join(sorted(_SUFFIXES))})")
    rows = []
    for path in found:
        image = Path("images", path.relative_to(images))
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / image)
        rows.append((image.as_posix(), path.stem.replace("_", " ").replace("-", " "), path.parent.name))
    _write_catalogue(folder, rows)
    return folder / CATALOGUE


def _write_catalogue(folder: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    part = folder / f"{CATALOGUE}.part"
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    part.rename(folder / CATALOGUE)


def _name(number: int) -> Path:
    return Path("images", f"{number // _FILES_PER_FOLDER:04d}", f"{number:07d}.jpg")


def _write_photograph(folder: Path, number: int, wanted: Photographs) -> tuple[str, str, str]:
    import cv2

    random = np.random.default_rng([wanted.width, number])
    subject = int(random.integers(len(_SUBJECTS)))
    pixels = _crop(_samples()[subject], random, wanted)
    done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise BenchmarkError(f"OpenCV could not write photograph {number}")
    (folder / _name(number)).write_bytes(data.tobytes())
    words = [_SUBJECTS[subject], *random.choice(_WORDS.split(), int(random.integers(6, 15)))]
    return _name(number).as_posix(), " ".join(words), _SUBJECTS[subject]


def _crop(sample: Any, random: np.random.Generator, wanted: Photographs) -> Any:
    """uint8 ``[height, width, 3]``, RGB: another part, scale, side and brightness for each state of ``random``."""
    import cv2

    # Around 1: a crop that is much enlarged would be smooth, and its file small.
    scale = random.uniform(0.85, 1.12)
    width, height = (round(side * scale) for side in (wanted.width, wanted.height))
    top = int(random.integers(sample.shape[0] - height + 1))
    left = int(random.integers(sample.shape[1] - width + 1))
    part = sample[top : top + height, left : left + width, :]
    if random.random() < 0.5:
        part = part[:, ::-1]
    size = tuple(round(side * random.uniform(0.95, 1.05)) for side in (wanted.width, wanted.height))
    resized = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_LINEAR)
    return cv2.convertScaleAbs(resized, alpha=random.uniform(0.75, 1.2))


@lru_cache
def _samples() -> Any:
    from sklearn.datasets import load_sample_images

    return load_sample_images().images


def main() -> None:
    """Writes a catalogue to a folder."""
    arguments = parser(__doc__)
    arguments.add_argument("folder", type=Path, help="gets catalogue.csv and images/")
    arguments.add_argument("--rows", type=int, default=2000, help="how many photographs (default: %(default)s)")
    arguments.add_argument("--images", type=Path, help="a folder whose images are taken instead")
    options = arguments.parse_args()
    if options.images:
        copy_images(options.images, options.folder, options.rows)
    else:
        write_photographs(options.folder, Photographs(options.rows))
    print(options.folder / CATALOGUE)


if __name__ == "__main__":
    main()
