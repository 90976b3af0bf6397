"""A picture file of any common kind -> its own samples, upright. Runs in the child of `engine.paste.original`.

Colours stay in the file's own profile where that is an RGB one; everything else (CMYK, Lab, grey with a profile)
becomes sRGB, and a note says so. Samples of 16 bits stay, where OpenCV reads them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageFile

from engine.errors import UnreadableImageError
from engine.inversion import decode
from engine.inversion.colour import simplified, to_srgb

STRIP_ROWS = 256
_WIDTH_TAG, _HEIGHT_TAG = 0xA002, 0xA003
_KEPT_TAGS = (
    0x010D, 0x010E, 0x010F, 0x0110, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298,
    0x4746, 0x4749, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F,
)  # fmt: skip
"""What a camera or its owner noted; how the file itself is built is not the result's business."""

_BITS_TAG, _FORMAT_TAG, _PHOTOMETRIC_TAG = 258, 339, 262

_FLIPS = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1)}
"""Steps down and across, by EXIF orientation."""

_LYING = (5, 6, 7, 8)

Blobs: TypeAlias = Iterator[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Header:
    """Attributes:
    bits: Of a sample: 8 or 16.
    profile, exif: Lengths in bytes.
    scale: As in `Original`.
    """

    width: int
    height: int
    channels: int
    bits: int
    profile: int
    exif: int
    scale: tuple[float, float]
    notes: tuple[str, ...]


def decode_original(file: BinaryIO, most_bytes: int) -> tuple[Header, Blobs]:
    """Read a picture.

    Args:
        file: Seekable. Read from its start.
        most_bytes: Larger ones are reduced.

    Returns:
        What it is, and then profile, EXIF and samples in pieces.

    Raises:
        UnreadableImageError: as `engine.inversion.decode.decode`.
    """
    decode.refuse_by_bytes(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with decode.open_picture(file) as image:
                return _decoded(file, image, most_bytes)
    except UnreadableImageError:
        raise
    except MemoryError:
        raise UnreadableImageError(
            "Reading this picture takes more memory than Graft gives to one picture.", "Save a smaller copy of it."
        ) from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise decode.damaged(decode.signature(file)) from error


def _decoded(file: BinaryIO, image: ImageFile.ImageFile, most_bytes: int) -> tuple[Header, Blobs]:
    notes: list[str] = []
    decode.refuse_by_pixels(image)
    decode.note_frames(image, notes)
    is_jpeg = image.format in ("JPEG", "MPO")
    width, height = image.size
    across, down = decode.working_scale(width, height, is_jpeg=is_jpeg)
    deep = _deep_samples(file, image, most_bytes, notes)
    if deep is None and is_jpeg:
        _draft_to_fit(image, most_bytes)
    image.load()  # some formats know their orientation only now
    orientation = decode.orientation_of(image, notes)
    if deep is not None:
        profile = image.info.get("icc_profile") or b""
        samples = _upright(deep, orientation)
        pieces: Blobs = (np.ascontiguousarray(strip).data.cast("B") for strip in _strips(samples))
        size, channels, bits = (samples.shape[1], samples.shape[0]), samples.shape[2], 16
    else:
        plain, profile = _own_colours(image, notes)
        plain = _fitted(plain, most_bytes)
        if orientation in decode.UPRIGHT:
            plain = plain.transpose(decode.UPRIGHT[orientation])
        pieces, size, channels, bits = _rows(plain), plain.size, len(plain.getbands()), 8
    if orientation in _LYING:
        width, height, across, down = height, width, down, across
    if size != (width, height):
        notes.append(
            f"The photo has {decode.megapixels_of(width * height)} megapixels, more than fit into this computer's "
            f"free memory: the result is {size[0]} x {size[1]} pixels."
        )
    exif = _kept_exif(image, size, notes)
    scale = (across * size[0] / width, down * size[1] / height)
    header = Header(*size, channels, bits, len(profile), len(exif), scale, tuple(notes))
    return header, _chained(profile, exif, pieces)


def _chained(profile: bytes, exif: bytes, pieces: Blobs) -> Blobs:
    yield profile
    yield exif
    yield from pieces


def _rows(image: Image.Image) -> Blobs:
    for top in range(0, image.height, STRIP_ROWS):
        yield image.crop((0, top, image.width, min(top + STRIP_ROWS, image.height))).tobytes()


def _strips(samples: NDArray[np.uint16]) -> Iterator[NDArray[np.uint16]]:
    for top in range(0, len(samples), STRIP_ROWS):
        yield samples[top : top + STRIP_ROWS]


# --- eight bits -----------------------------------------------------------------------------------------------------


def _draft_to_fit(image: ImageFile.ImageFile, most_bytes: int) -> None:
    """Let a JPEG that is too large decode at a half, a quarter or an eighth, but no smaller than it must be."""
    width, height = image.size
    for scale in (8, 4, 2):
        if 3 * (width // scale) * (height // scale) >= most_bytes:
            image.draft(None, (width // scale, height // scale))
            return


def _fitted(image: Image.Image, most_bytes: int) -> Image.Image:
    share = most_bytes / (image.width * image.height * len(image.getbands()))
    if share >= 1:
        return image
    size = (max(1, int(image.width * share**0.5)), max(1, int(image.height * share**0.5)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _own_colours(image: Image.Image, notes: list[str]) -> tuple[Image.Image, bytes]:
    """RGB or RGBA, and its profile; no profile means sRGB."""
    profile = image.info.get("icc_profile") or b""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        notes.append("Its samples of more than 8 bits were rounded to 8.")
    plain = simplified(image, notes)
    if plain.mode in ("RGB", "RGBA"):
        if not profile or is_rgb_profile(profile):
            return plain, profile
        notes.append("Its colour profile is damaged or does not fit the picture and was ignored.")
        return plain, b""
    rgb = to_srgb(plain, profile, notes)
    if plain.mode in ("CMYK", "LAB") or profile:
        kind = {"CMYK": "CMYK", "LAB": "Lab"}.get(plain.mode, "grey with a profile of its own")
        notes.append(f"The photo is {kind}; the result is RGB in sRGB.")
    if plain.mode == "LA":
        rgb.putalpha(plain.getchannel("A"))
    return rgb, b""


def is_rgb_profile(profile: bytes) -> bool:
    """Whether a profile is one for RGB that colours can be brought into."""
    try:
        target = ImageCms.ImageCmsProfile(BytesIO(profile))
        if target.profile.xcolor_space.strip() != "RGB":
            return False
        ImageCms.buildTransform(ImageCms.createProfile("sRGB"), target, "RGB", "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return False
    return True


# --- sixteen bits ---------------------------------------------------------------------------------------------------


def _deep_samples(
    file: BinaryIO, image: ImageFile.ImageFile, most_bytes: int, notes: list[str]
) -> NDArray[np.uint16] | None:
    """``[H, W, 3 or 4]`` RGB, or None for pictures of 8 bits and those that only Pillow reads."""
    if not _is_deep(file, image):
        return None
    profile = image.info.get("icc_profile") or b""
    if image.width * image.height * 8 > most_bytes or (profile and not is_rgb_profile(profile)):
        notes.append("Its samples of 16 bits were rounded to 8.")
        return None
    import cv2

    file.seek(0)
    found = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint16 or found.shape[:2] != (image.height, image.width):
        notes.append("Its samples of 16 bits were rounded to 8.")
        return None
    if found.ndim == 2:
        found = np.repeat(found[..., None], 3, axis=2)
    return np.asarray(found[..., [2, 1, 0, 3] if found.shape[2] == 4 else [2, 1, 0]], np.uint16)


def _is_deep(file: BinaryIO, image: ImageFile.ImageFile) -> bool:
    if image.format == "PNG":
        file.seek(24)
        return file.read(1) == b"\x10"
    if image.format != "TIFF":
        return False
    tags: dict[int, Any] = dict(getattr(image, "tag_v2", {}))
    bits, kinds = tags.get(_BITS_TAG, (8,)), tags.get(_FORMAT_TAG, (1,))
    return set(bits) == {16} and set(kinds) == {1} and tags.get(_PHOTOMETRIC_TAG) in (1, 2)


def _upright(samples: NDArray[np.uint16], orientation: int) -> NDArray[np.uint16]:
    """A view, turned and mirrored as the EXIF orientation says."""
    down, across = _FLIPS.get(orientation, (1, 1))
    flipped = samples[::down, ::across]
    return flipped.transpose(1, 0, 2) if orientation in _LYING else flipped


# --- EXIF -----------------------------------------------------------------------------------------------------------


def _kept_exif(image: Image.Image, size: tuple[int, int], notes: list[str]) -> bytes:
    """What the camera noted, without the orientation, the thumbnail, and how the file was built."""
    try:
        found = image.getexif()
        kept = Image.Exif()
        for tag in _KEPT_TAGS:
            if tag in found:
                kept[tag] = found[tag]
        for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            if fields := dict(found.get_ifd(ifd)):
                if _WIDTH_TAG in fields or _HEIGHT_TAG in fields:
                    fields[_WIDTH_TAG], fields[_HEIGHT_TAG] = size
                kept[ifd] = fields
        content = kept.tobytes() if len(kept) else b""
    except Exception:  # noqa: BLE001 - a damaged EXIF block raises anything and is no reason to refuse
        notes.append("What the camera noted (EXIF) is damaged and was left out.")
        return b""
    content = content.removeprefix(b"Exif\0\0")
    if len(content) > 60_000:
        notes.append("What the camera noted (EXIF) is too long for a picture file and was left out.")
        return b""
    return content
