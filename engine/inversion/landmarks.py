"""Faces with their landmarks: boxes from the Haar cascades, the rest from the landmark network when it is there.

The network looks at every box twice, the second time in the frame that the first look suggests, and each time at the
picture and at its mirror image; the search for the iris has a say in where the pupils are. What it expects of its own
error decides whether a face counts as certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.face_remarks import EYES_UNSURE, FROM_THE_SIDE, HARDLY_A_FACE, HEAD_TURNED
from engine.framing import MOUTH_DROP, FacePoints
from engine.inversion.face_finder import FaceFinder, FoundFace
from engine.inversion.faces import (
    UPRIGHT_EYES,
    UPRIGHT_SIZE,
    Points,
    eye_guesses,
    find_faces,
    irises_in,
    profile_guesses,
    small_eye_guesses,
)
from engine.places import embedded_models_folder

if TYPE_CHECKING:
    from torch import Tensor

    from engine.nets.landmarks import LandmarkNet

LANDMARKS_FILE = "landmarks.safetensors"
KIND = "landmarks"
Rgb: TypeAlias = NDArray[np.uint8]

LOOKS = 2
AT_ONCE = 8
HOPELESS = 0.02
LIKELY_FACE = 0.5
IRIS_SHARE = 1 / 3
"""How far the network's pupils are moved towards the irises: both err, and not in the same way."""
CERTAIN_SPREAD = 0.03
"""Expected error of the worse pupil, in eye distances, above which a face is a guess."""
PROFILE_SHORTENING = 1.8
"""From the side the eyes look closer together than they are, and the mouth no nearer."""
GROUP = 3
"""So many faces at once are a group photo: smaller ones are looked for too."""
TURNED = 1.45
"""The way from the eyes' middle to the farther side of the jaw over that to the nearer one."""


@dataclass(frozen=True, slots=True, eq=False)
class LocatedFace:
    """Attributes:
    points: Pupils and mouth centre, in pixels of the picture.
    landmarks: ``[P, 2]``, see `engine.nets.landmarks.LANDMARKS`; None when no network looked.
    spread: By how much the worse pupil is expected to be off, in eye distances; None when no network looked.
    certain: Whether the points can be relied upon.
    remark: What makes them doubtful, or the likeness; a sentence, or empty.
    """

    points: FacePoints
    landmarks: Points | None = None
    spread: float | None = None
    certain: bool = True
    remark: str = ""


def locate_faces(
    image: Rgb, folder: Path | None = None, face_finder: FaceFinder | None = None
) -> tuple[LocatedFace, ...]:
    """Faces, the largest first; empty when there are none. Those that hardly look at the camera are a guess.

    Without the network's file, or with a damaged one, what the cascades or `face_finder` alone find. Torch is
    imported here, and only when the file is there.

    Args:
        image: The upright picture, ``[H, W, 3]`` uint8 RGB.
        folder: Where ``landmarks.safetensors`` is, if not with the embedded models.
        face_finder: What looks for faces first; where it finds none, and without it, the cascades do.
    """
    finder = open_finder(folder)
    if finder is not None:
        return finder.locate(image, face_finder)
    found = face_finder.find(image) if face_finder is not None else ()
    if found:
        return tuple(sorted((LocatedFace(face.face_points) for face in found), key=_width, reverse=True))
    return tuple(LocatedFace(points) for points in find_faces(image)) or _from_the_side(image)


def open_finder(folder: Path | None = None) -> LandmarkFinder | None:
    """The network that ships with Graft; None when its file is missing or cannot be used."""
    path = (folder or embedded_models_folder()) / LANDMARKS_FILE
    if not path.is_file():
        return None
    try:
        return load_finder(path)
    except ModelError:
        return None


