"""Malformed files by the hundred: each is refused with a fitting reason or read; none crashes, hangs, eats memory."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import resource
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image

from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.image_files import decode_image
from diptych.components.catalogue.options import Limits
from diptych.components.catalogue.reasons import REASONS
from diptych.models.images.options import ImageOptions
from diptych.models.machine_memory import peak_memory
from tests.helpers import as_file
from tests.image_kinds import KINDS, gif_file, jpeg_of_several, png_chunk, tiff_file, with_segment
from tests.paths import ROOT

OPTIONS = ImageOptions(height=24, width=32)
LIMITS = Limits(memory_mb=900, frames=1000)
SECONDS_EACH = 5.0
SECONDS_ALL = 240
ADDRESS_SPACE = 3 << 30
# Python and the libraries take a tenth of it.
RESIDENT_BYTES = 600 << 20
BROKEN = frozenset({"truncated", "corrupt"})
REFUSED = frozenset(REASONS)
# The outcome of a file that is read although it is malformed.
READ = "read"
ANY = REFUSED | {READ}


@dataclass(frozen=True)
class Case:
    """A malformed file, and the outcomes that are allowed: reasons of a reject, or ``READ``."""

    family: str
    data: bytes
    allowed: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    what: str
    detail: str
    shape: tuple[int, ...]
    seconds: float


def whole_files() -> dict[str, bytes]:
    names = ["JPEG", "JPEG, progressive", "PNG", "GIF", "BMP", "TIFF", "WebP, lossy", "WebP, lossless", "AVIF"]
    return {name: KINDS[name]().data for name in [*names, "HEIC"] if name in KINDS}


def truncated() -> Iterator[Case]:
    for name, data in whole_files().items():
        for tenth in range(1, 10):
            part = data[: len(data) * tenth // 10]
            # AVIF's and HEIC's boxes say where the data lies; without them, decoders cannot tell that some is missing.
            allowed = BROKEN | {"not_an_image"} if name in ("AVIF", "HEIC") else BROKEN
            yield Case(f"{name}, truncated", part, allowed)
            if name.startswith("JPEG"):
                yield Case(f"{name}, truncated and ended", part + b"\xff\xd9", BROKEN)


def flipped_headers() -> Iterator[Case]:
    for data in whole_files().values():
        for place in range(24):
            yield Case("flipped header", data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :], ANY)


def zeroed() -> Iterator[Case]:
    for data in whole_files().values():
        for tenth in range(1, 10):
            start = len(data) * tenth // 10
            yield Case("zeroed stretch", data[:start] + bytes(16) + data[start + 16 :], ANY)
        yield Case("zeroed beginning", bytes(64) + data[64:], frozenset({"not_an_image"}))
    for length in (1, 11, 100, 100_000):
        yield Case("nothing but zeros", bytes(length), frozenset({"not_an_image"}))
    yield Case("nothing", b"", frozenset({"empty_file"}))


def flipped_bits() -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for data in whole_files().values():
        for count in (1, 2, 5, 20, 100):
            changed = bytearray(data)
            for place in rng.integers(0, len(data), count):
                changed[place] ^= 1 << int(rng.integers(8))
            yield Case("flipped bits", bytes(changed), ANY)


def other_beginnings() -> Iterator[Case]:
    """A file that begins as one format and goes on as another."""
    files = whole_files()
    for head in files.values():
        for rest in files.values():
            if head[:4] != rest[:4]:
                yield Case("other beginning", head[:16] + rest[16:], REFUSED)
    for data in files.values():
        yield Case("text before the file", b"\r\n\r\n" + data, frozenset({"not_an_image"}))
        yield Case("junk after the file", data + b"junk" * 100, frozenset({READ}))


def png_of(*chunks: bytes, width: int = 32, height: int = 24, pixels: bytes | None = None) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(bytes((width + 1) * height)) if pixels is None else pixels)
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + body + png_chunk(b"IEND", b"")


def patched(data: bytes, place: int, content: bytes) -> bytes:
    return data[:place] + content + data[place + len(content) :]


def giants() -> Iterator[Case]:
    files = whole_files()
    frame = files["JPEG"].index(b"\xff\xc0") + 5
    progressive = files["JPEG, progressive"].index(b"\xff\xc2") + 5
    plain_tiff = tiff_file(np.zeros((24, 32, 3), np.uint8), 2)
    huge = struct.pack(">HH", 65_500, 65_500)
    canvas = struct.pack("<I", 16_383)[:3] * 2
    names = [
        png_of(width=50_000, height=50_000, pixels=b""),
        png_of(width=2**31 - 1, height=2**31 - 1, pixels=b""),
        patched(files["GIF"], 6, b"\xff\xff\xff\xff"),
        patched(files["BMP"], 18, struct.pack("<ii", 60_000, 60_000)),
        patched(files["BMP"], 18, struct.pack("<ii", 60_000, -60_000)),
        patched(plain_tiff, 8 + 2 + 8, struct.pack("<I", 10_000_000)),
        patched(patched(plain_tiff, 8 + 2 + 8, b"\xff\xff\xff\x7f"), 8 + 2 + 12 + 8, b"\xff\xff\xff\x7f"),
        patched(files["JPEG"], frame, huge),
        patched(files["JPEG, progressive"], progressive, huge),
        b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas,
    ]
    for data in names:
        yield Case("giant", data, frozenset({"too_much_memory", "truncated", "corrupt", "unsupported_image"}))
    # A plain JPEG file may be decoded at an eighth of its size.
    for data in [*names[:3], *names[5:6], *names[8:9]]:
        yield Case("giant by its header alone", data, frozenset({"too_much_memory"}))
    # A size within the limit, but not that of the data.
    small_frame = patched(files["GIF"], 6, struct.pack("<HH", 5000, 5000))
    yield Case("canvas larger than the frame", small_frame, frozenset({READ}))
    for data in (
        png_of(width=5000, height=5000, pixels=zlib.compress(bytes(5000))),
        patched(files["BMP"], 18, struct.pack("<ii", 5000, 5000)),
        patched(files["JPEG"], frame, struct.pack(">HH", 5000, 5000)),
        patched(files["JPEG, progressive"], progressive, struct.pack(">HH", 5000, 5000)),
    ):
        yield Case("size that the pixels do not fill", data, BROKEN)
    for data in (
        png_of(width=0, height=24),
        patched(files["BMP"], 18, struct.pack("<ii", 0, 0)),
        patched(files["JPEG"], frame, bytes(4)),
        patched(plain_tiff, 8 + 2 + 8, bytes(4)),
        png_of(width=1, height=1),
    ):
        yield Case("hardly a pixel", data, BROKEN | {"too_small", "unsupported_image"})


def archives() -> Iterator[Case]:
    inner = whole_files()["PNG"]
    for _ in range(3):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("image.png", inner)
        inner = buffer.getvalue()
        yield Case("archive", inner, frozenset({"not_an_image"}))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("image.png")
        entry.size = len(inner)
        tar.addfile(entry, io.BytesIO(inner))
    yield Case("archive", buffer.getvalue(), frozenset({"not_an_image"}))
    yield Case("archive", gzip.compress(buffer.getvalue()), frozenset({"not_an_image"}))
    yield Case("archive", gzip.compress(bytes(10_000_000)), frozenset({"not_an_image"}))


def texts() -> Iterator[Case]:
    for text in (
        "<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "<html><head><title>Sign in</title></head></html>",
        "\n  <HTML>",
        '{"error": "not found"}',
        '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "image,description,label\na.jpg,b,c\n",
        "data:image/png;base64,iVBORw0KGgo=",
        "\ufeff\u0000",
        "a",
    ):
        yield Case("text", text.encode(), frozenset({"not_an_image"}))
        yield Case("text", text.encode("utf-16"), frozenset({"not_an_image"}))


def many_scans() -> Iterator[Case]:
    """A JPEG file of many scans: each has a few bytes, but costs a pass over the whole image."""
    data = whole_files()["JPEG, progressive"]
    start = data.rindex(b"\xff\xda")
    for count in (200, 20_000):
        yield Case("many scans", data[:start] + data[start:-2] * count + data[-2:], frozenset({"too_slow"}))


def bombs() -> Iterator[Case]:
    zeros = zlib.compress(bytes(100_000_000), 9)
    megabyte = zlib.compress(bytes(1_000_000), 9)
    allowed = BROKEN | {READ}
    yield Case("compressed text", png_of(png_chunk(b"zTXt", b"a\0\0" + zeros)), allowed)
    yield Case("compressed text", png_of(png_chunk(b"iTXt", b"a\0\x01\0\0\0" + zeros)), allowed)
    yield Case("compressed text", png_of(*[png_chunk(b"zTXt", b"%d\0\0" % n + megabyte) for n in range(200)]), allowed)
    yield Case("compressed profile", png_of(png_chunk(b"iCCP", b"a\0\0" + zeros)), allowed)
    yield Case("more pixels than declared", png_of(pixels=zeros), allowed)
    yield Case("many chunks", png_of(*[png_chunk(b"tEXt", b"a\0b")] * 20_000), allowed)
    jpeg = whole_files()["JPEG"]
    yield Case("large profile", with_segment(jpeg, 0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(60_000)), frozenset({READ}))
    many = b"".join(b"\xff\xe1" + struct.pack(">H", 60_002) + b"Exif\0\0" + bytes(59_994) for _ in range(100))
    yield Case("much metadata", jpeg[:2] + many + jpeg[2:], allowed)
    looped = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIII", 0x8769, 4, 1, 8, 8)
    yield Case("metadata that refers to itself", with_segment(jpeg, 0xE1, b"Exif\0\0" + looped), frozenset({READ}))
    endless = (
        b"BM"
        + struct.pack("<IHHI", 0, 0, 0, 1078)
        + struct.pack("<IiiHHIIiiII", 40, 5000, 5000, 1, 8, 1, 0, 0, 0, 256, 0)
    )
    yield Case("run lengths that go nowhere", endless + bytes(1024) + b"\0\0" * 100_000, allowed)


def many_frames() -> Iterator[Case]:
    animated = frozenset({"animated"})
    dot = np.zeros((24, 32), int)
    yield Case("many frames", gif_file([dot] * 3000), animated)
    control = png_chunk(b"acTL", struct.pack(">II", 100_000, 0))
    yield Case("many frames", png_of(control), animated)
    page = tiff_file(np.zeros((24, 32, 3), np.uint8), 2)
    directory = page[8 : 8 + 2 + 9 * 12]
    chain = page[: 8 + 2 + 9 * 12]
    body = page[8 + 2 + 9 * 12 + 4 :]
    first_next = len(chain)
    pages = b"".join(
        directory + struct.pack("<I", first_next + 4 + len(body) + (number + 1) * (len(directory) + 4))
        for number in range(3000)
    )
    yield Case("many pages", chain + struct.pack("<I", first_next + 4 + len(body)) + body + pages, animated)
    yield Case("pages that refer to themselves", chain + struct.pack("<I", 8) + body, animated | {READ})
    yield Case("a page that is not there", chain + struct.pack("<I", 10_000_000) + body, frozenset({READ}))
    several = jpeg_of_several().data
    yield Case("several pictures, broken index", several.replace(b"MPF\0", b"MPF\1"), frozenset({READ}))
    frames = [Image.new("RGB", (32, 24), (number % 256, number // 256, 0)) for number in range(1001)]
    webp = as_file(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, quality=0, method=0)
    yield Case("many frames", webp, animated)


def lies_about_places() -> Iterator[Case]:
    page = tiff_file(np.zeros((24, 32, 3), np.uint8), 2)
    for place in (4, 8):
        for value in (0, 1, 2**31, 2**32 - 1):
            yield Case("directory elsewhere", patched(page, place, struct.pack("<I", value)), ANY)
    for entry in range(9):
        for value in (0, 2**16, 2**32 - 1):
            yield Case("directory of nonsense", patched(page, 8 + 2 + 12 * entry + 8, struct.pack("<I", value)), ANY)
    for name in ("AVIF", "HEIC"):
        data = whole_files().get(name, whole_files()["AVIF"])
        for place in range(0, 400, 16):
            yield Case("box of nonsense", patched(data, place, b"\xff\xff\xff\xff"), ANY)


FAMILIES = [
    truncated,
    flipped_headers,
    zeroed,
    flipped_bits,
    other_beginnings,
    giants,
    archives,
    texts,
    many_scans,
    bombs,
    many_frames,
    lies_about_places,
]


def judge(data: bytes) -> Outcome:
    start = time.monotonic()
    try:
        picture = decode_image(data, OPTIONS, LIMITS)
    except ImageError as error:
        return Outcome(error.reason, error.detail, (), time.monotonic() - start)
    return Outcome(READ, "", picture.pixels.shape, time.monotonic() - start)


def main() -> None:
    """Runs in a process of bounded memory: decodes files, and writes their outcomes and its peak memory."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    outcomes = [judge(data) for data in pickle.load(sys.stdin.buffer)]
    # Not by getrusage, which also counts the process that started this one.
    json.dump({"outcomes": [vars(outcome) for outcome in outcomes], "most": peak_memory()}, sys.stdout)


