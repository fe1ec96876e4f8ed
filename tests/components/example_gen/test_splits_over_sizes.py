"""The split of each row is the same at every stored size, and however else its image is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from diptych.components.catalogue.catalogue import Catalogue
from diptych.components.catalogue.options import DataOptions
from diptych.components.catalogue.records import RecordOptions
from diptych.components.example_gen.assignment import Assignment, assign_splits
from diptych.components.example_gen.duplicates import KEPT
from diptych.components.example_gen.record_index import ChunkIndexBuilder, IndexedRecord, index_records
from diptych.models.images.options import ImageOptions
from tests.helpers import as_file, write_catalogue
from tests.image_kinds import exif, with_segment

PICTURES = 30
SIZES = [ImageOptions(height=side, width=side) for side in (32, 64, 96, 128)]
WAYS_TO_STORE = [
    *SIZES,
    ImageOptions(height=96, width=96, aspect="pad", background="#000000"),
    ImageOptions(height=64, width=96, aspect="crop", filter="lanczos"),
    ImageOptions(height=128, width=128, encoding="png", filter="bilinear"),
    ImageOptions(height=96, width=64, encoding="jpeg", filter="bicubic", background="#336699"),
]


def photographs() -> Iterator[np.ndarray]:
    """Crops of scikit-learn's photographs, uint8 ``[h, w, 3]``, each of another size."""
    random = np.random.default_rng(0)
    for number in range(PICTURES):
        height, width = random.integers(100, 300, 2)
        top, left = random.integers(0, 427 - height), random.integers(0, 640 - width)
        yield np.ascontiguousarray(load_sample_images().images[number % 2][top : top + height, left : left + width])


def lossless_files(image: Image.Image) -> list[tuple[str, bytes]]:
    """Files of equal pixels."""
    return [
        ("png", as_file(image, "PNG", compress_level=1)),
        ("png", as_file(image, "PNG", compress_level=9, dpi=(72, 72))),
        ("bmp", as_file(image, "BMP")),
        ("tiff", as_file(image, "TIFF", compression="tiff_lzw")),
        ("webp", as_file(image, "WEBP", lossless=True, method=0)),
    ]


def files_of(number: int, pixels: np.ndarray) -> list[tuple[str, bytes]]:
    """Some files, with their endings, of a picture: equal ones, and ones that nearly are."""
    image = Image.fromarray(pixels)
    if number % 3 == 0:
        jpeg = as_file(image, "JPEG", quality=85)
        smaller = as_file(image, "JPEG", quality=70)
        return [("jpg", jpeg), ("jpg", with_segment(jpeg, 0xE1, b"Exif\0\0" + exif(1))), ("jpg", smaller)]
    if number % 3 == 1:
        return [*lossless_files(image)[number // 3 % 4 :], ("jpg", as_file(image, "JPEG", quality=90))]
    if number % 2:
        return [("gif", as_file(image.quantize(64), "GIF")), ("png", as_file(image.quantize(64).convert("RGB")))]
    alpha = np.repeat(np.linspace(0, 255, image.width, dtype=np.uint8)[None], image.height, axis=0)
    image.putalpha(Image.fromarray(alpha))
    return [
        ("png", as_file(image)),
        ("webp", as_file(image, "WEBP", lossless=True, exact=True)),
        ("png", as_file(image)),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    rows = []
    for number, pixels in enumerate(photographs()):
        for copy, (ending, content) in enumerate(files_of(number, pixels)):
            (folder / f"{number}-{copy}.{ending}").write_bytes(content)
            text = f"picture {number}" if copy < 2 else f"copy {copy} of picture {number}"
            rows.append({"image": f"{number}-{copy}.{ending}", "description": text, "label": "ab"[number % 2]})
    write_catalogue(folder, rows)
    return folder


def assign(folder: Path, image: ImageOptions, **options: Any) -> Assignment:
    data = DataOptions(catalogue=str(folder / "catalogue.csv"), **options)
    catalogue = Catalogue.open(data)
    indexes = []
    for chunk in catalogue.chunks(str(folder)):
        builder = ChunkIndexBuilder(chunk)
        source = catalogue.source_file(chunk.source)
        for result in index_records(list(catalogue.read(chunk)), source, RecordOptions(data, image), ""):
            assert isinstance(result, IndexedRecord)
            builder.add(result)
        indexes.append(builder.build())
    return assign_splits(indexes, data)


@pytest.mark.parametrize("duplicates", [{}, {"exact": "drop"}, {"near": "together"}, {"near": "drop"}], ids=str)
def test_how_images_are_stored_moves_no_row(folder: Path, duplicates: dict[str, str]) -> None:
    found = [assign(folder, image, duplicates=duplicates) for image in WAYS_TO_STORE]
    first, *others = found
    for other in others:
        assert other.split.tolist() == first.split.tolist()
        assert other.reason.tolist() == first.reason.tolist()
        assert other.original.tolist() == first.original.tolist()
    assert len(set(first.split[first.reason == KEPT].tolist())) == 3
    # More copies are found if they need only be nearly equal.
    assert np.count_nonzero(first.reason != KEPT) >= (PICTURES if "drop" in duplicates.values() else PICTURES // 2)


def test_equal_pictures_in_other_files_share_a_split_at_every_size(folder: Path) -> None:
    names = [row.split(",")[0] for row in (folder / "catalogue.csv").read_text().splitlines()[1:]]
    for image in SIZES:
        kept = assign(folder, image, duplicates={"exact": "drop"})
        repeated = {names[place] for place in np.flatnonzero(kept.reason != KEPT)}
        # The second file of each picture has equal pixels, or is the same JPEG picture with other metadata.
        assert {f"{number}-1" for number in range(PICTURES)} <= {name.partition(".")[0] for name in repeated}
