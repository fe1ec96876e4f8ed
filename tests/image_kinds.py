"""Image files of every kind that is read, each made by another library than the one that decodes it, and its pixels."""

from __future__ import annotations

import importlib.util
import io
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import png
from PIL import Image, ImageCms

BACKGROUND = "#336699"
_BACKGROUND = np.array([0x33, 0x66, 0x99])
HEIGHT, WIDTH = 48, 80


@dataclass(frozen=True)
class Sample:
    """An image file.

    Attributes:
        data: the file.
        pixels: uint8 ``[height, width, 3]``, upright sRGB, transparent parts over ``BACKGROUND``.
        format: as Pillow names it.
        loss: largest mean absolute difference to ``pixels`` that the format's own loss explains, in levels of 255.
    """

    data: bytes
    pixels: np.ndarray
    format: str
    loss: float = 0


def picture() -> np.ndarray:
    """Smooth colours, uint8 ``[HEIGHT, WIDTH, 3]``, which look different after every rotation and reflection."""
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    channels = [0.1 + 0.8 * x, 0.9 - 0.7 * y, 0.5 + 0.4 * np.sin(5 * x * y + 1)]
    return np.rint(255 * np.stack(channels, axis=-1)).astype(np.uint8)


def grey() -> np.ndarray:
    """The green of ``picture``, ``[HEIGHT, WIDTH]``."""
    return picture()[..., 1]


def alpha() -> np.ndarray:
    """Opacity ``[HEIGHT, WIDTH]`` from 0 to 255."""
    return np.rint(np.linspace(0, 255, HEIGHT * WIDTH)).astype(np.uint8).reshape(HEIGHT, WIDTH)


def as_rgb(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels[..., None], 3, axis=-1)


