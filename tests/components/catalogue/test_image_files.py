"""Image files of every kind are decoded to the right pixels, and the stored pixels are measured correctly."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from sklearn.datasets import load_sample_images

from diptych.components.catalogue.image_errors import ImageError
from diptych.components.catalogue.image_files import decode_image, encode_pixels
from diptych.components.catalogue.options import Limits
from diptych.components.catalogue.reasons import REASONS
from diptych.models.images.geometry import jpeg_downscaling_ratio
from diptych.models.images.options import ImageOptions
from tests import image_kinds
from tests.helpers import as_file, noise
from tests.image_kinds import BACKGROUND, HEIGHT, KINDS, WIDTH

LIMITS = Limits()
OWN_SIZE = ImageOptions(height=12, width=14)
FILTERS = ["area", "bilinear", "bicubic", "lanczos"]


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference of pixels, in levels of 255."""
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def photographs() -> Iterator[np.ndarray]:
    """Crops of 375 x 500 pixels of the two photographs that come with scikit-learn."""
    for photograph in load_sample_images().images:
        for top, left in ((0, 0), (26, 70), (52, 140)):
            yield np.ascontiguousarray(photograph[top : top + 375, left : left + 500])


def refusal(data: bytes, options: ImageOptions = OWN_SIZE, limits: Limits = LIMITS) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode_image(data, options, limits)
    assert caught.value.reason in REASONS
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_read(kind: str) -> None:
    sample = KINDS[kind]()
    options = ImageOptions(height=HEIGHT, width=WIDTH, background=BACKGROUND)
    decoded = decode_image(sample.data, options, LIMITS)
    assert distance(decoded.pixels, sample.pixels) <= sample.loss
    assert (decoded.width, decoded.height, decoded.format) == (WIDTH, HEIGHT, sample.format)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_shrunk(kind: str) -> None:
    sample = KINDS[kind]()
    options = ImageOptions(height=HEIGHT // 4, width=WIDTH // 4, background=BACKGROUND)
    decoded = decode_image(sample.data, options, LIMITS)
    shrunk = sample.pixels.reshape(options.height, 4, options.width, 4, 3).mean(axis=(1, 3))
    # libjpeg combines pixels with other weights than an average, and shrinks subsampled colours once more.
    assert distance(decoded.pixels, shrunk) <= 2 * sample.loss + 1.5
    assert (decoded.width, decoded.height) == (WIDTH, HEIGHT)


def test_heic_is_refused_in_plain_words_where_its_decoder_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.components.catalogue import image_headers

    openers = {name: opener for name, opener in image_headers.openers().items() if name in ("JPEG", "PNG")}
    monkeypatch.setattr(image_headers, "openers", lambda: openers)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    error = refusal(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic")
    assert (error.reason, error.detail) == ("unsupported_image", "HEIF is not read")


@settings(max_examples=30, deadline=None)
@given(colour=st.integers(0, 255), alpha=st.integers(0, 255), background=st.integers(0, 255))
def test_alpha_blends_to_the_nearest_level(colour: int, alpha: int, background: int) -> None:
    image = Image.new("RGBA", (8, 8), (colour, 0, 255, alpha))
    options = ImageOptions(height=8, width=8, background=f"#{background:02x}{background:02x}{background:02x}")
    red = int(decode_image(as_file(image), options, LIMITS).pixels[0, 0, 0])
    assert abs(red - (colour * alpha + background * (255 - alpha)) / 255) <= 0.5


def test_large_translucent_images_are_flattened_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.components.catalogue import image_colours

    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 40, 4), np.uint8), "RGBA")
    options = ImageOptions(height=50, width=40, background=BACKGROUND)
    at_once = decode_image(as_file(image), options, LIMITS).pixels
    monkeypatch.setattr(image_colours, "_BLEND_PIXELS", 41)
    assert np.array_equal(decode_image(as_file(image), options, LIMITS).pixels, at_once)


@pytest.mark.parametrize("profile", [b"no profile", b""], ids=["broken", "empty"])
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    data = as_file(Image.fromarray(noise(4)), "PNG", icc_profile=profile)
    assert np.array_equal(decode_image(data, OWN_SIZE, LIMITS).pixels, noise(4))