def load_finder(path: Path) -> LandmarkFinder:
    """Read the network strictly.

    Raises:
        ModelError: it is damaged, of another kind, or made by a newer Graft.
    """
    from engine.errors import CorruptModelError, UnsupportedModelError
    from engine.helper_file import load_helper
    from engine.nets.landmarks import FRAME_PX, LANDMARKS, LandmarkNet

    card, tensors = load_helper(path, KIND)
    if card.points != LANDMARKS or card.input_px != FRAME_PX:
        raise UnsupportedModelError(f"{path.name:.80} finds other landmarks than this Graft knows.", "Update Graft.")
    try:
        return LandmarkFinder(LandmarkNet.from_tensors(tensors))
    except (RuntimeError, KeyError, ValueError):
        raise CorruptModelError(f"The weights in {path.name:.80} are not those of a landmark network.") from None


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Attributes:
    landmarks: ``[P, 2]``, pixels of the picture.
    spread: Of the worse pupil, in eye distances.
    face: Probability that there is one.
    """

    landmarks: Points
    spread: float
    face: float

    @property
    def eyes(self) -> Points:
        return self.landmarks[:2]


class LandmarkFinder:
    """Made by `load_finder`."""

    def __init__(self, net: LandmarkNet) -> None:
        self._net = net

    def locate(self, image: Rgb, face_finder: FaceFinder | None = None) -> tuple[LocatedFace, ...]:
        """See `locate_faces`."""
        found = face_finder.find(image) if face_finder is not None else ()
        seen = self._look_at(image, [face.eyes for face in found])
        if not any(face.face > LIKELY_FACE for face in seen):
            for boxes in eye_guesses(image):
                seen += self._look_at(image, boxes)
                if any(face.face > LIKELY_FACE for face in seen):
                    break
        likely = [face for face in seen if face.face > LIKELY_FACE]
        if not found and len(likely) >= GROUP:
            seen += self._look_at(image, [eyes for eyes in small_eye_guesses(image) if _is_new(eyes, likely)])
        located = [_located(face) for face in _distinct(seen)]
        located += _not_seen([_doubted(face) for face in found], located)  # the two disagree: a guess
        return tuple(sorted(located, key=_width, reverse=True)) or _from_the_side(image)

    def look(self, image: Rgb, eyes: Points) -> _Seen:
        """Find the landmarks of one face.

        Args:
            image: ``[H, W, 3]`` uint8 RGB.
            eyes: Roughly where the pupils are, ``[2, 2]``, left one first.
        """
        return self._look_at(image, [eyes])[0]

    def _look_at(self, image: Rgb, guesses: Sequence[Points]) -> list[_Seen]:
        """As `look`, at several faces."""
        seen = [face for some in _batches(guesses) for face in self._look_once(image, some)]
        likely = [number for number, face in enumerate(seen) if face.face >= HOPELESS]  # leaves have many boxes
        for _ in range(LOOKS - 1):
            eyes = [seen[number].eyes for number in likely]
            again = [face for some in _batches(eyes) for face in self._look_once(image, some)]
            for number, face in zip(likely, again, strict=True):
                seen[number] = face
        for number in likely:
            face = seen[number]
            pupils = face.eyes + IRIS_SHARE * (_irises(image, face.eyes) - face.eyes)
            seen[number] = replace(face, landmarks=np.concatenate([pupils, face.landmarks[2:]]))
        return seen

    def _look_once(self, image: Rgb, guesses: Sequence[Points]) -> list[_Seen]:
        import torch

        from engine.nets.landmarks import FRAME_EYES, FRAME_PX

        frames = [framed(image, eyes, np.array(FRAME_EYES), (FRAME_PX, FRAME_PX)) for eyes in guesses]
        both = np.stack([side for frame, _ in frames for side in (frame, frame[:, ::-1])])
        shown = both.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        with torch.inference_mode(False), torch.no_grad():
            looked = self._net(torch.from_numpy(np.ascontiguousarray(shown)))
        points, log_spread, face = (_numbers(one) for one in (looked.points, looked.log_spread, looked.face))
        pairs = [slice(2 * number, 2 * number + 2) for number in range(len(frames))]
        return [
            _seen_twice(points[pair], log_spread[pair], face[pair], back)
            for pair, (_, back) in zip(pairs, frames, strict=True)
        ]


def _batches(guesses: Sequence[Points]) -> list[Sequence[Points]]:
    return [guesses[start : start + AT_ONCE] for start in range(0, len(guesses), AT_ONCE)]


def _seen_twice(points: Points, log_spread: Points, face: Points, back: Points) -> _Seen:
    """What a look at a frame and one at its mirror image say together.

    Args:
        points: ``[2, P, 2]`` pixels of the frames.
        log_spread: ``[2, P]``.
        face: ``[2]``.
        back: The affine to the picture, ``[2, 3]``.
    """
    from engine.nets.landmarks import FRAME_EYE_DISTANCE, FRAME_PX, MIRRORED, PUPILS

    mirrored = points[1][list(MIRRORED)] * np.array([-1.0, 1.0]) + np.array([FRAME_PX - 1.0, 0.0])
    middle = (points[0] + mirrored) / 2
    # Two looks that disagree are no better than their distance.
    apart = np.linalg.norm(points[0] - mirrored, axis=1)[list(PUPILS)] / 2 / FRAME_EYE_DISTANCE
    spreads = np.exp(log_spread)[:, list(PUPILS)].mean(axis=0)
    likely = 1 / (1 + np.exp(-float(face.mean())))
    return _Seen(middle @ back[:, :2].T + back[:, 2], float(np.maximum(spreads, apart).max()), likely)


def framed(image: Rgb, eyes: Points, places: Points, size: tuple[int, int]) -> tuple[Rgb, Points]:
    """An upright frame around a face.

    Args:
        places: Where the pupils come to lie in it, ``[2, 2]``, at the same height.
        size: Its width and height.

    Returns:
        ``[height, width, 3]``, and the affine from it to the picture, ``[2, 3]``.
    """
    across = eyes[1] - eyes[0]
    distance, wanted = max(float(np.hypot(*across)), 1.0), float(places[1, 0] - places[0, 0])
    cos, sin = across / wanted if distance > 1.0 else np.array([1 / wanted, 0.0])
    linear = np.array([[cos, -sin], [sin, cos]])
    back = np.column_stack([linear, eyes[0] - linear @ places[0]])
    corners = np.array([(x, y) for x in (0, size[0]) for y in (0, size[1])]) @ linear.T + back[:, 2]
    height, width = image.shape[:2]
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 2, low + 1, (width, height)).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    shrink = distance / wanted
    inner = np.column_stack([linear, back[:, 2] - low])
    if shrink > 1:  # averaged down first: a plain warp would skip pixels
        small = (max(1, round(part.shape[1] / shrink)), max(1, round(part.shape[0] / shrink)))
        scale = np.array([small[0] / part.shape[1], small[1] / part.shape[0]])
        part = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), np.uint8)
        inner = inner * scale[:, None]
        inner[:, 2] += scale / 2 - 0.5  # the middles of pixels, not their corners, are whole numbers
    frame = cv2.warpAffine(
        part,
        inner,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(frame, np.uint8), back


def _irises(image: Rgb, eyes: Points) -> Points:
    """What the search for dark discs says, near `eyes`."""
    frame, back = framed(image, eyes, UPRIGHT_EYES, UPRIGHT_SIZE)
    grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
    return irises_in(grey) @ back[:, :2].T + back[:, 2]


def _distinct(seen: list[_Seen]) -> list[_Seen]:
    """Each face once, the largest first. Boxes that are hardly faces count only when there is nothing better."""
    kept: list[_Seen] = []
    for face in sorted(seen, key=lambda face: face.face, reverse=True):
        if face.face < HOPELESS or (face.face <= LIKELY_FACE and kept):
            break
        if _is_new(face.eyes, kept):
            kept.append(face)
    return sorted(kept, key=_eye_distance, reverse=True)


def _is_new(eyes: Points, known: list[_Seen]) -> bool:
    """Whether these are not the eyes of a face that is known."""
    middle = eyes.mean(axis=0)
    return all(np.hypot(*(middle - other.eyes.mean(axis=0))) > _eye_distance(other) for other in known)


def _eye_distance(seen: _Seen) -> float:
    return float(np.hypot(*(seen.eyes[1] - seen.eyes[0])))


def _located(seen: _Seen) -> LocatedFace:
    from engine.nets.landmarks import MOUTH_CORNERS

    left, right = seen.eyes.tolist()
    mouth = seen.landmarks[list(MOUTH_CORNERS)].mean(axis=0).tolist()
    points = FacePoints((left[0], left[1]), (right[0], right[1]), (mouth[0], mouth[1]))
    if seen.face <= LIKELY_FACE:
        remark = HARDLY_A_FACE
    elif seen.spread >= CERTAIN_SPREAD:
        remark = EYES_UNSURE
    else:
        remark = HEAD_TURNED if _is_turned(seen) else ""
    return LocatedFace(points, seen.landmarks, seen.spread, remark in ("", HEAD_TURNED), remark)


def _is_turned(seen: _Seen) -> bool:
    """Whether one side of the face is seen at much greater length than the other."""
    from engine.nets.landmarks import JAW_SIDES

    middle, across = seen.eyes.mean(axis=0), seen.eyes[1] - seen.eyes[0]
    left, right = (abs(float((seen.landmarks[list(side)].mean(axis=0) - middle) @ across)) for side in JAW_SIDES)
    return max(left, right) > TURNED * min(left, right)


def _doubted(found: FoundFace) -> LocatedFace:
    """A face that the finder is sure of and the network is not: mostly one that is turned far aside."""
    return LocatedFace(found.face_points, certain=False, remark=FROM_THE_SIDE)


def _from_the_side(image: Rgb) -> tuple[LocatedFace, ...]:
    heads: list[LocatedFace] = []
    for left, right in profile_guesses(image):
        down = np.array([left[1] - right[1], right[0] - left[0]]) * MOUTH_DROP
        mouth = ((left + right) / 2 + down * PROFILE_SHORTENING).tolist()
        points = FacePoints((left[0], left[1]), (right[0], right[1]), (mouth[0], mouth[1]))
        heads += _not_seen([LocatedFace(points, certain=False, remark=FROM_THE_SIDE)], heads)
    return tuple(heads)


def _not_seen(faces: list[LocatedFace], known: list[LocatedFace]) -> list[LocatedFace]:
    """Those whose eyes lie farther from every known face's than those are apart."""
    return [face for face in faces if all(math.dist(_middle(face), _middle(one)) > _width(one) for one in known)]


def _middle(face: LocatedFace) -> tuple[float, float]:
    (ax, ay), (bx, by) = face.points.left_eye, face.points.right_eye
    return (ax + bx) / 2, (ay + by) / 2


def _width(face: LocatedFace) -> float:
    return math.dist(face.points.left_eye, face.points.right_eye)


def _numbers(tensor: Tensor) -> NDArray[np.float64]:
    return np.asarray(tensor.double().numpy())
