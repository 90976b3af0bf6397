"""What the scripted engine answers about pasting: a grey photo, the picture's colour where the mask is."""

from __future__ import annotations

import numpy as np

from engine.messages import Pixels
from engine.paste_events import (
    MASK_PX,
    Mask,
    MaskPreset,
    PasteBack,
    PastedBack,
    PastePreview,
    PreviewPaste,
    SeamFigures,
)

PHOTO: Pixels = np.full((400, 500, 4), 90, np.uint8)
CORNERS = ((150.0, 100.0), (150.0, 300.0), (350.0, 300.0), (350.0, 100.0))


def preset_mask(preset: MaskPreset) -> Mask:
    radius = {MaskPreset.FACE: 0.25, MaskPreset.HEAD: 0.35, MaskPreset.CROP: 0.48}[preset]
    y, x = np.mgrid[:MASK_PX, :MASK_PX] / MASK_PX - 0.5
    return np.where(np.hypot(x, y) < radius, 255, 0).astype(np.uint8)


def preview(job: PreviewPaste) -> PastePreview:
    mask = preset_mask(job.settings.preset) if job.mask is None else job.mask
    patch = None
    if job.picture is not None:
        patch = np.full((200, 200, 4), 255, np.uint8)
        patch[..., :3] = job.picture[..., :3].mean(axis=(0, 1)).astype(np.uint8)
    return PastePreview(PHOTO, patch, (150, 100), CORNERS, (2000, 1600), mask)


def paste(job: PasteBack) -> PastedBack:
    job.path.write_bytes(b"a photo with a face")
    return PastedBack(job.path, (2000, 1600), 1.0, SeamFigures(2.2, 2.6, 12.7), ("The photo is CMYK.",))
