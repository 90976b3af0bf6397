"""Every way a file may store colour -> 8-bit sRGB over mid grey."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL._imagingcms import CmsProfile

BACKDROP = (128, 128, 128)
"""Shows through where a picture is transparent."""

_PROFILE_MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
_PLAIN_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "LAB")


def simplified(image: Image.Image, notes: list[str]) -> Image.Image:
    """The same picture as L, LA, RGB, RGBA, CMYK or LAB, 8 bits a channel."""
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return Image.fromarray(_to_8_bits(image, notes))
    if mode in ("La", "RGBa"):
        return image.convert(mode.upper())
    if image.has_transparency_data:
        return image if mode in ("LA", "RGBA") else image.convert("RGBA")
    if mode in _PLAIN_MODES:
        return image
    return image.convert("L" if mode == "1" else "RGB")


def to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """Colours as a screen shows them; transparency is left out.

    Args:
        image: As `simplified` gives it.
        profile: The file's ICC profile, if it has one.
    """
    opaque = image.convert(image.mode[:-1]) if image.mode in ("LA", "RGBA") else image
    if opaque.mode == "LAB":
        return _transformed(opaque, ImageCms.createProfile("LAB"))
    managed = _by_profile(opaque, profile) if profile else None
    if profile and managed is None:
        notes.append("Its colour profile is damaged or does not fit the picture and was ignored.")
    return managed or opaque.convert("RGB")


def flattened(rgb: Image.Image, image: Image.Image, notes: list[str]) -> Image.Image:
    """Lay `rgb` over mid grey by the transparency of `image`, if it has any."""
    if image.mode not in ("LA", "RGBA"):
        return rgb
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return rgb
    notes.append("Transparent parts were laid over mid grey.")
    return Image.composite(rgb, Image.new("RGB", rgb.size, BACKDROP), alpha)


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB, or None when the profile cannot be used for it."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image.convert("RGB") if image.mode in ("L", "RGB") else None
        mode = _PROFILE_MODES.get(source.profile.xcolor_space.strip())
        if mode == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        return _transformed(image, source) if image.mode == mode else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return None


def _transformed(image: Image.Image, profile: ImageCms.ImageCmsProfile | CmsProfile) -> Image.Image:
    result = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert result is not None  # only None when asked to work in place
    return result


def _to_8_bits(image: Image.Image, notes: list[str]) -> NDArray[np.uint8]:
    """Grey of 12, 16 or 32 bits or floats, scaled so that the format's white is 255."""
    values = np.nan_to_num(np.asarray(image), nan=0.0).astype(np.float32)
    lowest, highest = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        white = 4095.0 if _bits_per_sample(image) == 12 else 65535.0
    elif image.mode == "F" and lowest >= 0 and highest <= 1:
        white = 1.0
    elif lowest >= 0 and 255 < highest <= 65535:
        white = 65535.0
    elif lowest >= 0 and highest <= 255:
        white = 255.0
    else:
        notes.append("Its brightness goes beyond the usual range and was scaled to fit.")
        values -= lowest
        white = max(highest - lowest, 1e-12)
    return np.asarray(np.clip(np.rint(values * (255.0 / white)), 0, 255), dtype=np.uint8)


def _bits_per_sample(image: Image.Image) -> int:
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(258, (16,))
    return int(bits[0] if isinstance(bits, tuple) else bits)
