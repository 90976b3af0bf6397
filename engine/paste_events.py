"""What is asked for and answered about pasting a face back into its photo: part of `engine.messages`. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.portrait_source import PortraitSource
from engine.state import EditState, View

MASK_PX = 512
"""Edge of a mask: the square that was cut out of the photo, whatever its size there."""

MAX_FEATHER = 0.1

Mask: TypeAlias = NDArray[np.uint8]
"""``[MASK_PX, MASK_PX]``: 0 keeps the photo, 255 takes the picture. Never written again."""


class MaskPreset(StrEnum):
    """FACE: from chin to hair line. HEAD: with the hair. CROP: everything that the model draws."""

    FACE = "face"
    HEAD = "head"
    CROP = "crop"


class Seam(StrEnum):
    """FEATHER fades over. GRADIENT first shifts the picture's colours, smoothly, to those of the photo along the
    mask's edge."""

    FEATHER = "feather"
    GRADIENT = "gradient"


@dataclass(frozen=True, slots=True)
class PasteSettings:
    """Attributes:
    preset: The mask, unless one was painted.
    feather: How wide the mask's edge fades, over the crop's width: 0 to `MAX_FEATHER`.
    opacity: 0 leaves the photo as it is, 1 puts the picture in.
    detail: How much of the photo's finest detail, which no model of this size can draw, is laid over the picture
        where the two are alike: 0 to 1.
    keep_exif: Whether what the camera noted (date, lens, place) goes into the result.
    """

    preset: MaskPreset = MaskPreset.FACE
    seam: Seam = Seam.GRADIENT
    feather: float = 0.03
    opacity: float = 1.0
    detail: float = 1.0
    keep_exif: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class PasteBack:
    """Render a picture and put it into the photo that its latent was found in, at the photo's full size. Result:
    `PastedBack`.

    Attributes:
        photo: The file, which may have moved since `source` was written.
        path: Target; its suffix chooses the format, as for `ExportStill`.
        mask: Painted by hand; None for the one that the settings name.
    """

    state: EditState
    photo: Path
    source: PortraitSource
    path: Path
    view: View = View.BLEND
    settings: PasteSettings = PasteSettings()
    mask: Mask | None = None


@dataclass(frozen=True, slots=True)
class SeamFigures:
    """How pixels on both sides of the mask's edge differ, on average, from 0 to 255.

    Attributes:
        result: In what was written.
        photo: In the photo itself at the same places: what is there to be seen anyway.
        plain: Had the picture been cut out and laid on the photo.
        outside: Largest difference to the photo of any sample outside the mask; 0 but for JPEG.
    """

    result: float
    photo: float
    plain: float
    outside: int = 0


@dataclass(frozen=True, slots=True)
class PastedBack:
    """Attributes:
    notes: Sentences for the user.
    """

    path: Path
    size_px: tuple[int, int]
    elapsed_s: float
    seam: SeamFigures
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PreviewPaste:
    """Put a picture into a small version of its photo. Result: `PastePreview`.

    Attributes:
        picture: What the canvas shows, ``[H, H, 4]`` BGRX; None asks for photo and mask alone.
        mask: Painted by hand; None for the one that the settings name.
    """

    photo: Path
    source: PortraitSource
    picture: NDArray[np.uint8] | None = None
    settings: PasteSettings = PasteSettings()
    mask: Mask | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PastePreview:
    """Attributes:
    photo: The small photo, BGRX; the same array every time.
    patch: What replaces a part of it, BGRX; None without a picture.
    place: Where the patch's upper left corner lies in `photo`.
    corners: Of the crop, in pixels of `photo`: top left, bottom left, bottom right, top right.
    size_px: Width and height of the upright photo as it was read for this, at most 24 megapixels.
    mask: The one that was used.
    notes: Sentences for the user.
    """

    photo: NDArray[np.uint8]
    patch: NDArray[np.uint8] | None
    place: tuple[int, int]
    corners: tuple[tuple[float, float], ...]
    size_px: tuple[int, int]
    mask: Mask
    notes: tuple[str, ...] = ()


PasteJob: TypeAlias = PasteBack | PreviewPaste
PasteResult: TypeAlias = PastedBack | PastePreview
