"""Writes a catalogue of distinct photographs: crops of scikit-learn's two samples, or the images of a folder."""

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

from benchmarks.tools import BenchmarkError, make_parser

CATALOGUE = "catalogue.csv"
COLUMNS = ("image", "description", "label")

_QUALITY = 90
# Finding a file in a folder with more files is slow.
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
    """Photographs to make.

    Attributes:
        rows: their number.
        width: the width of each in pixels, which varies by 5 %.
        height: the height of each in pixels, which varies by 5 %.
    """

    rows: int
    width: int = 500
    height: int = 375


def cached_photographs(wanted: Photographs) -> Path:
    """The path of a catalogue of such photographs in the folder for temporary files; it is made at the first call."""
    name = f"diptych-photographs-{wanted.rows}-{wanted.width}x{wanted.height}"
    folder = Path(tempfile.gettempdir(), name)
    if not (folder / CATALOGUE).exists():
        print(f"making {wanted.rows:,} photographs in {folder}", flush=True)
        write_photographs(folder, wanted)
    return folder / CATALOGUE


def write_photographs(folder: Path, wanted: Photographs) -> None:
    """Writes the photographs and then their catalogue, with the same bytes each time."""
    for number in range(0, wanted.rows, _FILES_PER_FOLDER):
        (folder / _name(number)).parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(lambda number: _write_photograph(folder, number, wanted), range(wanted.rows)))
    _write_catalogue(folder, rows)


def copy_images(images: Path, folder: Path, most_rows: int) -> Path:
    """Copies images into a folder and writes their catalogue; a label is the name of the folder an image was in.

    Args:
        images: the folder of the images, which may have folders in it.
        folder: where images and catalogue are written.
        most_rows: the greatest number of images.

    Returns:
        The path of the catalogue.

    Raises:
        BenchmarkError: there is no image.
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
    """A crop of random position, scale, orientation and brightness: uint8 ``[height, width, 3]``, RGB."""
    import cv2

    # The scale is near 1, because a crop that is much enlarged would be smooth and its file small.
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
    arguments = make_parser(__doc__)
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
