"""A rendered picture to a file that carries its recipe, and nothing private."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from engine.atomic import remove_leftovers, write_atomic
from engine.errors import StorageError
from engine.export.embedded import XMP_TAG, png_text_chunk, with_jpeg_recipe, xmp_packet
from engine.recipe import ArrayStore, make_recipe, recipe_to_json
from engine.state import EditState, View

STILL_SUFFIXES = (".png", ".tif", ".tiff", ".webp", ".jpg", ".jpeg")
ICC_TAG = 34675
JPEG_QUALITY = 95
MAX_WEBP_PX = 16_383
MAX_JPEG_PX = 65_500


def still_suffix(path: Path) -> str:
    """The suffix that chooses the format, in lower case.

    Raises:
        StorageError: it is none that Graft writes.
    """
    suffix = path.suffix.lower()
    if suffix not in STILL_SUFFIXES:
        hint = f"End the name in one of {', '.join(STILL_SUFFIXES)}."
        raise StorageError(f"Graft does not write pictures of the kind “{suffix or path.name:.40}”.", hint)
    return suffix


def write_still(
    path: Path,
    image: NDArray[np.uint8],
    state: EditState,
    view: View,
    store: ArrayStore,
    device: str,
    dtype: str,
) -> None:
    """Write one picture with its recipe inside; the suffix chooses the format. sRGB; no EXIF, no path, no date.

    PNG, TIFF and WebP keep every pixel; JPEG is quality 95 without chroma subsampling.

    Args:
        image: ``[H, W, 3]``, red first.
        store: Where the arrays are that `state` names: they go into the recipe.
        device: What it was rendered on, with `dtype`: for the recipe.

    Raises:
        StorageError: the format is unknown, or the file could not be written; an older one is then untouched.
    """
    suffix = still_suffix(path)
    recipe_json = recipe_to_json(make_recipe(state, view, store, device=device, dtype=dtype))
    write_atomic(path, encoded_still(image, suffix, recipe_json))
    remove_leftovers(path.parent)


def encoded_still(image: NDArray[np.uint8], suffix: str, recipe_json: str | None = None) -> bytes:
    """The bytes of a picture file, with or without a recipe.

    Args:
        image: ``[H, W, 3]``, red first.
        suffix: One of `STILL_SUFFIXES`.

    Raises:
        StorageError: the picture is too large for the format.
    """
    picture = Image.fromarray(np.ascontiguousarray(image))
    xmp = None if recipe_json is None else xmp_packet(recipe_json)
    match suffix:
        case ".png":
            return _saved(picture, "PNG", pnginfo=_png_chunks(recipe_json))
        case ".tif" | ".tiff":
            tags = {ICC_TAG: srgb_icc()} if xmp is None else {ICC_TAG: srgb_icc(), XMP_TAG: xmp}
            return _saved(picture, "TIFF", compression="tiff_adobe_deflate", tiffinfo=tags)
        case ".webp":
            _check_size(picture, "WebP", MAX_WEBP_PX)
            return _saved(picture, "WEBP", lossless=True, method=4, xmp=xmp or b"", icc_profile=srgb_icc())
        case _:
            _check_size(picture, "JPEG", MAX_JPEG_PX)
            plain = _saved(picture, "JPEG", quality=JPEG_QUALITY, subsampling=0, icc_profile=srgb_icc())
            return plain if recipe_json is None else with_jpeg_recipe(plain, recipe_json)


def srgb_icc() -> bytes:
    """An sRGB profile without the date that its maker stamps into it, so that equal pictures are equal files."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def _png_chunks(recipe_json: str | None) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\0")  # perceptual intent
    if recipe_json is not None:
        chunks.add(b"iTXt", png_text_chunk(recipe_json))
    return chunks


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    try:
        picture.save(file, kind, **options)
    except (OSError, ValueError) as error:
        raise StorageError(f"The picture could not be encoded as {kind}.", "Try PNG.") from error
    return file.getvalue()


def _check_size(picture: Image.Image, kind: str, most: int) -> None:
    if max(picture.size) > most:
        raise StorageError(f"The picture is {max(picture.size)} px wide or high; {kind} ends at {most}.", "Use PNG.")
