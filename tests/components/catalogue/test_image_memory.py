"""What decoding an image takes is computed from its header, before any pixel is decoded."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from PIL import Image

from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.options import Limits
from diptych.components.catalogue.reasons import REASONS
from diptych.models.images.options import ImageOptions
from diptych.models.machine_memory import peak_memory, release_memory, restart_peak_memory
from tests.image_kinds import by_opencv, by_pillow, png_chunk, swapped_profile

HEIGHT, WIDTH = SHAPE = 800, 1200
SMALL = 64, 96
OPTIONS = ImageOptions(background="#336699")
# Computed and measured differ by no more.
LEAST, MOST = 0.9, 1.8
# Bytes that are added for libraries and for what memory is rounded up to, whatever the picture.
FOR_ANY = 13_000_000


def grey(shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    return ((x // 7 + y // 5) % 256).astype(np.uint8)


def rgb(shape: tuple[int, int]) -> np.ndarray:
    return np.stack([grey(shape), 255 - grey(shape), grey(shape) // 2], axis=-1)


def rgba(shape: tuple[int, int]) -> np.ndarray:
    return np.dstack([rgb(shape), grey(shape)])


def deep(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint16) * 257


def pillow(pixels: np.ndarray, form: str, mode: str | None = None, **options: object) -> bytes:
    image = Image.fromarray(pixels)
    return by_pillow(image.convert(mode) if mode else image, form, **options)


#: Makes a file of each kind with a picture of a given height and width.
FILES: dict[str, Callable[[tuple[int, int]], bytes]] = {
    "JPEG": lambda shape: pillow(rgb(shape), "JPEG"),
    "JPEG, progressive": lambda shape: pillow(rgb(shape), "JPEG", progressive=True, subsampling=0),
    "JPEG, grey": lambda shape: pillow(grey(shape), "JPEG"),
    "JPEG, CMYK, progressive": lambda shape: pillow(rgb(shape), "JPEG", "CMYK", progressive=True),
    "JPEG, profile": lambda shape: pillow(rgb(shape), "JPEG", icc_profile=swapped_profile()),
    "PNG, black and white": lambda shape: pillow(grey(shape), "PNG", "1"),
    "PNG, grey": lambda shape: pillow(grey(shape), "PNG"),
    "PNG, grey and alpha": lambda shape: pillow(rgba(shape), "PNG", "LA"),
    "PNG, palette": lambda shape: pillow(rgb(shape), "PNG", "P"),
    "PNG, palette with alpha": lambda shape: pillow(rgb(shape), "PNG", "P", transparency=3),
    "PNG, colour": lambda shape: pillow(rgb(shape), "PNG", compress_level=1),
    "PNG, colour and profile": lambda shape: pillow(rgb(shape), "PNG", compress_level=1, icc_profile=swapped_profile()),
    "PNG, colour and alpha": lambda shape: pillow(rgba(shape), "PNG", compress_level=1),
    "PNG, 16-bit grey": lambda shape: by_opencv(".png", deep(grey(shape))),
    "PNG, 16-bit colour and alpha": lambda shape: by_opencv(".png", deep(rgba(shape))),
    "WebP, lossy": lambda shape: pillow(rgb(shape), "WEBP", method=0),
    "WebP, alpha": lambda shape: pillow(rgba(shape), "WEBP", method=0),
    "WebP, lossless": lambda shape: pillow(rgb(shape), "WEBP", lossless=True, method=0, quality=0),
    "GIF": lambda shape: pillow(rgb(shape), "GIF", "P"),
    "BMP": lambda shape: pillow(rgb(shape), "BMP"),
    "BMP, grey": lambda shape: pillow(grey(shape), "BMP"),
    "TIFF": lambda shape: pillow(rgb(shape), "TIFF"),
    "TIFF, compressed, in one strip": lambda shape: pillow(
        rgb(shape), "TIFF", compression="tiff_lzw", tiffinfo={278: HEIGHT}
    ),
    "TIFF, 16-bit colour": lambda shape: by_opencv(".tiff", deep(rgb(shape)), cv2.IMWRITE_TIFF_ROWSPERSTRIP, HEIGHT),
    "TIFF, CMYK": lambda shape: pillow(rgb(shape), "TIFF", "CMYK"),
    "AVIF": lambda shape: pillow(rgb(shape), "AVIF", speed=10, quality=30),
    "AVIF, alpha": lambda shape: pillow(rgba(shape), "AVIF", speed=10, quality=30),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """OpenCV without threads of its own: a process that is forked waits for them for ever, for it has none."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


def measure(data: bytes, like: bytes) -> int:
    """The bytes by which the memory of a process grows that decodes a file.

    Args:
        like: a small file of the same kind, decoded before: the decoders' code is in memory then, of which the kernel
            maps as much at a time as it likes.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        decode_image(like, OPTIONS, Limits())
        # Memory that was given back, but is kept for the process, must not hide what is taken.
        Image.core.clear_cache()  # type: ignore[attr-defined]
        release_memory()
        restart_peak_memory()
        before = peak_memory() or 0
        decode_image(data, OPTIONS, Limits())
        os.write(writer, json.dumps((peak_memory() or 0) - before).encode())
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
        data = make(SHAPE)
        needed, taken = computed(data, monkeypatch), measure(data, make(SMALL))
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