@pytest.fixture(scope="module")
def corpus() -> list[Case]:
    return [case for family in FAMILIES for case in family()]


@pytest.fixture(scope="module")
def answer(corpus: list[Case]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", f"from {__spec__.name} import main; main()"],
        input=pickle.dumps([case.data for case in corpus]),
        capture_output=True,
        cwd=ROOT,
        timeout=SECONDS_ALL,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    # libtiff prints messages about broken files; Python must print nothing.
    assert b"Warning" not in done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def outcomes(answer: dict[str, Any]) -> list[Outcome]:
    return [Outcome(**outcome) for outcome in answer["outcomes"]]


def test_there_are_enough_files_and_no_two_alike(corpus: list[Case]) -> None:
    assert len({case.data for case in corpus}) >= 600


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_each_file_is_read_or_refused_with_a_fitting_reason(
    family: Callable[[], Iterator[Case]], corpus: list[Case], outcomes: list[Outcome]
) -> None:
    names = {case.family for case in family()}
    wrong = [
        (case.family, len(case.data), outcome.what, outcome.detail, sorted(case.allowed))
        for case, outcome in zip(corpus, outcomes, strict=True)
        if case.family in names and outcome.what not in case.allowed
    ]
    assert not wrong


def test_what_is_read_is_a_whole_picture(outcomes: list[Outcome]) -> None:
    assert {tuple(outcome.shape) for outcome in outcomes if outcome.what == READ} == {(24, 32, 3)}
    assert all(outcome.detail for outcome in outcomes if outcome.what != READ)


def test_no_file_takes_long(corpus: list[Case], outcomes: list[Outcome]) -> None:
    slow = [
        (case.family, outcome.seconds)
        for case, outcome in zip(corpus, outcomes, strict=True)
        if outcome.seconds > SECONDS_EACH
    ]
    assert not slow


def test_no_file_fills_the_memory(answer: dict[str, Any]) -> None:
    assert answer["most"] < RESIDENT_BYTES
