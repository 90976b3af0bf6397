"""A photo as it is: all its pixels, its own colours, upright, read in the process where strangers' pictures are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import psutil
from numpy.typing import NDArray

from engine.errors import UnreadableImageError, printable
from engine.inversion.decode import MAX_JPEG_PIXELS, MAX_PROFILE_BYTES
from engine.inversion.portraits import MAX_HEADER_BYTES, MAX_NAME_CHARS, ask_decoder, read_whole, undecodable

Samples: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

MEMORY_SHARE = 5
"""A photo may take a fifth of the free memory: pasting and writing it take twice as much again."""

LEAST_BYTES = 64 * 2**20
MOST_BYTES = MAX_JPEG_PIXELS * 4
MAX_EXIF_BYTES = 1 << 20

_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from engine.paste.original_child import main; main()"


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """Attributes:
    samples: ``[H, W, 3]`` RGB or ``[H, W, 4]`` with transparency, uint8 or uint16, upright.
    profile: The ICC profile of the colours; None means sRGB.
    exif: What the camera noted, as a TIFF structure without its orientation; empty when there is nothing.
    scale: How many of these pixels, right and down, make one of the working picture (`read_portrait`).
    notes: Sentences about what was done on the way.
    """

    samples: Samples
    profile: bytes | None
    exif: bytes
    scale: tuple[float, float]
    notes: tuple[str, ...] = ()

    @property
    def size_px(self) -> tuple[int, int]:
        return self.samples.shape[1], self.samples.shape[0]

    @property
    def white(self) -> float:
        return float(np.iinfo(self.samples.dtype).max)


def read_original(path: Path, most_bytes: int | None = None) -> Original:
    """Read a photo at its full size. Blocking: about a second for a photo of a telephone.

    Args:
        most_bytes: A larger one comes back smaller, and a note says so. By default what the free memory allows.

    Raises:
        UnreadableImageError: the file cannot be read, is no picture, is damaged, or has more pixels than Graft reads.
    """
    if most_bytes is None:
        free = psutil.virtual_memory().available // MEMORY_SHARE
        most_bytes = min(max(free, LEAST_BYTES), MOST_BYTES)
    try:
        return ask_decoder(path, _CHILD, _read_answer, str(most_bytes))
    except UnreadableImageError as error:
        message = f"{printable(path.name, MAX_NAME_CHARS)}: {error.user_message}"
        raise UnreadableImageError(message, error.hint) from error


def _read_answer(answer: IO[bytes]) -> Original:
    try:
        header = json.loads(answer.readline(MAX_HEADER_BYTES))
        if "error" in header:
            raise UnreadableImageError(str(header["error"]), str(header.get("hint", "")))
        width, height, channels = int(header["width"]), int(header["height"]), int(header["channels"])
        dtype = {8: np.uint8, 16: np.uint16}[int(header["bits"])]
        across, down = (float(scale) for scale in header["scale"])
        if not (width > 0 and height > 0 and channels in (3, 4) and width * height <= MAX_JPEG_PIXELS):
            raise ValueError(f"{width} x {height} x {channels}")
        if not (0 < across < 1e4 and 0 < down < 1e4):
            raise ValueError(f"scale {across}, {down}")
        profile = _blob(answer, int(header["profile"]), MAX_PROFILE_BYTES)
        exif = _blob(answer, int(header["exif"]), MAX_EXIF_BYTES)
        notes = tuple(printable(str(note)) for note in header["notes"])
        samples: Samples = np.empty((height, width, channels), dtype)
        read_whole(answer, samples.data.cast("B"))
    except (ValueError, KeyError, TypeError) as error:
        raise undecodable() from error
    return Original(samples, profile or None, exif, (across, down), notes)


def _blob(answer: IO[bytes], size: int, most: int) -> bytes:
    if not 0 <= size <= most:
        raise ValueError(f"{size} bytes")
    content = bytearray(size)
    read_whole(answer, memoryview(content))
    return bytes(content)
