"""Where a portrait was found: which photo, and where in it. Light: the window reads it, the library keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.errors import CorruptModelError
from engine.file_hash import file_sha256
from engine.framing import FacePoints, Framing
from engine.strict_json import decode, parse_json_object


@dataclass(frozen=True, slots=True)
class _Points:
    """`FacePoints` as JSON has it: ``[x, y]`` each."""

    left_eye: tuple[float, ...]
    right_eye: tuple[float, ...]
    mouth: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Document:
    path: str
    sha256: str
    face: _Points
    framing: Framing


@dataclass(frozen=True, slots=True)
class PortraitSource:
    """Attributes:
    path: The photo as it was opened; it may have moved since.
    sha256: Of the photo's file, in hex: tells whether another one lies there now. Empty when it is not known.
    face: In pixels of the upright photo as `engine.inversion.portraits` reads it.
    framing: How the face was cut out around those points.
    """

    path: Path
    sha256: str
    face: FacePoints
    framing: Framing = Framing()

    def face_in(self, photo: Path) -> FacePoints | None:
        """Where the face is in a photo, if it is the very one that this tells of."""
        try:
            return self.face if self.sha256 and file_sha256(photo) == self.sha256 else None
        except OSError:
            return None  # reading it says why

    def to_json_text(self) -> str:
        """Raises ValueError for a point that is no finite number."""
        document = asdict(self) | {"path": str(self.path)}
        return json.dumps(document, allow_nan=False, separators=(",", ":"))

    @staticmethod
    def from_json_text(text: str) -> PortraitSource:
        """Strict twin of `to_json_text`.

        Raises:
            CorruptModelError: names what is wrong.
        """
        found = decode(_Document, parse_json_object(text), "source")
        points = {name: _pair(getattr(found.face, name), name) for name in ("left_eye", "right_eye", "mouth")}
        return PortraitSource(Path(found.path), found.sha256, FacePoints(**points), found.framing)


def _pair(values: tuple[float, ...], name: str) -> tuple[float, float]:
    if len(values) != 2:
        raise CorruptModelError(f"The portrait's {name} is not a point.")
    return values[0], values[1]