def test_a_profile_for_other_channels_is_ignored() -> None:
    profile = image_kinds.swapped_profile()
    data = as_file(Image.fromarray(noise(4)).convert("L"), "PNG", icc_profile=profile)
    grey = np.asarray(Image.fromarray(noise(4)).convert("L"))
    assert np.array_equal(decode_image(data, OWN_SIZE, LIMITS).pixels, image_kinds.as_rgb(grey))


def test_the_profile_of_srgb_changes_no_pixel() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = as_file(Image.fromarray(noise(4)), "PNG", icc_profile=profile)
    assert np.array_equal(decode_image(data, OWN_SIZE, LIMITS).pixels, noise(4))


def test_the_background_is_no_subject_of_the_profile() -> None:
    image = Image.new("RGBA", (14, 12), (200, 0, 0, 0))
    options = ImageOptions(height=12, width=14, background="#ff0000")
    data = as_file(image, "PNG", icc_profile=image_kinds.swapped_profile())
    assert decode_image(data, options, LIMITS).pixels[0, 0].tolist() == [255, 0, 0]


def test_broken_exif_takes_nothing_from_the_pixels() -> None:
    data = image_kinds.with_segment(image_kinds.jpeg().data, 0xE1, b"Exif\0\0MM\0*\0\0\xff\xff")
    options = ImageOptions(height=HEIGHT, width=WIDTH)
    plain = decode_image(image_kinds.jpeg().data, options, LIMITS)
    assert np.array_equal(decode_image(data, options, LIMITS).pixels, plain.pixels)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("filter_", FILTERS)
def test_jpeg_files_are_decoded_at_a_fraction_and_still_upright(filter_: str, orientation: int) -> None:
    upright = next(photographs())
    file = as_file(image_kinds.turned(upright, orientation), "JPEG", quality=95)
    file = image_kinds.with_segment(file, 0xE1, b"Exif\0\0" + image_kinds.exif(orientation))
    options = ImageOptions(height=40, width=50, filter=filter_)
    assert jpeg_downscaling_ratio((375, 500), options) == 8
    decoded = decode_image(file, options, LIMITS)
    whole = Image.fromarray(upright).resize((50, 40), Image.Resampling.LANCZOS)
    assert distance(decoded.pixels, np.asarray(whole)) < 6
    assert (decoded.width, decoded.height) == (500, 375)


@pytest.mark.parametrize(
    ("filter_", "shape", "mean", "psnr"),
    [
        ("area", (224, 224), 3, 34),
        ("area", (128, 128), 4.5, 31),
        ("area", (45, 60), 6.5, 27),
        ("lanczos", (224, 224), 0.1, 60),
        ("lanczos", (128, 128), 4, 32),
        ("lanczos", (45, 60), 5.5, 28),
    ],
)
def test_the_fast_route_stays_near_a_whole_decode_and_lanczos(
    filter_: str, shape: tuple[int, int], mean: float, psnr: float
) -> None:
    height, width = shape
    options = ImageOptions(height=height, width=width, filter=filter_)
    for photograph in photographs():
        data = as_file(photograph, "JPEG", quality=90)
        fast = decode_image(data, options, LIMITS).pixels.astype(float)
        whole = Image.open(io.BytesIO(data)).resize((width, height), Image.Resampling.LANCZOS)
        difference = fast - np.asarray(whole)
        assert np.abs(difference).mean() < mean
        # The PSNR of equal pixels is infinite.
        assert 10 * np.log10(255**2 / max((difference**2).mean(), 1e-9)) > psnr


@settings(max_examples=60, deadline=None)
@given(height=st.integers(8, 300), width=st.integers(8, 300), to_height=st.integers(8, 80), to_width=st.integers(8, 80))
@pytest.mark.parametrize("aspect", ["stretch", "pad", "crop"])
def test_jpeg_files_of_any_size_fill_the_stored_one(
    aspect: str, height: int, width: int, to_height: int, to_width: int
) -> None:
    data = cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()
    options = ImageOptions(height=to_height, width=to_width, aspect=aspect, background="#5a5a5a")
    assert np.abs(decode_image(data, options, LIMITS).pixels.astype(int) - 90).max() <= 1


