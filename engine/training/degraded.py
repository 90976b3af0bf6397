"""What light, cameras, hands and mailboxes do to a photo. Pictures are ``[H, W, 3]`` float32, RGB in [0, 1]."""

from __future__ import annotations

import cv2
import numpy as np

from engine.training.bending import Floats, Points

_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def relit(picture: Floats, rng: np.random.Generator) -> Floats:
    """Other light: from a side, darker or brighter, tinted, harder or softer, or without colour."""
    height, width = picture.shape[:2]
    if rng.random() < 0.5:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(max(height, width)) - np.float32(0.5)
        angle = rng.uniform(0, 2 * np.pi)
        along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
        picture = picture * (1 + np.float32(rng.uniform(0.2, 1.4)) * along)[..., None]
    gain = np.exp(rng.normal(size=3) * 0.12 + rng.normal() * 0.3).astype(np.float32)
    power = np.float32(np.exp(rng.normal() * 0.25))
    picture = np.clip(picture * gain, 0, 1) ** power
    if rng.random() < 0.4:
        middle = picture.mean()
        picture = (picture - middle) * np.float32(rng.uniform(0.5, 1.5)) + middle
    if rng.random() < 0.5:
        share = np.float32(1 if rng.random() < 0.4 else rng.uniform(-0.5, 0.9))
        picture = picture + share * ((picture @ _GREY)[..., None] - picture)
    return np.asarray(np.clip(picture, 0, 1), np.float32)


def degraded(picture: Floats, rng: np.random.Generator) -> Floats:
    """Blurred, enlarged from less, noisy, saved as a poor JPEG: each now and then."""
    height, width = picture.shape[:2]
    if rng.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.8)).astype(np.float32)
    if rng.random() < 0.2:
        share = rng.uniform(0.3, 0.9)
        small = cv2.resize(picture, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    if rng.random() < 0.4:
        noise = rng.standard_normal(picture.shape, dtype=np.float32)
        picture = picture + noise * np.float32(rng.uniform(0.005, 0.07))
    picture = np.clip(picture, 0, 1)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 85))]
        _, packed = cv2.imencode(".jpg", (picture * 255 + 0.5).astype(np.uint8), quality)
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.float32) / np.float32(255)
    return np.asarray(picture, np.float32)


def covered(picture: Floats, points: Points, rng: np.random.Generator) -> Floats:
    """A hand, a strand or a microphone before the face now and then, and spectacles on one in six.

    Args:
        points: The pupils are the first two.
    """
    if rng.random() < 0.17:
        picture = _with_glasses(picture, points[0], points[1], rng)
    if rng.random() < 0.25:
        for _ in range(int(rng.integers(1, 4))):
            picture = _with_blob(picture, rng)
    return picture


def _with_blob(picture: Floats, rng: np.random.Generator) -> Floats:
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.float32)
    place = rng.integers(0, width), rng.integers(0, height)
    long, thin = rng.uniform(0.05, 0.45) * width, rng.uniform(0.02, 0.18) * width
    box = (place[0].item(), place[1].item()), (long, thin), rng.uniform(0, 180)
    if rng.random() < 0.5:
        cv2.ellipse(mask, box, 1.0, -1, cv2.LINE_AA)
    else:
        cv2.fillPoly(mask, [np.round(cv2.boxPoints(box)).astype(np.int32)], (1.0,), cv2.LINE_AA)
    colour = rng.random(3).astype(np.float32) + np.float32(0.1) * rng.standard_normal((height, width, 1), np.float32)
    return np.asarray(picture + mask[..., None] * (colour - picture), np.float32)


def _with_glasses(picture: Floats, left: Points, right: Points, rng: np.random.Generator) -> Floats:
    """Two lenses of one shape, a bridge and two temples; clear, tinted or catching light."""
    across = right - left
    distance = float(np.hypot(*across))
    down = np.array([-across[1], across[0]]) / max(distance, 1e-6)
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    wide, high = rng.uniform(0.32, 0.46) * distance, rng.uniform(0.2, 0.42) * distance
    sink = rng.uniform(-0.02, 0.12) * distance
    round_lenses = rng.random() < 0.5
    lenses, frame = np.zeros(picture.shape[:2], np.float32), np.zeros(picture.shape[:2], np.float32)
    thickness = int(rng.integers(1, 4))
    unit = across / max(distance, 1e-6)
    for eye, outwards in ((left, -1), (right, 1)):
        middle = eye + down * sink + unit * (outwards * 0.02 * distance)
        box = (middle[0].item(), middle[1].item()), (2 * wide, 2 * high), angle
        centre, axes = (round(box[0][0]), round(box[0][1])), (round(wide), round(high))
        corners = cv2.ellipse2Poly(centre, axes, round(angle), 0, 360, 15) if round_lenses else cv2.boxPoints(box)
        outline = [np.round(np.asarray(corners)).astype(np.int32)]
        cv2.fillPoly(lenses, outline, (1.0,), cv2.LINE_AA)
        cv2.polylines(frame, outline, True, (1.0,), thickness, cv2.LINE_AA)
        rim = middle + unit * (outwards * wide)
        _line(frame, rim, rim + unit * (outwards * 0.6 * distance), thickness)
    _line(frame, left + down * sink + unit * wide, right + down * sink - unit * wide, thickness)
    tint = rng.random(3).astype(np.float32)
    strength = np.float32(rng.uniform(0, 0.25) if rng.random() < 0.8 else rng.uniform(0.3, 0.9))
    picture = picture + lenses[..., None] * strength * (tint - picture)
    colour = rng.random(3).astype(np.float32) * np.float32(0.4 if rng.random() < 0.7 else 1)
    opacity = np.float32(rng.uniform(0.5, 1))
    return np.asarray(picture + frame[..., None] * opacity * (colour - picture), np.float32)


def _line(image: Floats, a: Points, b: Points, thickness: int) -> None:
    start, end = (round(float(a[0])), round(float(a[1]))), (round(float(b[0])), round(float(b[1])))
    cv2.line(image, start, end, (1.0,), thickness, cv2.LINE_AA)
