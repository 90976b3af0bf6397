"""What is to be said about a face before it is searched for: plain sentences, each with what to do.

Light (numpy only): the window says it while the crop is dragged, the engine about what it could not make out.
"""

from __future__ import annotations

import math

import numpy as np

from engine.framing import FacePoints, Framing, FramingKind, crop_quad

HARDLY_A_FACE = "This may be no face at all: mark its eyes and mouth by hand, or open another photo."
EYES_UNSURE = "The eyes are hard to make out (hair, glasses, a hand?), so this is a guess: check its three marks."
HEAD_TURNED = "The head is turned aside; models know faces from the front, so a frontal photo comes out closer."
FROM_THE_SIDE = "This face is seen from the side, so this is a guess: mark its eyes and mouth, or use a frontal one."

FACE_OVER_EYES = 2.2
"""Width of a face over the distance of its pupils."""
LEAST_FACE_PX = 64
GOOD_FACE_PX = 128
COARSE_SHARE = 0.6
"""Pixels of the crop over those of the model below which a softer result is foretold."""
OUTSIDE_SHARE = 0.03
TILTED_DEG = 25.0
UPSIDE_DOWN_DEG = 120.0
_GRID = 48


def crop_remarks(
    face: FacePoints, framing: Framing, size_px: tuple[int, int], img_resolution: int | None = None
) -> tuple[str, ...]:
    """Sentences about a crop: too few pixels, over the edge of the photo, a tilted head.

    Args:
        size_px: Width and height of the upright picture.
        img_resolution: Of the model it is for, if known.

    Raises:
        PortraitError: as `crop_quad`.
    """
    quad = crop_quad(face, framing)
    edge = float(np.hypot(*(quad[3] - quad[0])))
    outside = outside_share(face, framing, size_px)
    return tuple(filter(None, (_about_size(face, edge, img_resolution), _about_edge(outside), _about_tilt(face))))


def outside_share(face: FacePoints, framing: Framing, size_px: tuple[int, int]) -> float:
    """How much of the crop lies outside of the picture, 0 to 1."""
    quad = crop_quad(face, framing)
    steps = (np.arange(_GRID) + 0.5) / _GRID
    across, down = steps[:, None, None] * (quad[3] - quad[0]), steps[None, :, None] * (quad[1] - quad[0])
    places = quad[0] + across + down
    inside = ((places >= 0) & (places <= np.array(size_px))).all(axis=-1)
    return float(1 - inside.mean())


def tilt_deg(face: FacePoints) -> float:
    """By how much the line of the eyes is turned, -180 to 180, clockwise."""
    (left_x, left_y), (right_x, right_y) = face.left_eye, face.right_eye
    return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


def framing_sentence(framing: Framing) -> str:
    """Where the square comes from."""
    if framing.kind is FramingKind.FFHQ:
        return "Cut as for FFHQ, the usual way for faces; it is taken for granted where a model's file says nothing."
    return (
        f"Cut as this model was trained: pupils at {framing.eye_y:.0%} of the height, "
        f"{framing.eye_distance:.1%} of the width apart."
    )


def _about_size(face: FacePoints, edge_px: float, img_resolution: int | None) -> str:
    eyes = math.dist(face.left_eye, face.right_eye)
    wide = round(eyes * FACE_OVER_EYES)
    if wide < LEAST_FACE_PX:
        return (
            f"This face is only {wide} pixels wide: eyes, teeth and skin will be the model's invention. "
            f"Take a photo in which it is {GOOD_FACE_PX} or more."
        )
    if img_resolution and edge_px < COARSE_SHARE * img_resolution:
        return (
            f"The crop has {edge_px:.0f} pixels, the model draws {img_resolution}: the finest detail will be the "
            "model's own. A larger photo gives a closer likeness."
        )
    return ""


def _about_edge(share: float) -> str:
    if share < OUTSIDE_SHARE:
        return ""
    return f"{share:.0%} of the crop lies outside of the photo and is filled with its blurred mirror image."


def _about_tilt(face: FacePoints) -> str:
    tilt = abs(tilt_deg(face))
    if tilt > UPSIDE_DOWN_DEG:
        return "The face stands on its head; the crop turns it upright. Check that no eye is taken for the other."
    if tilt > TILTED_DEG:
        return f"The head is tilted by {tilt:.0f}°; the crop turns it upright. Check that the pupils are marked well."
    return ""
