"""Photos to paste into, and a face in them."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from engine.framing import FacePoints

FACE = FacePoints((150.0, 120.0), (190.0, 126.0), (168.0, 165.0))


def textured(width: int, height: int, channels: int = 3, dtype: type = np.uint8, seed: int = 0) -> NDArray[Any]:
    """Smooth colours with a fine grain: a wrong pixel is seen."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (8, 8, channels), dtype=np.uint8)
    planes = [
        np.asarray(Image.fromarray(coarse[..., k]).resize((width, height), Image.Resampling.BICUBIC))
        for k in range(channels)
    ]
    grain = rng.integers(0, 12, (height, width, channels))
    levels = np.clip(np.stack(planes, -1).astype(np.int64) + grain, 0, 255)
    return np.asarray(levels * (257 if dtype is np.uint16 else 1), dtype)


def saved(path: Path, pixels: NDArray[np.uint8], mode: str | None = None, **options: Any) -> Path:
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


@cache
def wide_profile() -> bytes:
    """An RGB profile that is not sRGB: its green and red are exchanged. Its maker stamps it with the time."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    moved = bytearray(profile)
    tags = {bytes(moved[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(moved[131])}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    one, other = moved[red + 4 : red + 12], moved[green + 4 : green + 12]
    moved[red + 4 : red + 12], moved[green + 4 : green + 12] = other, one
    found = bytes(moved).replace(b"sRGB", b"swap").replace(b"s\0R\0G\0B\0", b"s\0w\0a\0p\0")
    return found.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "A camera"
    exif[0x8769] = {0x9003: "2020:01:01 00:00:00", 0xA002: 400, 0xA003: 300}
    exif[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    return exif


def as_bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
