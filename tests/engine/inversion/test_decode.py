"""Pictures of every kind, turned, coloured and damaged: upright sRGB comes out, or a sentence."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pillow_heif
import pytest
from hand_made_icc import D50, D65, DISPLAY_P3, PROPHOTO, SRGB, display_profile, to_xyz
from PIL import Image, ImageCms

from engine.errors import UnreadableImageError
from engine.inversion.decode import MAX_WORKING_PIXELS, Picture, decode

pillow_heif.register_heif_opener()

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 160, 30), (40, 40, 200), (240, 240, 240)
LOSSY_TOLERANCE = 12


def corners(width: int = 64, height: int = 48) -> Image.Image:
    """Four colours in four quarters: any turn or mirroring shows."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    if kind in ("JPEG", "MPO"):
        options = {"quality": 95, "subsampling": 0, **options}
    if kind in ("HEIF", "WEBP"):
        options = {"quality": 95, **options}
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Picture:
    return decode(io.BytesIO(data))


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        opened(data)
    assert len(caught.value.user_message) <= 300
    return caught.value.user_message


def assert_upright_corners(picture: Picture, tolerance: int = LOSSY_TOLERANCE) -> None:
    height, width, _ = picture.pixels.shape
    assert width > height
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    found = [picture.pixels[row, column].astype(int) for row in rows for column in columns]
    assert np.abs(np.array(found) - [RED, GREEN, BLUE, WHITE]).max() <= tolerance


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "HEIF", "MPO"])
def test_that_every_format_is_read(kind: str) -> None:
    picture = opened(saved(corners(), kind))
    assert_upright_corners(picture)
    assert picture.pixels.shape == (48, 64, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.notes == ()


# How a camera that wrote this orientation had turned the upright picture.
TURNED = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("orientation", TURNED)
def test_that_a_turned_picture_comes_out_upright(kind: str, orientation: int) -> None:
    turned = TURNED[orientation](corners())
    assert_upright_corners(opened(saved(turned, kind, exif=exif(orientation))))


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_that_an_orientation_without_meaning_is_ignored(orientation: int) -> None:
    assert_upright_corners(opened(saved(corners(), "JPEG", exif=exif(orientation))))


def test_that_a_damaged_exif_block_does_not_cost_the_photo() -> None:
    data = saved(corners(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert_upright_corners(opened(data))


def grey_ramp(dtype: type, white: float) -> np.ndarray:
    return np.rint(np.linspace(0, white, 256)[None].repeat(8, axis=0)).astype(dtype)


MODES: dict[str, Callable[[], bytes]] = {
    "16 bit png": lambda: saved(Image.fromarray(grey_ramp(np.uint16, 65535)), "PNG"),
    "16 bit tiff": lambda: saved(Image.fromarray(grey_ramp(np.uint16, 65535)), "TIFF"),
    "32 bit tiff": lambda: saved(Image.fromarray(grey_ramp(np.int32, 65535)), "TIFF"),
    "float tiff": lambda: saved(Image.fromarray(np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(8, 0)), "TIFF"),
    "8 bit png": lambda: saved(Image.fromarray(grey_ramp(np.uint8, 255)), "PNG"),
}


@pytest.mark.parametrize("name", MODES)
def test_that_grey_of_any_depth_keeps_its_brightness(name: str) -> None:
    picture = opened(MODES[name]())
    ramp = picture.pixels[4].astype(int)
    assert np.abs(ramp - np.arange(256)[:, None]).max() <= 1
    assert picture.notes == ()


def test_that_brightness_beyond_all_measure_is_scaled_and_told() -> None:
    values = np.linspace(-3, 7, 256, dtype=np.float32)[None].repeat(8, 0)
    values[0, 0] = np.nan
    picture = opened(saved(Image.fromarray(values), "TIFF"))
    assert np.abs(picture.pixels[4].astype(int) - np.arange(256)[:, None]).max() <= 1
    assert "brightness" in picture.notes[0]


@pytest.mark.parametrize("suffix", [".tiff", ".png"])
def test_that_sixteen_bits_of_colour_keep_their_brightness(suffix: str) -> None:
    pixels = np.asarray(corners())[:, :, ::-1].astype(np.uint16) * 257
    is_written, data = cv2.imencode(suffix, pixels)
    assert is_written
    assert_upright_corners(opened(data.tobytes()), tolerance=1)


def test_that_black_and_white_is_read() -> None:
    picture = opened(saved(Image.fromarray(np.eye(16, dtype=bool)), "PNG"))
    np.testing.assert_array_equal(picture.pixels[:, :, 0], np.eye(16) * 255)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_that_cmyk_is_not_turned_inside_out(kind: str) -> None:
    data = saved(corners().convert("CMYK"), kind)
    assert_upright_corners(opened(data), tolerance=LOSSY_TOLERANCE)


def test_that_lab_is_shown_in_its_colours() -> None:
    lab = ImageCms.profileToProfile(
        corners(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert_upright_corners(opened(saved(lab, "TIFF")), tolerance=6)


def test_that_a_palette_is_looked_up() -> None:
    assert_upright_corners(opened(saved(corners().quantize(16), "PNG")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_that_what_is_transparent_is_laid_over_mid_grey_and_told(mode: str) -> None:
    image = Image.new("LA" if mode == "LA" else "RGBA", (8, 8), (250, 0) if mode == "LA" else (250, 250, 250, 0))
    image.paste((10, 255) if mode == "LA" else (10, 10, 10, 255), (0, 0, 4, 8))
    picture = opened(saved(image.quantize(4) if mode == "P" else image, "PNG"))
    assert picture.pixels[4, 6].tolist() == [128, 128, 128]
    assert np.abs(picture.pixels[4, 1].astype(int) - 10).max() <= 1
    assert picture.notes == ("Transparent parts were laid over mid grey.",)


def test_that_an_alpha_channel_without_holes_is_no_news() -> None:
    picture = opened(saved(corners().convert("RGBA"), "PNG"))
    assert_upright_corners(picture, tolerance=0)
    assert picture.notes == ()


def red_green_swapped_profile() -> bytes:
    """sRGB's own profile with the red and green primaries exchanged, under another name."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    return swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_that_a_colour_profile_is_obeyed(kind: str) -> None:
    picture = opened(saved(Image.new("RGB", (16, 16), (200, 60, 40)), kind, icc_profile=red_green_swapped_profile()))
    assert np.abs(picture.pixels[8, 8].astype(int) - [60, 200, 40]).max() <= 6
    assert picture.notes == ()


@pytest.mark.parametrize(
    ("primaries", "white", "gamma"), [(DISPLAY_P3, D65, 2.2), (PROPHOTO, D50, 1.8)], ids=["Display P3", "ProPhoto"]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "HEIF"])
def test_that_a_wide_gamut_comes_out_in_the_same_colours(
    kind: str, primaries: tuple[tuple[float, float], ...], white: tuple[float, float], gamma: float
) -> None:
    wide, narrow = to_xyz(primaries, white), to_xyz(SRGB, D65)
    for colour in (RED, GREEN, BLUE, WHITE, (224, 172, 138)):
        share = np.array(colour) / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        stored = np.rint(255 * np.linalg.solve(wide, narrow @ linear).clip(0, 1) ** (1 / gamma)).astype(int)
        image = Image.new("RGB", (16, 16), tuple(stored.tolist()))
        picture = opened(saved(image, kind, icc_profile=display_profile(wide, gamma, "wide")))
        tolerance = 4 if kind in ("PNG", "TIFF") else LOSSY_TOLERANCE
        assert np.abs(picture.pixels[8, 8].astype(int) - colour).max() <= tolerance
        assert picture.notes == ()


def test_that_an_srgb_profile_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert_upright_corners(opened(saved(corners(), "PNG", icc_profile=profile)), tolerance=0)


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 5000, red_green_swapped_profile()[:300]])
def test_that_a_broken_profile_is_ignored_and_told(profile: bytes) -> None:
    picture = opened(saved(corners(), "JPEG", icc_profile=profile))
    assert_upright_corners(picture)
    assert "colour profile" in picture.notes[0]


def test_that_a_profile_for_other_colours_is_ignored_and_told() -> None:
    picture = opened(saved(corners().convert("CMYK"), "TIFF", icc_profile=red_green_swapped_profile()))
    assert_upright_corners(picture)
    assert "does not fit" in picture.notes[0]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_that_the_first_frame_of_many_is_taken_and_told(kind: str) -> None:
    others = [Image.new("RGB", (64, 48), (0, 0, value)) for value in (50, 100, 150)]
    options: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    picture = opened(saved(corners(), kind, save_all=True, append_images=others, **options))
    assert_upright_corners(picture)
    assert picture.notes == (f"Only the first {'page' if kind == 'TIFF' else 'frame'} is used.",)


def test_that_a_large_picture_is_reduced_and_told() -> None:
    picture = opened(saved(corners(8000, 6000), "PNG", compress_level=1))
    height, width, _ = picture.pixels.shape
    assert height * width <= MAX_WORKING_PIXELS
    assert width / height == pytest.approx(8 / 6, rel=1e-3)
    assert_upright_corners(picture, tolerance=1)
    assert picture.notes == (f"The picture has 48 megapixels and was reduced to {width} x {height}.",)


def test_that_a_phone_photo_of_200_megapixels_is_read_at_a_quarter() -> None:
    picture = opened(saved(corners(16320, 12240).convert("L"), "JPEG", exif=exif(1)))
    assert picture.pixels.shape == (3060, 4080, 3)
    assert "199.8 megapixels" in picture.notes[0]


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(14000, 14000), (65535, 65535), (0x7FFFFFFF, 0x7FFFFFFF), (400_000, 400)])
def test_that_too_many_pixels_are_refused_before_they_are_read(size: tuple[int, int]) -> None:
    message = refusal(png_that_claims(*size))
    if size[0] < 2**31 - 1:
        assert f"{size[0]} x {size[1]} pixels" in message
        assert "128" in message


def test_that_the_refusal_of_a_large_picture_names_size_and_limit() -> None:
    assert refusal(png_that_claims(14000, 14000)) == (
        "The picture has 14000 x 14000 pixels (196 megapixels); a PNG may have 128."
    )


def test_that_a_picture_of_no_size_is_refused() -> None:
    refusal(png_that_claims(0, 0))


def test_that_an_empty_file_is_called_empty() -> None:
    assert refusal(b"") == "The file is empty (0 bytes)."


@pytest.mark.parametrize(
    "data",
    [
        b"just some words, named portrait.jpg",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
        b"%PDF-1.7\n1 0 obj",
        b"8BPS\0\x01" + bytes(200),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x93NUMPY\x01\0v\0{'descr': '<f4'}",
        bytes(5000),
    ],
    ids=["text", "eps", "pdf", "psd", "svg", "npy", "zeros"],
)
def test_that_other_files_are_refused_whatever_their_name(data: bytes) -> None:
    assert refusal(data) == "This file is not a picture that Graft can read."


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "TIFF", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_that_a_truncated_picture_is_called_damaged(kind: str, share: float) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (90, 120, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind)
    assert "damaged or incomplete" in refusal(data[: max(16, int(len(data) * share))])


def test_that_a_profile_that_unpacks_without_end_is_refused() -> None:
    body = b"icc\0\0" + zlib.compress(bytes(200 << 20), 9)
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body + struct.pack(">I", zlib.crc32(b"iCCP" + body))
    data = saved(corners(), "PNG")
    refusal(data[:33] + chunk + data[33:])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "TIFF", "GIF", "BMP"])
def test_that_changed_bytes_end_in_a_picture_or_in_words(kind: str) -> None:
    rng = np.random.default_rng(11)
    data = np.frombuffer(saved(corners(), kind), np.uint8)
    for _ in range(40):
        changed = data.copy()
        changed[rng.integers(0, min(len(data), 120), 3)] = rng.integers(0, 256, 3)
        with contextlib.suppress(UnreadableImageError):  # anything else fails the test
            opened(changed.tobytes())
