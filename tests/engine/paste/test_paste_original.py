"""Photos read whole: upright, in their own colours and bits, and in step with the working picture."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from photos import as_bytes, exif_of, saved, textured, wide_profile
from PIL import Image

from engine.errors import UnreadableImageError
from engine.inversion.portraits import read_portrait
from engine.paste.original import read_original


@pytest.mark.parametrize("orientation", range(1, 9))
def test_that_the_photo_stands_upright(tmp_path: Path, orientation: int) -> None:
    pixels = textured(40, 30)
    exif = exif_of(orientation)
    plain = saved(tmp_path / "a.png", pixels, exif=exif)
    found = read_original(plain)
    assert np.array_equal(found.samples, read_portrait(plain).pixels)
    ok, coded = cv2.imencode(".png", pixels.astype(np.uint16)[..., ::-1] * 257)
    assert ok
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    deep_file = tmp_path / "deep.png"
    deep_file.write_bytes(coded.tobytes()[:33] + chunk + coded.tobytes()[33:])
    deep = read_original(deep_file)
    assert deep.samples.dtype == np.uint16
    assert np.array_equal(deep.samples // 257, found.samples)
    kept = Image.Exif()
    kept.load(found.exif)
    assert 0x0112 not in kept
    assert kept[0x010F] == "A camera"
    assert kept.get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"
    assert (kept.get_ifd(0x8769)[0xA002], kept.get_ifd(0x8769)[0xA003]) == found.size_px
    assert kept.get_ifd(0x8825)[1] == "N"


def test_that_colours_stay_in_the_photo_s_profile(tmp_path: Path) -> None:
    pixels, profile = textured(40, 30), wide_profile()
    found = read_original(saved(tmp_path / "a.png", pixels, icc_profile=profile))
    assert np.array_equal(found.samples, pixels)
    assert found.profile == profile
    damaged = read_original(saved(tmp_path / "b.png", pixels, icc_profile=b"not a profile" * 20))
    assert damaged.profile is None
    assert any("profile" in note for note in damaged.notes)


def test_that_other_colours_become_srgb_and_it_is_said(tmp_path: Path) -> None:
    pixels = textured(40, 30)
    cmyk = read_original(saved(tmp_path / "a.tif", pixels, "CMYK"))
    assert (cmyk.samples.shape, cmyk.profile) == ((30, 40, 3), None)
    assert any("CMYK" in note for note in cmyk.notes)
    grey = read_original(saved(tmp_path / "g.png", pixels, "L"))
    assert np.array_equal(grey.samples[..., 0], np.asarray(Image.fromarray(pixels).convert("L")))
    assert grey.notes == ()
    clear = textured(40, 30, 4)
    assert np.array_equal(read_original(saved(tmp_path / "c.png", clear)).samples, clear)
    indexed = read_original(saved(tmp_path / "p.gif", pixels, "P"))
    assert indexed.samples.shape == (30, 40, 3)


def test_that_deep_tiffs_stay_deep(tmp_path: Path) -> None:
    deep = textured(40, 30, 3, np.uint16)
    ok, coded = cv2.imencode(".tif", deep[..., ::-1])
    assert ok
    path = tmp_path / "deep.tif"
    path.write_bytes(coded.tobytes())
    found = read_original(path)
    assert found.samples.dtype == np.uint16
    assert np.array_equal(found.samples, deep)
    grey = saved(tmp_path / "grey.png", deep[..., 0])
    assert np.array_equal(read_original(grey).samples[..., 1], deep[..., 0])


def test_that_a_photo_too_large_for_the_memory_is_reduced_and_it_is_said(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        path = saved(tmp_path / name, textured(401, 300))
        whole, small = read_original(path), read_original(path, 60_000)
        assert whole.size_px == (401, 300)
        assert whole.scale == (1.0, 1.0)
        width, height = small.size_px
        assert width * height * 3 <= 60_000
        assert width / 401 == pytest.approx(small.scale[0])
        assert height / 300 == pytest.approx(small.scale[1])
        assert any("memory" in note for note in small.notes)


def test_that_places_in_the_working_picture_are_found_in_the_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo beyond 24 megapixels: the working picture is reduced twice, by the decoder and after it."""
    width, height = 9001, 6001
    photo = np.full((height, width), 128, np.uint8)
    photo[2500:2540, 7000:7040] = 255
    path = tmp_path / "large.jpg"
    path.write_bytes(as_bytes(Image.fromarray(photo), "JPEG", quality=92))
    small, whole = read_portrait(path).pixels, read_original(path)
    assert whole.size_px == (width, height)
    light = np.clip(small[..., 0].astype(float) - 140, 0, None)
    y, x = np.mgrid[: small.shape[0], : small.shape[1]] + 0.5
    middle = np.array([(light * x).sum(), (light * y).sum()]) / light.sum() * np.array(whole.scale)
    assert np.abs(middle - (7020, 2520)).max() < 0.3


def test_that_nonsense_is_refused_in_plain_words(tmp_path: Path) -> None:
    for name, content in (("empty.jpg", b""), ("junk.png", b"\x89PNG\r\n\x1a\n" + b"x" * 99), ("text.txt", b"hello")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UnreadableImageError) as caught:
            read_original(path)
        assert name in caught.value.user_message
    with pytest.raises(UnreadableImageError):
        read_original(tmp_path / "nowhere.jpg")
