"""How a face was put back into its photo, as the recipe inside the result tells it: enough to do it again with the
photo. No path, and nothing of the photo but its hash. Light."""

from __future__ import annotations

import base64
import binascii
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from engine.errors import CorruptModelError, RecipeFormatError
from engine.framing import FacePoints, Framing
from engine.paste_events import MAX_FEATHER, PasteSettings
from engine.portrait_source import PortraitSource
from engine.strict_json import decode

MAX_MASK_CHARS = 2 << 20


@dataclass(frozen=True, slots=True)
class PasteNote:
    """Attributes:
    sha256: Of the photo's file.
    mask: The mask as a grey PNG (`engine.paste.masks`).
    """

    sha256: str
    face: FacePoints
    framing: Framing
    settings: PasteSettings
    mask: bytes

    def source(self, photo: Path) -> PortraitSource:
        return PortraitSource(photo, self.sha256, self.face, self.framing)


@dataclass(frozen=True, slots=True)
class _Document:
    sha256: str
    left_eye: tuple[float, ...]
    right_eye: tuple[float, ...]
    mouth: tuple[float, ...]
    framing: Framing
    settings: PasteSettings
    mask: str


def note_to_json(note: PasteNote) -> dict[str, Any]:
    return {
        "sha256": note.sha256,
        **asdict(note.face),
        "framing": asdict(note.framing),
        "settings": asdict(note.settings),
        "mask": base64.b64encode(note.mask).decode(),
    }


def note_from_json(value: object, where: str) -> PasteNote:
    """Strict twin of `note_to_json`.

    Raises:
        RecipeFormatError: names the field and the rule that it broke.
    """
    try:
        found = decode(_Document, value, where)
        if len(found.mask) > MAX_MASK_CHARS:
            raise ValueError("the mask is too long")
        mask = base64.b64decode(found.mask, validate=True)
    except CorruptModelError as error:
        raise RecipeFormatError(error.user_message) from error
    except (binascii.Error, ValueError):
        raise RecipeFormatError(f"{where}.mask is damaged: it must be text in base64.") from None
    face = FacePoints(*(_point(getattr(found, field.name), f"{where}.{field.name}") for field in fields(FacePoints)))
    return PasteNote(found.sha256, face, found.framing, limited(found.settings), mask)


def limited(settings: PasteSettings) -> PasteSettings:
    """Numbers within what they may be."""
    return replace(
        settings,
        feather=min(max(settings.feather, 0.0), MAX_FEATHER),
        opacity=min(max(settings.opacity, 0.0), 1.0),
        detail=min(max(settings.detail, 0.0), 1.0),
    )


def _point(values: tuple[float, ...], where: str) -> tuple[float, float]:
    if len(values) != 2 or not all(math.isfinite(value) and abs(value) < 1e6 for value in values):
        raise RecipeFormatError(f"{where} must be a point of the photo.")
    return values[0], values[1]
