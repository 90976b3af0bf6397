"""What is what in a studio portrait: head, skin, hair, clothes, by colour and landmarks on a flat grey ground."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.training.portrait_data import landmarks as at
from engine.training.portrait_data.canvas import Canvas, Floats, Mask, Points, to_lab
from engine.training.portrait_data.morph import Portrait, face_mask

GROUND_DISTANCE = 11
HOLE_AREA = 900
SPECK_AREA = 500
WHITE_SHIRT = 78
"""The set's people wear white: clothes are lighter than this and nearly without colour."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Masks ``[S, S]``. Hair, clothes and skin share no pixel and lie within the figure.

    Attributes:
        figure: All that is not ground.
        face: Polygon of the landmarks, whatever covers it.
        lab: The picture in CIE L*a*b*.
        skin_lab: Median colour of the skin.
    """

    figure: Mask
    face: Mask
    skin: Mask
    hair: Mask
    clothes: Mask
    lab: Floats
    skin_lab: Floats


def find_regions(portrait: Portrait, canvas: Canvas) -> Regions:
    points = portrait.points
    lab = to_lab(portrait.picture)
    figure = _figure(lab, canvas)
    face = canvas.blur(face_mask(points, canvas), 0.6) > 0.5
    cheeks = cv2.erode(face.astype(np.uint8), canvas.square(25)) > 0
    skin_lab = np.median(lab[cheeks if cheeks.any() else face], axis=0)
    far = _distance(lab, skin_lab, 0.35, 1.5)
    rows, _ = canvas.rows_columns
    jaw = points[at.JAW_BOTTOM, 1].max()
    pale = (lab[..., 0] > WHITE_SHIRT) & (np.abs(lab[..., 1]) + np.abs(lab[..., 2]) < 16)
    clothes = canvas.median(figure & (rows > jaw + 14 * canvas.scale) & pale, 9)
    neck = canvas.polygon(_neck(points, canvas))
    clothes &= ~_specks_on(neck > 0, clothes, canvas)
    ears = (canvas.polygon(points[at.LEFT_EAR]) | canvas.polygon(points[at.RIGHT_EAR])) > 0
    beside = cv2.morphologyEx((face | ears).astype(np.uint8), cv2.MORPH_CLOSE, canvas.bar(3, 15)) > 0
    below = (rows > points[at.EAR_LOBES, 1].mean()) & (far < 30)
    throat = (cv2.dilate(neck, canvas.bar(3, 19)) > 0) | (rows > canvas.size - 14 * canvas.scale)
    skin = figure & ~clothes & (face | (ears & (far < 55)) | (beside & (far < 60)) | (below & throat))
    hair = figure & ~skin & ~clothes & ~((neck > 0) & (far < 40))
    opened = cv2.morphologyEx(hair.astype(np.uint8), cv2.MORPH_OPEN, canvas.square(3)) > 0
    hair = canvas.median(opened, 5) & figure & ~clothes
    return Regions(figure, face, figure & ~clothes & ~hair, hair, clothes, lab, skin_lab)


def _figure(lab: Floats, canvas: Canvas) -> Mask:
    """All but the ground, whose colour is that of the upper corners; one piece, with small holes filled."""
    height, width = round(18 * canvas.scale), round(24 * canvas.scale)
    corners = np.concatenate([lab[:height, :width].reshape(-1, 3), lab[:height, -width:].reshape(-1, 3)])
    figure = (_distance(lab, np.median(corners, axis=0), 0.6, 2.0) > GROUND_DISTANCE).astype(np.uint8)
    figure = np.asarray(cv2.morphologyEx(figure, cv2.MORPH_OPEN, canvas.square(3)), np.uint8)
    figure = np.asarray(cv2.morphologyEx(figure, cv2.MORPH_CLOSE, canvas.square(7)), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(figure)
    if count > 1:
        figure = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    # A ring of ground around the picture, except below, tells holes from ground that a shoulder cuts off.
    ringed = 1 - np.pad(figure, 1)[:-1]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ringed, connectivity=4)
    small = [
        number
        for number in range(1, count)
        if number != labels[0, 0] and stats[number, cv2.CC_STAT_AREA] < HOLE_AREA * canvas.scale**2
    ]
    return canvas.median((figure > 0) | np.isin(labels[1:, 1:-1], small), 7)


def _specks_on(neck: Mask, clothes: Mask, canvas: Canvas) -> Mask:
    """Small pale patches of the neck that passed for clothes."""
    _, labels, stats, centres = cv2.connectedComponentsWithStats(clothes.astype(np.uint8))
    columns = np.flatnonzero(neck.any(axis=0))
    between = (centres[:, 0] > columns.min()) & (centres[:, 0] < columns.max()) if columns.size else np.False_
    small = (stats[:, cv2.CC_STAT_AREA] < SPECK_AREA * canvas.scale**2) & between
    return np.asarray(small[labels] & clothes)


def _neck(points: Points, canvas: Canvas) -> Points:
    left, right, right_shoulder, left_shoulder = points[list(at.NECK)]
    inset, bottom = 2 * canvas.scale, canvas.size
    inner_left, inner_right = (left[0] + inset, left[1]), (right[0] - inset, right[1])
    return np.array([inner_left, inner_right, (right_shoulder[0], bottom), (left_shoulder[0], bottom)])


def _distance(lab: Floats, colour: Floats, lightness: float, hue: float) -> Floats:
    """How far each pixel is from a colour, with weights for squared differences of L and of a and b."""
    return np.asarray(np.sqrt(((lab - colour) ** 2 * np.array([lightness, hue, hue])).sum(axis=2)), np.float32)