def test_padding_centres_the_whole_picture_on_the_background() -> None:
    pixels = np.full((20, 40, 3), 10, np.uint8)
    options = ImageOptions(height=20, width=20, aspect="pad", background="#ff0000")
    stored = decode_image(as_file(pixels), options, LIMITS).pixels
    assert (stored[:5] == [255, 0, 0]).all() and (stored[15:] == [255, 0, 0]).all()
    assert (stored[5:15] == 10).all()


def test_cropping_keeps_the_middle() -> None:
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = 200
    stored = decode_image(as_file(pixels), ImageOptions(height=10, width=10, aspect="crop"), LIMITS).pixels
    assert (stored == 200).all()


def test_area_averages_what_falls_on_each_pixel() -> None:
    pixels = noise(6, 36, 42)
    stored = decode_image(as_file(pixels), ImageOptions(height=12, width=14), LIMITS).pixels
    assert np.abs(stored - pixels.reshape(12, 3, 14, 3, 3).mean(axis=(1, 3))).max() <= 0.51


@pytest.mark.parametrize("filter_", FILTERS)
def test_small_pictures_are_enlarged(filter_: str) -> None:
    pixels = np.full((9, 40, 3), 77, np.uint8)
    stored = decode_image(as_file(pixels), ImageOptions(height=30, width=20, filter=filter_), LIMITS).pixels
    assert (stored == 77).all()


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "empty_file", "the file is empty"),
        (b"not an image", "not_an_image", "begins with b'not an image'"),
        (b"\0" * 1000, "not_an_image", "begins with"),
        (b"<!DOCTYPE html><html>", "not_an_image", "<!DOCTYPE html>"),
        (b"PK\x03\x04" + b"\0" * 30, "not_an_image", "PK"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_image", "SVG is not read"),
        (b"%PDF-1.7\n", "unsupported_image", "PDF is not read"),
        (b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0", "unsupported_image", "ICO is not read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported_image", "EPS is not read"),
        (b"8BPS\0\x01" + b"\0" * 20, "unsupported_image", "PSD is not read"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "unsupported_image", "JPEG2000 is not read"),
        (b"P6 8 8 255 " + b"\0" * 192, "unsupported_image", "PPM is not read"),
    ],
)
def test_what_is_no_image_is_told(data: bytes, reason: str, detail: str) -> None:
    error = refusal(data)
    assert error.reason == reason
    assert detail in error.detail


def test_an_error_keeps_its_reason_on_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ImageError("corrupt", "broken data stream")))
    assert (error.reason, error.detail, str(error)) == ("corrupt", "broken data stream", "broken data stream")


@pytest.mark.parametrize("mode", ["F", "I"])
def test_samples_of_more_than_16_bits_are_not_read(mode: str) -> None:
    assert refusal(as_file(Image.new(mode, (14, 12)), "TIFF")).reason == "unsupported_image"


@pytest.mark.parametrize(
    ("limits", "reason", "detail"),
    [
        (
            {"memory_mb": 28},
            "too_much_memory",
            "1,000 x 1,000 pixels of mode RGB take 28 MB to decode, 28 MB are allowed",
        ),
        ({"min_side": 1001}, "too_small", "1,000 x 1,000 pixels, 1001 a side are needed"),
    ],
)
def test_sizes_beyond_the_limits_are_refused(limits: dict[str, int], reason: str, detail: str) -> None:
    data = as_file(Image.new("RGB", (1000, 1000)))
    error = refusal(data, limits=Limits(**limits))
    assert (error.reason, error.detail) == (reason, detail)
    assert decode_image(data, OWN_SIZE, Limits(memory_mb=28.1, min_side=1000)).width == 1000


def test_the_declared_size_is_judged_before_any_pixel_is_decoded() -> None:
    header = as_file(Image.new("1", (30_000, 30_000)))[:60]
    assert refusal(header).reason == "too_much_memory"