def over_background(pixels: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    share = opacity[..., None] / 255
    return np.floor(pixels * share + _BACKGROUND * (1 - share) + 0.5).astype(np.uint8)


def by_opencv(suffix: str, pixels: np.ndarray, *settings: int) -> bytes:
    """RGB, RGBA or grey pixels."""
    if pixels.ndim == 3:
        pixels = np.concatenate([pixels[..., 2::-1], pixels[..., 3:]], axis=-1)
    _, file = cv2.imencode(suffix, pixels, settings)
    return file.tobytes()


def jpeg(*settings: int, loss: float = 1.5) -> Sample:
    return Sample(by_opencv(".jpg", picture(), cv2.IMWRITE_JPEG_QUALITY, 97, *settings), picture(), "JPEG", loss)


def subsampled_jpeg(factors: int) -> Sample:
    return jpeg(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factors, loss=2.5)


def grey_jpeg() -> Sample:
    return Sample(by_opencv(".jpg", grey(), cv2.IMWRITE_JPEG_QUALITY, 97), as_rgb(grey()), "JPEG", 1)


def by_pillow(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ink() -> np.ndarray:
    """CMYK ``[HEIGHT, WIDTH, 4]``, 255 for full ink."""
    return np.concatenate([255 - picture(), (grey() // 3)[..., None]], axis=-1)


def inked() -> np.ndarray:
    """The colours of ``ink`` as RGB, computed without a profile."""
    paper = 255 - ink().astype(int)
    return np.rint(paper[..., :3] * paper[..., 3:] / 255).astype(np.uint8)


def cmyk_jpeg() -> Sample:
    image = Image.frombytes("CMYK", (WIDTH, HEIGHT), ink().tobytes())
    return Sample(by_pillow(image, "JPEG", quality=97, subsampling=0), inked(), "JPEG", 1.5)


def cmyk_jpeg_without_marker() -> Sample:
    # Pillow inverts CMYK when it writes, so a file without Adobe's marker needs inverted pixels.
    image = Image.frombytes("CMYK", (WIDTH, HEIGHT), (255 - ink()).tobytes())
    data = by_pillow(image, "JPEG", quality=97, subsampling=0)
    start = data.index(b"\xff\xee")
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    return Sample(data[:start] + data[end:], inked(), "JPEG", 1.5)


def ycck_jpeg() -> Sample:
    """Adobe's marker can say that the first three channels are luma and colour differences (ITU-T T.872, 6.5.3).

    They are those of the red, green and blue that the file's inverted ink is the inverse of: of the ink itself.
    """
    ycc = cv2.cvtColor(ink()[..., :3], cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    stored = np.concatenate([ycc, 255 - ink()[..., 3:]], axis=-1)
    # Pillow inverts CMYK when it writes.
    image = Image.frombytes("CMYK", (WIDTH, HEIGHT), (255 - stored).tobytes())
    data = by_pillow(image, "JPEG", quality=97, subsampling=0)
    transform = data.index(b"Adobe") + 11
    return Sample(data[:transform] + b"\x02" + data[transform + 1 :], inked(), "JPEG", 1.5)


def exif(orientation: int) -> bytes:
    """EXIF data with an orientation and no other tag, big-endian."""
    return b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHHI", 0x0112, 3, 1, orientation, 0, 0)


def with_segment(data: bytes, marker: int, content: bytes) -> bytes:
    """A JPEG file with an additional segment."""
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + data[2:]


def turned(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels that a camera stores for an upright image with an EXIF orientation (EXIF 2.32, section 4.6.4)."""
    turns = {
        1: upright,
        2: np.fliplr(upright),
        3: np.rot90(upright, 2),
        4: np.flipud(upright),
        5: np.swapaxes(upright, 0, 1),
        6: np.rot90(upright),
        7: np.swapaxes(np.rot90(upright, 2), 0, 1),
        8: np.rot90(upright, -1),
    }
    return np.ascontiguousarray(turns[orientation])


def turned_jpeg(orientation: int) -> Sample:
    file = by_opencv(".jpg", turned(picture(), orientation), cv2.IMWRITE_JPEG_QUALITY, 97)
    return Sample(with_segment(file, 0xE1, b"Exif\0\0" + exif(orientation)), picture(), "JPEG", 1.5)


def swapped_profile() -> bytes:
    """An sRGB profile with red and blue exchanged: converting by it swaps these channels."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    table = profile[128:400].replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")
    return profile[:128] + table + profile[400:]


def jpeg_with_profile() -> Sample:
    content = b"ICC_PROFILE\0\x01\x01" + swapped_profile()
    return Sample(with_segment(jpeg().data, 0xE2, content), picture()[..., ::-1], "JPEG", 2.5)


def jpeg_of_several() -> Sample:
    """A multi-picture file (CIPA DC-007), as stereo cameras and phones write it."""
    first, second = (Image.fromarray(pixels) for pixels in (picture(), 255 - picture()))
    data = by_pillow(first, "MPO", save_all=True, append_images=[second], quality=97, subsampling=0)
    return Sample(data, picture(), "JPEG", 1.5)


def by_pypng(rows: Sequence[Sequence[int]] | np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    rows = np.asarray(rows)
    png.Writer(WIDTH, HEIGHT, **options).write(buffer, rows.reshape(HEIGHT, -1).tolist())
    return buffer.getvalue()


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_chunk(data: bytes, following: bytes, name: bytes, content: bytes) -> bytes:
    """A PNG file with an additional chunk in front of the first one of the name ``following``."""
    at = data.index(following) - 4
    return data[:at] + png_chunk(name, content) + data[at:]


def png_file(interlace: bool = False) -> Sample:
    return Sample(by_pypng(picture(), greyscale=False, interlace=interlace), picture(), "PNG")


def palette() -> tuple[np.ndarray, np.ndarray]:
    """64 colours, and the index of each pixel of ``picture``."""
    colours = np.stack(np.meshgrid(*[[0, 85, 170, 255]] * 3, indexing="ij"), axis=-1).reshape(64, 3)
    return colours, picture().astype(int) // 64 @ [16, 4, 1]


def palette_png(bits: int, transparent: bool = False) -> Sample:
    colours, index = palette()
    colours, index = colours[: 1 << bits], index % (1 << bits)
    opacity = np.arange(len(colours)) * 255 // len(colours) if transparent else np.full(len(colours), 255)
    entries = np.concatenate([colours, opacity[:, None]], axis=1) if transparent else colours
    data = by_pypng(index, palette=[tuple(entry) for entry in entries.tolist()], bitdepth=bits)
    return Sample(data, over_background(colours[index], opacity[index]), "PNG")


def deep_png(channels: int) -> Sample:
    """16 bits a sample; the low bytes are noise, which decoding must drop."""
    source = {1: grey()[..., None], 2: np.dstack([grey(), alpha()]), 3: picture(), 4: np.dstack([picture(), alpha()])}
    high = source[channels]
    noise = np.random.default_rng(0).integers(0, 256, high.shape)
    data = by_pypng(high.astype(int) * 256 + noise, greyscale=channels < 3, alpha=channels % 2 == 0, bitdepth=16)
    colour = picture() if channels >= 3 else as_rgb(grey())
    return Sample(data, colour if channels % 2 else over_background(colour, alpha()), "PNG")


def black_and_white_png() -> Sample:
    bits = grey() // 128
    return Sample(by_pypng(bits, greyscale=True, bitdepth=1), as_rgb(bits * 255), "PNG")


def translucent_png(greyscale: bool) -> Sample:
    colour = grey()[..., None] if greyscale else picture()
    data = by_pypng(np.dstack([colour, alpha()]), greyscale=greyscale, alpha=True)
    return Sample(data, over_background(as_rgb(grey()) if greyscale else picture(), alpha()), "PNG")


def png_with_transparent_colour() -> Sample:
    colours, index = palette()
    pixels = colours[index]
    data = by_pypng(pixels, greyscale=False, transparent=tuple(pixels[0, 0].tolist()))
    return Sample(data, over_background(pixels, 255 * (pixels != pixels[0, 0]).any(axis=-1)), "PNG")


def webp(quality: int, loss: float = 0) -> Sample:
    """OpenCV writes lossless WebP for a quality above 100."""
    return Sample(by_opencv(".webp", picture(), cv2.IMWRITE_WEBP_QUALITY, quality), picture(), "WEBP", loss)


def translucent_webp() -> Sample:
    # A lossless file may drop the colour of fully transparent pixels.
    data = by_opencv(".webp", np.dstack([picture(), alpha()]), cv2.IMWRITE_WEBP_QUALITY, 101)
    return Sample(data, over_background(picture(), alpha()), "WEBP")


def gif_file(frames: Sequence[np.ndarray], transparent: int | None = None) -> bytes:
    """A GIF file of frames of palette indices below 64; its LZW stream uses no table (GIF89a specification)."""
    colours, _ = palette()
    height, width = frames[0].shape
    file = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF5, 0, 0) + colours.astype(np.uint8).tobytes()
    for frame in frames:
        if transparent is not None:
            file += b"\x21\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
        file += b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x07"
        # Codes stay at eight bits if the table is cleared (0x80) before it has 256 entries; 0x81 ends the stream.
        codes = frame.astype(np.uint8).tobytes()
        for start in range(0, len(codes), 120):
            block = b"\x80" + codes[start : start + 120]
            file += bytes([len(block)]) + block
        file += b"\x01\x81\0"
    return file + b"\x3b"


def gif(frames: int = 1) -> Sample:
    colours, index = palette()
    return Sample(gif_file([(index + number) % 64 for number in range(frames)]), colours[index].astype(np.uint8), "GIF")


def transparent_gif() -> Sample:
    colours, index = palette()
    hole = int(index[0, 0])
    return Sample(gif_file([index], hole), over_background(colours[index], 255 * (index != hole)), "GIF")


def opencv_file(suffix: str, form: str) -> Sample:
    return Sample(by_opencv(suffix, picture()), picture(), form)


def grey_bmp() -> Sample:
    return Sample(by_opencv(".bmp", grey()), as_rgb(grey()), "BMP")


def deep_tiff(colour: bool) -> Sample:
    high = picture() if colour else grey()
    deep = high.astype(np.uint16) * 256 + np.random.default_rng(0).integers(0, 256, high.shape, np.uint16)
    return Sample(by_opencv(".tiff", deep), picture() if colour else as_rgb(grey()), "TIFF")


def tiff_file(pixels: np.ndarray, photometric: int, orientation: int = 1) -> bytes:
    """Uncompressed uint8 ``[h, w, c]``, in one strip (TIFF 6.0)."""
    height, width, channels = pixels.shape
    after_directory = 8 + 2 + 9 * 12 + 4
    depths = struct.pack(f"<{channels}H", *[8] * channels)
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, channels, after_directory),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, after_directory + len(depths)),
        (274, 3, 1, orientation),
        (277, 3, 1, channels),
        (279, 4, 1, pixels.size),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + directory + b"\0\0\0\0" + depths + pixels.tobytes()


def cmyk_tiff() -> Sample:
    return Sample(tiff_file(ink(), 5), inked(), "TIFF", 0.5)


def turned_tiff() -> Sample:
    return Sample(tiff_file(turned(picture(), 6), 2, 6), picture(), "TIFF")


def avif() -> Sample:
    """Written by libaom, read by dav1d."""
    return Sample(by_pillow(Image.fromarray(picture()), "AVIF", quality=95, subsampling="4:4:4"), picture(), "AVIF", 2)


def heic() -> Sample:
    """Written by x265, read by libde265."""
    import pillow_heif

    file = pillow_heif.from_bytes("RGB", (WIDTH, HEIGHT), picture().tobytes())
    buffer = io.BytesIO()
    file.save(buffer, quality=95, chroma=444)
    return Sample(buffer.getvalue(), picture(), "HEIF", 2)


#: Every kind of image file by name, and what makes one.
KINDS: dict[str, Callable[[], Sample]] = {
    "JPEG": jpeg,
    "JPEG, progressive": partial(jpeg, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "JPEG, restart markers": partial(jpeg, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "JPEG 4:4:4": partial(subsampled_jpeg, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    "JPEG 4:2:2": partial(subsampled_jpeg, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422),
    "JPEG 4:4:0": partial(subsampled_jpeg, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440),
    "JPEG 4:1:1": partial(subsampled_jpeg, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411),
    "JPEG, grey": grey_jpeg,
    "JPEG, CMYK with Adobe marker": cmyk_jpeg,
    "JPEG, CMYK without marker": cmyk_jpeg_without_marker,
    "JPEG, YCCK with Adobe marker": ycck_jpeg,
    **{f"JPEG, EXIF orientation {number}": partial(turned_jpeg, number) for number in range(1, 9)},
    "JPEG, colour profile": jpeg_with_profile,
    "JPEG of several pictures": jpeg_of_several,
    "PNG": png_file,
    "PNG, interlaced": partial(png_file, interlace=True),
    "PNG, palette of 4": partial(palette_png, 2),
    "PNG, palette of 64": partial(palette_png, 6 + 2),
    "PNG, palette with alpha": partial(palette_png, 4, transparent=True),
    "PNG, black and white": black_and_white_png,
    "PNG, 16-bit grey": partial(deep_png, 1),
    "PNG, 16-bit grey and alpha": partial(deep_png, 2),
    "PNG, 16-bit colour": partial(deep_png, 3),
    "PNG, 16-bit colour and alpha": partial(deep_png, 4),
    "PNG, grey and alpha": partial(translucent_png, True),
    "PNG, colour and alpha": partial(translucent_png, False),
    "PNG, transparent colour": png_with_transparent_colour,
    "WebP, lossy": partial(webp, 95, loss=3),
    "WebP, lossless": partial(webp, 101),
    "WebP, alpha": translucent_webp,
    "GIF": gif,
    "GIF, transparent": transparent_gif,
    "GIF, animated": partial(gif, 3),
    "BMP": partial(opencv_file, ".bmp", "BMP"),
    "BMP, grey": grey_bmp,
    "TIFF": partial(opencv_file, ".tiff", "TIFF"),
    "TIFF, CMYK": cmyk_tiff,
    "TIFF, 16-bit grey": partial(deep_tiff, False),
    "TIFF, 16-bit colour": partial(deep_tiff, True),
    "TIFF, orientation 6": turned_tiff,
    "AVIF": avif,
}
if importlib.util.find_spec("pillow_heif"):
    KINDS["HEIC"] = heic
