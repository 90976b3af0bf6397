"""A picture file of any common kind -> upright 8-bit sRGB of a size that can be worked with.

Runs in the child process of `engine.inversion.portraits` and therefore imports nothing but Pillow, libheif and numpy.
The format is told by the content alone, never by the name, and only the formats listed here are ever tried.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import (
    Image,
    ImageFile,
    PngImagePlugin,
    TiffImagePlugin,  # noqa: F401 - importing registers the format
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from engine.errors import UnreadableImageError
from engine.inversion.colour import flattened, simplified, to_srgb

READS = "Graft reads JPEG, PNG, WebP, HEIC, TIFF, GIF and BMP."
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "TIFF", "GIF", "BMP")
MAX_FILE_BYTES = 512 * 2**20
MAX_WORKING_PIXELS = 24_000_000
MAX_JPEG_PIXELS = 250_000_000
"""JPEG can be read at a half, a quarter or an eighth of its size, so much larger ones are possible."""
MAX_OTHER_PIXELS = 128_000_000
MAX_PROFILE_BYTES = 16 * 2**20

ORIENTATION_TAG = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n", "PNG"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif", "HEIC"),
    (0, b"BM", "BMP"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Attributes:
    pixels: ``[H, W, 3]`` uint8 sRGB, upright, at most 24 million pixels.
    notes: Sentences about what was done on the way.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()


def decode(file: BinaryIO) -> Picture:
    """Read a picture.

    Args:
        file: Seekable. Read from its start.

    Raises:
        UnreadableImageError: It is no picture of a known format, is damaged, or has too many pixels.
    """
    refuse_by_bytes(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_picture(file) as image:
                return _decoded(image)
    except UnreadableImageError:
        raise
    except MemoryError:
        raise UnreadableImageError(
            "Reading this picture takes more memory than Graft gives to one picture.", "Save a smaller copy of it."
        ) from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise damaged(signature(file)) from error


def _decoded(image: ImageFile.ImageFile) -> Picture:
    notes: list[str] = []
    width, height = image.size
    refuse_by_pixels(image)
    note_frames(image, notes)
    _reduce_while_decoding(image)
    image.load()
    orientation = orientation_of(image, notes)
    plain = _reduced(simplified(image, notes))
    if plain.width * plain.height < width * height:
        megapixels = megapixels_of(width * height)
        notes.append(f"The picture has {megapixels} megapixels and was reduced to {plain.width} x {plain.height}.")
    if orientation in UPRIGHT:
        plain = plain.transpose(UPRIGHT[orientation])
    rgb = flattened(to_srgb(plain, image.info.get("icc_profile"), notes), plain, notes)
    return Picture(np.asarray(rgb), tuple(notes))


def open_picture(file: BinaryIO) -> ImageFile.ImageFile:
    pillow_heif.register_heif_opener(thumbnails=False)
    PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE_BYTES
    Image.MAX_IMAGE_PIXELS = 2**32  # more than any format's header can say; our own limits come right after
    file.seek(0)
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        name = signature(file)
        if name:
            raise damaged(name) from error
        raise UnreadableImageError("This file is not a picture that Graft can read.", READS) from error


def signature(file: BinaryIO) -> str:
    """What the first bytes claim to be, or an empty string."""
    file.seek(0)
    head = file.read(16)
    return next((name for offset, magic, name in _SIGNATURES if head[offset : offset + len(magic)] == magic), "")


def damaged(name: str) -> UnreadableImageError:
    return UnreadableImageError(
        f"This {name} picture is damaged or incomplete." if name else "This picture is damaged or incomplete.",
        "Copy it again from where it came from, or open another.",
    )


def refuse_by_bytes(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise UnreadableImageError("The file is empty (0 bytes).", "Copy it again from where it came from.")
    if size > MAX_FILE_BYTES:
        raise UnreadableImageError(
            f"The file has {size / 2**20:.0f} MiB; pictures may have {MAX_FILE_BYTES // 2**20} MiB.",
            "Save a smaller copy of it.",
        )


def refuse_by_pixels(image: ImageFile.ImageFile) -> None:
    width, height = image.size
    limit = MAX_JPEG_PIXELS if image.format in ("JPEG", "MPO") else MAX_OTHER_PIXELS
    if width < 1 or height < 1:
        raise UnreadableImageError(f"The picture is {width} x {height} pixels: there is nothing to see.")
    if width * height > limit:
        raise UnreadableImageError(
            f"The picture has {width} x {height} pixels ({megapixels_of(width * height)} megapixels); "
            f"a {image.format} may have {megapixels_of(limit)}.",
            "Save a smaller copy of it.",
        )


def megapixels_of(pixels: int) -> str:
    return f"{pixels / 1e6:.1f}".removesuffix(".0")


def note_frames(image: ImageFile.ImageFile, notes: list[str]) -> None:
    if image.format in ("MPO", "HEIF") or not getattr(image, "is_animated", False):
        return  # phones keep depth and gain maps as further frames: the first is the photo
    notes.append("Only the first page is used." if image.format == "TIFF" else "Only the first frame is used.")


def _reduce_while_decoding(image: ImageFile.ImageFile) -> None:
    """Let a large JPEG decode at 1/2, 1/4 or 1/8, which saves time and memory."""
    if image.format not in ("JPEG", "MPO"):
        return
    width, height = image.size
    scale = _draft_scale(width, height)
    if scale > 1:
        image.draft(None, (width // scale, height // scale))


def _draft_scale(width: int, height: int) -> int:
    for scale in (1, 2, 4, 8):
        if width * height <= MAX_WORKING_PIXELS * scale * scale:
            break
    return scale


def _reduced(image: Image.Image) -> Image.Image:
    size = _reduced_size(*image.size)
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _reduced_size(width: int, height: int) -> tuple[int, int]:
    if width * height <= MAX_WORKING_PIXELS:
        return width, height
    scale = (MAX_WORKING_PIXELS / (width * height)) ** 0.5
    return max(1, int(width * scale)), max(1, int(height * scale))


def working_scale(width: int, height: int, *, is_jpeg: bool) -> tuple[float, float]:
    """How many pixels of a file, right and down, make one of the picture that `decode` gives."""
    scale = _draft_scale(width, height) if is_jpeg else 1
    drafted = (-(-width // scale), -(-height // scale))  # a JPEG's blocks are halved whole, the last one too
    reduced = _reduced_size(*drafted)
    return scale * drafted[0] / reduced[0], scale * drafted[1] / reduced[1]


def orientation_of(image: Image.Image, notes: list[str]) -> int:
    """The EXIF orientation, 1 when there is none or it makes no sense."""
    try:
        return int(image.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - a damaged EXIF block raises anything and is no reason to refuse
        notes.append("Its EXIF block is damaged and was ignored.")
        return 1