def test_pillows_own_limit_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(decode_image(as_file(noise(8)), OWN_SIZE, LIMITS).pixels, noise(8))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_animations_beyond_the_limit_are_refused(kind: str) -> None:
    frames = [Image.fromarray(noise(number, 24, 28)) for number in range(4)]
    data = as_file(frames[0], kind, save_all=True, append_images=frames[1:])
    assert refusal(data, limits=Limits(frames=3)).reason == "animated"
    assert refusal(data, limits=Limits(frames=1)).detail == "more than 1 frames"
    assert decode_image(data, OWN_SIZE, Limits(frames=4)).width == 28


def test_a_picture_of_several_sizes_is_no_animation() -> None:
    data = image_kinds.jpeg_of_several().data
    assert decode_image(data, OWN_SIZE, Limits(frames=1)).format == "JPEG"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_truncated_file_is_refused(kind: str, share: float) -> None:
    data = as_file(noise(5, 64, 64), kind)
    assert refusal(data[: int(len(data) * share)]).reason in ("truncated", "corrupt", "not_an_image")


@pytest.mark.parametrize("tail", [b"", b"\xff\xd9"], ids=["as it is", "ended"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_photograph_is_refused_and_not_filled_with_grey(tail: bytes, progressive: bool) -> None:
    data = as_file(next(photographs()), "JPEG", progressive=progressive)
    for share in (0.3, 0.6, 0.9, 0.99):
        assert refusal(data[: int(len(data) * share)] + tail).reason in ("truncated", "corrupt")


@pytest.mark.parametrize("junk", [b"", b"\0", b"\xff", b"junk"])
def test_bytes_around_the_pixels_that_harm_nothing_are_accepted(junk: bytes) -> None:
    data = image_kinds.jpeg().data
    options = ImageOptions(height=HEIGHT, width=WIDTH)
    clean = decode_image(data, options, LIMITS).pixels
    table = data.index(b"\xff\xdb")
    for changed in (data + junk, data[:-2] + junk + data[-2:], data[:table] + junk + data[table:]):
        assert np.array_equal(decode_image(changed, options, LIMITS).pixels, clean)


@pytest.mark.parametrize("kind", ["JPEG", "JPEG, grey", "JPEG, CMYK with Adobe marker", "JPEG, CMYK without marker"])
@pytest.mark.parametrize("side", [8, 12, 24, 48])
def test_what_turbojpeg_cannot_name_is_read_alike_by_pillow(
    kind: str, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diptych.components.catalogue import jpeg_files

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("tjDecompressHeader3(): Could not determine subsampling level of JPEG image")

    data, options = KINDS[kind]().data, ImageOptions(height=side, width=side)
    fast = decode_image(data, options, LIMITS)
    monkeypatch.setattr(jpeg_files.simplejpeg, "decode_jpeg", refuse)
    assert distance(decode_image(data, options, LIMITS).pixels, fast.pixels) == 0


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP"]), place=st.floats(0, 1), junk=st.binary(max_size=9))
def test_damaged_files_decode_or_raise_an_image_error(kind: str, place: float, junk: bytes) -> None:
    data = as_file(noise(6), kind)
    start = int(place * len(data))
    try:
        pixels = decode_image(data[:start] + junk + data[start + len(junk) :], OWN_SIZE, LIMITS).pixels
    except ImageError as error:
        assert error.reason in REASONS and error.detail
    else:
        assert pixels.shape == (12, 14, 3)


@pytest.mark.parametrize("encoding", ["raw", "png", "jpeg", "webp"])
def test_stored_bytes_are_the_same_each_time(encoding: str) -> None:
    options = ImageOptions(height=12, width=14, encoding=encoding)
    assert encode_pixels(noise(7), options) == encode_pixels(noise(7), options)
    assert encode_pixels(noise(7), options) != encode_pixels(noise(8), options)


@pytest.mark.parametrize("encoding", ["png", "webp"])
def test_lossless_encodings_keep_the_pixels(encoding: str) -> None:
    stored = encode_pixels(noise(7), ImageOptions(height=12, width=14, encoding=encoding))
    assert np.array_equal(cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], noise(7))
