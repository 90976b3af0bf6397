"""Photos as line drawings, by the sketch network that comes with Graft. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engine.atomic import write_atomic
from engine.errors import CorruptModelError, NoFaceError
from engine.export.stills import encoded_still, still_suffix
from engine.framing import FacePoints, Framing, FramingKind
from engine.helper_file import load_helper
from engine.inversion.align import align_face
from engine.inversion.landmarks import locate_faces
from engine.inversion.portraits import read_portrait
from engine.nets.sketch import UNIT_PX, SketchNet
from engine.places import embedded_models_folder

Rgb: TypeAlias = NDArray[np.uint8]
Grey: TypeAlias = NDArray[np.uint8]

SKETCH_FILE = "sketch.safetensors"
KIND = "sketch"
DRAWN_PX = 256
DEFAULT_PX = 512
MAX_PX = 2048
FRAMING = Framing(FramingKind.EYES, 0.46, 0.235)
EYE_DISTANCE_PX = FRAMING.eye_distance * DRAWN_PX
MAX_WHOLE_PX = 1536
"""Longest edge on which a whole picture is drawn."""
WHOLE_SCALE = DEFAULT_PX / DRAWN_PX
SMOOTHING_PX = 0.6
"""Where the network is unsure of a line, it leaves a pattern of single pixels."""
CRISPNESS = 2.0
"""An enlarged line is as wide as before but its edge as sharp as if drawn large."""


@dataclass(frozen=True, slots=True, eq=False)
class LineDrawing:
    """Attributes:
    lines: ``[H, W]`` uint8: 255 paper, 0 ink.
    notes: Sentences for the user.
    """

    lines: Grey
    notes: tuple[str, ...] = ()


def load_sketch_net(folder: Path | None = None) -> SketchNet:
    """Read the network strictly.

    Args:
        folder: Where ``sketch.safetensors`` is, if not with the embedded models.

    Raises:
        ModelError: it is missing, damaged, of another kind, or made by a newer Graft.
    """
    path = (folder or embedded_models_folder()) / SKETCH_FILE
    _, tensors = load_helper(path, KIND)
    try:
        return SketchNet.from_tensors(tensors)
    except (RuntimeError, KeyError, ValueError):
        raise CorruptModelError(f"The weights in {path.name:.80} are not those of a sketch network.") from None


def draw_lines(net: SketchNet, image: Rgb) -> Grey:
    """Draw a picture at its own size, ``[H, W, 3]`` uint8 RGB to ``[H, W]`` uint8; eyes best 60 px apart."""
    height, width = image.shape[:2]
    below, right = -height % UNIT_PX, -width % UNIT_PX
    padded = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
    pixels = torch.from_numpy(padded).permute(2, 0, 1)[None].float().div(127.5).sub(1)
    with torch.inference_mode(False), torch.no_grad():
        drawn = net(pixels)[0, 0, :height, :width]
    return np.asarray(((drawn + 1) * 127.5).round().byte().numpy())


def draw_portrait(
    path: Path,
    face: FacePoints | None = None,
    *,
    number: int = 1,
    whole: bool = False,
    size_px: int = DEFAULT_PX,
    folder: Path | None = None,
) -> LineDrawing:
    """Draw the face in a photo, cut out as the portrait models frame it; or the whole photo.

    Args:
        face: Where it is in the upright photo; by default it is looked for.
        number: Which one, when several are found; 1 is the largest.
        whole: Draw everything, at the scale that suits the face, or 1024 px wide or high when there is none.
        size_px: Edge of the square, 64 to 2048; not used for a whole photo.
        folder: Where the networks are, if not with the embedded models.

    Raises:
        PortraitError: the file is no picture, or there is no such face.
        ModelError: the network is missing or damaged.
    """
    net = load_sketch_net(folder)
    picture = read_portrait(path)
    notes = picture.notes
    if face is None:
        faces = locate_faces(picture.pixels, folder)
        if len(faces) >= number:
            face = faces[number - 1].points
            if len(faces) > 1:
                notes = (*notes, f"{len(faces)} faces were found; number {number} from the largest was taken.")
        elif not whole or number > 1:
            raise NoFaceError(f"No such face was found in {path.name:.80}.", "Draw the whole picture instead.")
    if whole:
        return LineDrawing(enlarged(draw_lines(net, _at_scale(picture.pixels, face)), WHOLE_SCALE), notes)
    assert face is not None, "a missing face was told above"
    lines = draw_lines(net, align_face(picture.pixels, face, FRAMING, DRAWN_PX))
    return LineDrawing(enlarged(lines, size_px / DRAWN_PX), notes)


def enlarged(lines: Grey, scale: float) -> Grey:
    """A drawing at another size, its lines with crisp edges."""
    size = (max(1, round(lines.shape[1] * scale)), max(1, round(lines.shape[0] * scale)))
    if scale <= 1:
        return np.asarray(cv2.resize(lines, size, interpolation=cv2.INTER_AREA), np.uint8)
    smooth = cv2.GaussianBlur(lines.astype(np.float32), (0, 0), SMOOTHING_PX)
    large = cv2.resize(smooth, size, interpolation=cv2.INTER_CUBIC) / 255
    return np.asarray(np.clip((large - 0.5) * min(scale, CRISPNESS) + 0.5, 0, 1) * 255 + 0.5, np.uint8)


def write_drawing(path: Path, drawing: LineDrawing) -> None:
    """Write it as a picture; the suffix chooses the format, as for stills.

    Raises:
        StorageError: the format is unknown, or the file could not be written.
    """
    write_atomic(path, encoded_still(np.repeat(drawing.lines[..., None], 3, axis=2), still_suffix(path)))


def _at_scale(image: Rgb, face: FacePoints | None) -> Rgb:
    height, width = image.shape[:2]
    scale = DEFAULT_PX / max(height, width)
    if face is not None:
        across = np.array(face.right_eye) - np.array(face.left_eye)
        scale = EYE_DISTANCE_PX / max(float(np.hypot(*across)), 1.0)
    scale = min(scale, MAX_WHOLE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
