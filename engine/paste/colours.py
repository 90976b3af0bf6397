"""sRGB, which is what models draw in, to and from the colours of a photo."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from engine.errors import UnreadableImageError

Rgb = NDArray[np.uint8]


def to_photo(rgb: Rgb, profile: bytes | None) -> Rgb:
    """``[H, W, 3]`` uint8 sRGB to a photo's profile; None is sRGB."""
    return rgb if profile is None else _converted(rgb, None, profile)


def to_srgb(rgb: Rgb, profile: bytes | None) -> Rgb:
    """The way back."""
    return rgb if profile is None else _converted(rgb, profile, None)


def _converted(rgb: Rgb, source: bytes | None, target: bytes | None) -> Rgb:
    try:
        result = ImageCms.profileToProfile(Image.fromarray(rgb), _opened(source), _opened(target), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise UnreadableImageError("The photo's colour profile cannot be used.", "Save it as sRGB.") from error
    assert result is not None  # only None when asked to work in place
    return np.array(result)


def _opened(profile: bytes | None) -> ImageCms.ImageCmsProfile:
    if profile is None:
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.ImageCmsProfile(BytesIO(profile))
