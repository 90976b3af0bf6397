"""Two changed versions of a face, of which anybody would call one the nearer: what `perceptual.py` asks about.

The nearer one keeps the face and changes how it was photographed: a slight turn of the camera, another development.
The farther one keeps the photograph and spoils the face or the picture; by pixels that is often the nearer one.
None of these changes is drawn when the feature net is trained; strengths were fixed before any network was measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
"""A picture ``[256, 256, 3]``, RGB in [0, 1], pupils at (98, 118) and (158, 118)."""

Change: TypeAlias = Callable[[Floats, np.random.Generator], Floats]
NearChange: TypeAlias = Callable[[Floats, float, np.random.Generator], Floats]
"""Of a strength from 0, nothing, to 1, as much as leaves nobody in doubt."""

SIZE = 256
EYES = ((98, 118), (158, 118))
EYE_HALF = (22, 12)
MOUTH, MOUTH_HALF = (128, 184), (32, 15)
FACE, FACE_AXES = (128, 142), (50, 66)
NEAR_PER_FAR = 2


@dataclass(frozen=True, eq=False)
class Trial:
    """Attributes:
    reference: Number of the face.
    family: How `far` was made.
    """

    reference: int
    family: str
    near: Floats
    far: Floats


def drawn_trials(faces: Sequence[Floats], seed: int) -> list[Trial]:
    """Every far family on every face, each against `NEAR_PER_FAR` near ones."""
    trials = []
    for number, face in enumerate(faces):
        rng = np.random.default_rng((seed, number))
        for family in (*SPOILED, OTHER_FACE, SOMEBODY_ELSE):
            for _ in range(NEAR_PER_FAR):
                other = faces[(number + 1 + rng.integers(len(faces) - 1)) % len(faces)]
                if family == SOMEBODY_ELSE:
                    far = other
                elif family == OTHER_FACE:
                    far = with_face_of(face, other)
                else:
                    far = SPOILED[family](face, rng)
                turned = TURNED[rng.integers(len(TURNED))](face, rng.uniform(0.1, 1), rng)
                near = DEVELOPED[rng.integers(len(DEVELOPED))](turned, rng.uniform(0.1, 1), rng)
                trials.append(Trial(number, family, clipped(near), clipped(far)))
    return trials


# --- near: another camera position, another development ----------------------------------------------------------


def rolled(face: Floats, strength: float, rng: np.random.Generator) -> Floats:
    matrix = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), 3 * strength * sign(rng), 1.0)
    return moved(face, np.vstack([matrix, [0, 0, 1]]))


def in_perspective(face: Floats, strength: float, rng: np.random.Generator) -> Floats:
    corners = np.array([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]], np.float32)
    there = corners + (rng.uniform(-0.025, 0.025, (4, 2)) * strength * SIZE).astype(np.float32)
    return moved(face, cv2.getPerspectiveTransform(corners, there))


def sheared(face: Floats, strength: float, rng: np.random.Generator) -> Floats:
    amount = 0.05 * strength * sign(rng)
    return moved(face, np.array([[1, amount, -amount * SIZE / 2], [0, 1, 0], [0, 0, 1.0]]))


def through_lens(face: Floats, strength: float, rng: np.random.Generator) -> Floats:
    """Barrel or pincushion."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) / (SIZE / 2) - 1
    scale = 1 + np.float32(0.06 * strength * sign(rng)) * (rows**2 + columns**2 - 0.5)
    return remapped(face, (columns * scale + 1) * SIZE / 2, (rows * scale + 1) * SIZE / 2)


def vignetted(face: Floats, strength: float, _: np.random.Generator) -> Floats:
    rows, columns = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j].astype(np.float32)
    return face * (1 - np.float32(0.4 * strength) * (rows**2 + columns**2))[..., None]


def tone_curved(face: Floats, strength: float, _: np.random.Generator) -> Floats:
    share = np.float32(0.8 * strength)
    return face * (1 - share) + share * face * face * (3 - 2 * face)


def warmer_or_cooler(face: Floats, strength: float, rng: np.random.Generator) -> Floats:
    amount = 0.12 * strength * sign(rng)
    return face * np.array([1 + amount, 1, 1 - amount], np.float32)


def less_colourful(face: Floats, strength: float, _: np.random.Generator) -> Floats:
    share = np.float32(0.6 * strength)
    return face * (1 - share) + share * face.mean(axis=2, keepdims=True)


TURNED: Sequence[NearChange] = (rolled, in_perspective, sheared, through_lens)
DEVELOPED: Sequence[NearChange] = (vignetted, tone_curved, warmer_or_cooler, less_colourful)


# --- far: the face or the picture is spoiled -----------------------------------------------------------------------


