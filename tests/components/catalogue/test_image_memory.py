"""What decoding an image takes is computed from its header, before any pixel is decoded."""

from __future__ import annotations

import ctypes
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.options import Limits
from diptych.components.catalogue.reasons import REASONS
from diptych.models.images.options import ImageOptions
from tests.image_kinds import by_opencv, by_pillow, png_chunk, swapped_profile

HEIGHT, WIDTH = 800, 1200
OPTIONS = ImageOptions(background="#336699")
# Computed and measured differ by no more.
LEAST, MOST = 0.9, 1.8
# Bytes that are added for libraries, whatever the picture.
FOR_ANY = 12_000_000


def grey() -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return ((x // 7 + y // 5) % 256).astype(np.uint8)


def rgb() -> np.ndarray:
    return np.stack([grey(), 255 - grey(), grey() // 2], axis=-1)


def rgba() -> np.ndarray:
    return np.dstack([rgb(), grey()])


def deep(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint16) * 257


def pillow(pixels: np.ndarray, form: str, mode: str | None = None, **options: object) -> bytes:
    image = Image.fromarray(pixels)
    return by_pillow(image.convert(mode) if mode else image, form, **options)


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: pillow(rgb(), "JPEG"),
    "JPEG, progressive": lambda: pillow(rgb(), "JPEG", progressive=True, subsampling=0),
    "JPEG, grey": lambda: pillow(grey(), "JPEG"),
    "JPEG, CMYK, progressive": lambda: pillow(rgb(), "JPEG", "CMYK", progressive=True),
    "JPEG, profile": lambda: pillow(rgb(), "JPEG", icc_profile=swapped_profile()),
    "PNG, black and white": lambda: pillow(grey(), "PNG", "1"),
    "PNG, grey": lambda: pillow(grey(), "PNG"),
    "PNG, grey and alpha": lambda: pillow(rgba(), "PNG", "LA"),
    "PNG, palette": lambda: pillow(rgb(), "PNG", "P"),
    "PNG, palette with alpha": lambda: pillow(rgb(), "PNG", "P", transparency=3),
    "PNG, colour": lambda: pillow(rgb(), "PNG", compress_level=1),
    "PNG, colour and profile": lambda: pillow(rgb(), "PNG", compress_level=1, icc_profile=swapped_profile()),
    "PNG, colour and alpha": lambda: pillow(rgba(), "PNG", compress_level=1),
    "PNG, 16-bit grey": lambda: by_opencv(".png", deep(grey())),
    "PNG, 16-bit colour and alpha": lambda: by_opencv(".png", deep(rgba())),
    "WebP, lossy": lambda: pillow(rgb(), "WEBP", method=0),
    "WebP, alpha": lambda: pillow(rgba(), "WEBP", method=0),
    "WebP, lossless": lambda: pillow(rgb(), "WEBP", lossless=True, method=0, quality=0),
    "GIF": lambda: pillow(rgb(), "GIF", "P"),
    "BMP": lambda: pillow(rgb(), "BMP"),
    "BMP, grey": lambda: pillow(grey(), "BMP"),
    "TIFF": lambda: pillow(rgb(), "TIFF"),
    "TIFF, compressed, in one strip": lambda: pillow(rgb(), "TIFF", compression="tiff_lzw", tiffinfo={278: HEIGHT}),
    "TIFF, 16-bit colour": lambda: by_opencv(".tiff", deep(rgb()), cv2.IMWRITE_TIFF_ROWSPERSTRIP, HEIGHT),
    "TIFF, CMYK": lambda: pillow(rgb(), "TIFF", "CMYK"),
    "AVIF": lambda: pillow(rgb(), "AVIF", speed=10, quality=30),
    "AVIF, alpha": lambda: pillow(rgba(), "AVIF", speed=10, quality=30),
}


def peak_memory() -> int:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def measure(data: bytes) -> int:
    """The bytes by which the memory of a process grows that decodes a file."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        # Memory that was given back, but is kept for the process, must not hide what is taken.
        Image.core.clear_cache()  # type: ignore[attr-defined]
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = peak_memory()
        decode_image(data, OPTIONS, Limits())
        os.write(writer, json.dumps(peak_memory() - before).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as answer:
        taken = int(answer.read())
    os.waitpid(pid, 0)
    return taken


def computed(data: bytes, monkeypatch: pytest.MonkeyPatch) -> int:
    needed: list[int] = []
    with monkeypatch.context() as context:
        context.setattr("diptych.components.catalogue.image_files.check_memory", lambda taken, *_: needed.append(taken))
        decode_image(data, OPTIONS, Limits())
    return needed[0]


@pytest.mark.promise("The memory that decoding an image takes is computed from its header, and limited, in each format")
def test_the_memory_of_each_kind_is_computed_rightly(
    monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    factors = {}
    for kind, make in FILES.items():
        data = make()
        needed, taken = computed(data, monkeypatch), measure(data)
        assert LEAST * taken <= needed <= MOST * taken + FOR_ANY, (kind, needed, taken)
        if taken > FOR_ANY:
            factors[kind] = needed / taken
    least, most = min(factors.values()), max(factors.values())
    record_property("figure", f"{len(factors)} kinds of files: computed {least:.2f} to {most:.2f} times what they took")


def large_webp() -> bytes:
    """The header of a lossless file of the greatest size, 14 bits a side, that has the pixels of a small one."""
    data = bytearray(pillow(np.zeros((64, 64, 3), np.uint8), "WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    sides = int.from_bytes(data[at : at + 4], "little") | (1 << 28) - 1
    data[at : at + 4] = sides.to_bytes(4, "little")
    return bytes(data)


def large_png() -> bytes:
    """A file of 16-bit RGBA without a pixel."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 16, 6, 0, 0, 0))
        + png_chunk(b"IDAT", b"")
    )


@pytest.mark.parametrize("make", [large_webp, large_png])
def test_a_small_file_of_a_large_picture_is_refused_with_the_limit(make: Callable[[], bytes]) -> None:
    content = make()
    assert len(content) < 200
    with pytest.raises(ImageError, match="MB to decode, 800 MB are allowed") as caught:
        decode_image(content, OPTIONS, Limits())
    assert caught.value.reason == "too_much_memory"
    assert "data.limits.memory_mb" in REASONS[caught.value.reason]


def test_a_large_photograph_is_decoded_at_a_fraction_of_its_size() -> None:
    content = pillow(np.zeros((4000, 3000, 3), np.uint8), "JPEG")
    assert decode_image(content, OPTIONS, Limits(memory_mb=24)).jpeg_ratio == 8
