"""Photos written: every sample, the profile, what the camera noted, and the recipe."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from photos import exif_of, textured, wide_profile
from PIL import Image

from engine.errors import StorageError
from engine.paste import picture_files
from engine.paste.original import read_original
from engine.paste.picture_files import PhotoFile, encoded_photo, jpeg_change, opaque

EXIF = exif_of(1).tobytes().removeprefix(b"Exif\0\0")
NOTE = '{"a": "' + "b" * 9000 + '"}'


@pytest.fixture(autouse=True)
def small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "STRIP_BYTES", 20_000)


def written(path: Path, photo: PhotoFile) -> Path:
    path.write_bytes(b"".join(encoded_photo(photo, path.suffix)))
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("channels", [3, 4])
def test_that_lossless_files_keep_every_sample(tmp_path: Path, suffix: str, channels: int) -> None:
    for dtype in (np.uint8, np.uint16):
        samples = textured(207, 301, channels, dtype)
        path = written(tmp_path / f"a{suffix}", PhotoFile(samples, wide_profile(), EXIF, NOTE))
        found = read_original(path)
        expected = samples if suffix != ".webp" else picture_files.eight_bits(samples)
        assert found.samples.dtype == expected.dtype
        assert np.array_equal(found.samples, expected)
        assert found.profile == wide_profile()
        kept = Image.Exif()
        kept.load(found.exif)
        assert kept[0x010F] == "A camera"
        assert kept.get_ifd(0x8825)[1] == "N"
        if (suffix, channels) != (".tif", 4):  # there, this one multiplies colours by their transparency
            other = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
            assert other is not None
            assert np.array_equal(other[..., 0], expected[..., 2])


def test_that_a_small_tiff_with_a_long_recipe_is_whole(tmp_path: Path) -> None:
    samples = textured(9, 5)
    note = '{"a": "' + "".join(map(str, range(60_000))) + '"}'
    path = written(tmp_path / "a.tif", PhotoFile(samples, None, b"", note))
    assert np.array_equal(read_original(path).samples, samples)


def test_that_jpeg_says_what_it_changed(tmp_path: Path) -> None:
    samples = textured(207, 301, 4)
    path = written(tmp_path / "a.jpg", PhotoFile(samples, wide_profile(), EXIF, NOTE))
    found = read_original(path)
    apart = np.abs(found.samples.astype(int) - opaque(samples))
    mean, most = jpeg_change(path.read_bytes(), opaque(samples))
    assert mean == pytest.approx(apart.mean())
    assert most == apart.max()
    assert 0 < mean < 3
    assert found.profile == wide_profile()


def test_that_a_jpeg_larger_than_pillow_likes_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    samples = textured(40, 30)
    assert jpeg_change(b"".join(encoded_photo(PhotoFile(samples), ".jpg")), samples)[1] < 60


def test_that_formats_say_where_they_end() -> None:
    long = np.zeros((1, 70_000, 3), np.uint8)
    for suffix in (".webp", ".jpg"):
        with pytest.raises(StorageError, match="70000 px"):
            list(encoded_photo(PhotoFile(long), suffix))
    assert b"".join(encoded_photo(PhotoFile(long), ".png"))