def thatcherised(face: Floats, _: np.random.Generator) -> Floats:
    """Eyes and mouth upside down. Source: Thompson 1980, doi 10.1068/p090483."""
    result = face
    for middle, half in (*((eye, EYE_HALF) for eye in EYES), (MOUTH, MOUTH_HALF)):
        (x, y), (w, h) = middle, half
        flipped = result.copy()
        flipped[y - h : y + h, x - w : x + w] = result[y - h : y + h, x - w : x + w][::-1]
        result = blended(result, flipped, middle, half)
    return result


def with_an_eye_moved(face: Floats, rng: np.random.Generator) -> Floats:
    eye = EYES[rng.integers(2)]
    down = int(rng.integers(7, 12) * sign(rng))
    return blended(face, np.roll(face, down, axis=0), (eye[0], eye[1] + down), EYE_HALF)


def with_an_eye_gone(face: Floats, rng: np.random.Generator) -> Floats:
    eye = EYES[rng.integers(2)]
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, eye, EYE_HALF, 0, 0, 360, 1, -1)
    filled = cv2.inpaint((face * 255).astype(np.uint8), mask, 5, cv2.INPAINT_TELEA)
    return filled.astype(np.float32) / 255


def with_face_of(face: Floats, other: Floats) -> Floats:
    """Another person between the brows and the chin, in this one's colours."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, FACE, FACE_AXES, 0, 0, 360, 255, -1)
    source, target = ((picture * 255).astype(np.uint8) for picture in (other, face))
    cloned = cv2.seamlessClone(source, target, mask, FACE, cv2.NORMAL_CLONE)
    return cloned.astype(np.float32) / 255


def mosaic(face: Floats, rng: np.random.Generator) -> Floats:
    cell = int(rng.integers(6, 11))
    small = cv2.resize(face, (SIZE // cell, SIZE // cell), interpolation=cv2.INTER_AREA)
    return blended(face, cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST), FACE, FACE_AXES)


def frosted(face: Floats, rng: np.random.Generator) -> Floats:
    """As through ribbed glass: each pixel taken from somewhere near."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    reach = rng.uniform(2.5, 5)
    shift = rng.uniform(-reach, reach, (2, SIZE // 2, SIZE // 2)).repeat(2, 1).repeat(2, 2).astype(np.float32)
    return remapped(face, columns + shift[0], rows + shift[1])


def shaken(face: Floats, rng: np.random.Generator) -> Floats:
    """Motion blur."""
    length = int(rng.integers(9, 18))
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), float(rng.uniform(0, 180)), 1)
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    kernel = cv2.warpAffine(line, turn, (length, length))
    return np.asarray(cv2.filter2D(face, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101), np.float32)


def painterly(face: Floats, rng: np.random.Generator) -> Floats:
    side = int(rng.choice([9, 11, 13]))
    return cv2.medianBlur((clipped(face) * 255).astype(np.uint8), side).astype(np.float32) / 255


def posterised(face: Floats, rng: np.random.Generator) -> Floats:
    steps = int(rng.integers(3, 6))
    return np.asarray(np.round(face * steps) / steps, np.float32)


def garbled(face: Floats, rng: np.random.Generator) -> Floats:
    """Detail of the right strength in the wrong places: random phases of the high frequencies."""
    across = np.fft.rfftfreq(SIZE)[None, :]
    along = np.fft.fftfreq(SIZE)[:, None]
    high = np.hypot(across, along) > rng.uniform(0.06, 0.12)
    turn = np.exp(1j * np.where(high, np.angle(np.fft.rfft2(rng.standard_normal((SIZE, SIZE)))), 0))
    spectrum = np.fft.rfft2(face, axes=(0, 1)) * turn[..., None]
    return np.fft.irfft2(spectrum, s=(SIZE, SIZE), axes=(0, 1)).astype(np.float32)


OTHER_FACE = "another face"
SOMEBODY_ELSE = "another picture"
SPOILED: Mapping[str, Change] = MappingProxyType(
    {
        "eyes and mouth upside down": thatcherised,
        "an eye moved": with_an_eye_moved,
        "an eye gone": with_an_eye_gone,
        "mosaic": mosaic,
        "frosted glass": frosted,
        "motion blur": shaken,
        "median": painterly,
        "posterised": posterised,
        "garbled detail": garbled,
    }
)


# --- tools -------------------------------------------------------------------------------------------------------


def sign(rng: np.random.Generator) -> int:
    return int(rng.choice([-1, 1]))


def moved(face: Floats, matrix: NDArray[np.float64]) -> Floats:
    found = cv2.warpPerspective(face, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(found, np.float32)


def remapped(face: Floats, x: Floats, y: Floats) -> Floats:
    found = cv2.remap(face, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(found, np.float32)


def blended(below: Floats, above: Floats, middle: tuple[int, int], half: tuple[int, int]) -> Floats:
    """`above` inside an ellipse, `below` around it, with a soft edge of a few pixels."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.ellipse(mask, middle, half, 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), 2.0)[..., None]
    return np.asarray(below * (1 - soft) + above * soft, np.float32)


def clipped(picture: Floats) -> Floats:
    return np.clip(picture, 0, 1).astype(np.float32)
