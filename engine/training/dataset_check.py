"""Looking through a folder of training pictures before hours are spent on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from engine.errors import JobError, printable
from engine.inversion.colour import flattened, simplified, to_srgb
from engine.picture_folder import picture_files

Picture = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
MAX_PIXELS = 100_000_000
FLAT_LEVELS = 4
GREY_LEVELS = 3
SHOWN_REFUSALS = 3


class _RefusedError(Exception):
    """Why a file cannot be learned from; becomes data in the report."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that cannot be learned from, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What was found in a folder.

    Attributes:
        accepted: How many files can be used.
        refused: Those that cannot.
        notices: Sentences about what is allowed but may not be meant.
    """

    accepted: int
    refused: tuple[Refusal, ...]
    notices: tuple[str, ...]

    def require(self, minimum: int) -> None:
        """Raises:
        JobError: fewer usable pictures than `minimum`.
        """
        if self.accepted >= minimum:
            return
        found = f"{self.accepted} of {self.accepted + len(self.refused)} pictures"
        reasons = "; ".join(f"{refusal.name:.40}: {refusal.reason}" for refusal in self.refused[:SHOWN_REFUSALS])
        raise JobError(
            f"Too few pictures to learn from: {found} can be used, at least {minimum} are needed, one batch."
            + (f" For example {reasons}." if reasons else ""),
            "Add pictures, or choose a smaller batch.",
        )


def check_folder(folder: Path, resolution: int, on_picture: Callable[[Picture], None]) -> FolderReport:
    """Read every picture once.

    A picture is refused when it cannot be read, is smaller than the training size, is one flat colour, or repeats
    another one pixel by pixel. Others are cropped to their middle square, made smaller, and brought to 8-bit sRGB
    over mid grey, as portraits are.

    Args:
        resolution: Height and width to train at.
        on_picture: Given each accepted picture, ``[resolution, resolution, 3]``, in the order of their names.

    Raises:
        JobError: no such folder, or no picture files in it.
    """
    refused: list[Refusal] = []
    sizes: Counter[tuple[int, int]] = Counter()
    seen: dict[int, str] = {}
    grey = 0
    for name in picture_files(folder):
        try:
            picture, size = _read(folder / name, resolution)
            twin = seen.setdefault(hash(picture.tobytes()), name)
            if twin != name:
                raise _RefusedError(f"it is the same picture as {twin:.60}")
        except _RefusedError as error:
            refused.append(Refusal(printable(name, 200), printable(str(error), 120)))
            continue
        sizes[size] += 1
        grey += _is_grey(picture)
        on_picture(picture)
    notices = _notices(sizes, grey, resolution, len(refused))
    return FolderReport(sizes.total(), tuple(refused), tuple(notices))


def _read(path: Path, resolution: int) -> tuple[Picture, tuple[int, int]]:
    """The picture at the training size, and the size it had."""
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise _RefusedError("it is no plain file")
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _RefusedError(f"it has more than {MAX_PIXELS // 1_000_000} million pixels")
            if min(image.size) < resolution:
                raise _RefusedError(f"it is {image.width}x{image.height} px, smaller than {resolution} px")
            size = image.size
            profile = image.info.get("icc_profile")
            upright = simplified(ImageOps.exif_transpose(image), [])
            small = ImageOps.fit(upright, (resolution, resolution), Image.Resampling.BOX)
            picture = np.asarray(flattened(to_srgb(small, profile, []), small, []))
    except _RefusedError:
        raise
    # Pillow's decoders raise almost anything on damaged files; whatever it is, the file cannot be used.
    except Exception:  # noqa: BLE001
        raise _RefusedError("it is damaged or not a picture") from None
    if int(np.ptp(picture, axis=(0, 1)).max()) < FLAT_LEVELS:
        raise _RefusedError("it is one flat colour")
    return picture, size


def _is_grey(picture: Picture) -> bool:
    levels = picture.astype(np.int16)
    return bool((levels.max(axis=2) - levels.min(axis=2)).max() < GREY_LEVELS)


def _notices(sizes: Counter[tuple[int, int]], grey: int, resolution: int, refused: int) -> list[str]:
    count = sizes.total()
    notices = []
    if refused:
        notices.append(f"{refused} of {count + refused} files are left out; dataset.json in the run names them.")
    if 0 < grey < count:
        notices.append(f"{grey} of {count} pictures are grey; the model will make grey pictures now and then.")
    elif grey:
        notices.append("All pictures are grey; the model will learn grey.")
    oblong = sum(number for (width, height), number in sizes.items() if width != height)
    if oblong:
        notices.append(f"{oblong} of {count} pictures are not square; their middle is used.")
    if len(sizes) > 1:
        small, large = min(min(size) for size in sizes), max(max(size) for size in sizes)
        notices.append(f"The pictures differ in size, {small} to {large} px; all are made {resolution} px.")
    return notices
