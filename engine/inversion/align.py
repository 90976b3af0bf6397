"""Cut a face out of a picture the way the training pictures were cut.

Only the square differs between framings (`engine.framing.crop_quad`); the cut is `engine.face_cut.cut_quad`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.face_cut import Rgb, cut_quad
from engine.framing import FacePoints, Framing, crop_quad, ffhq_quad

SUPERSAMPLING = 4
MAX_WARP_PX = 4096


def align_face(image: Rgb, face: FacePoints, framing: Framing, output_size: int) -> Rgb:
    """Cut a face out as a model wants it.

    Args:
        image: The upright picture, ``[H, W, 3]`` uint8 RGB. Not modified.
        face: Where the face is, in pixels of `image`.
        output_size: Edge length of the result.

    Returns:
        ``[output_size, output_size, 3]`` uint8 RGB.

    Raises:
        PortraitError: The points make no face, or the square lies outside the picture.
    """
    quad = crop_quad(face, framing)
    return cut_quad(image, quad, output_size, transform_size=min(SUPERSAMPLING * output_size, MAX_WARP_PX))


def align_landmarks(
    image: Rgb,
    landmarks: NDArray[np.float64],
    output_size: int,
    transform_size: int,
    *,
    level: bool = True,
    padding: bool = True,
) -> Rgb:
    """The FFHQ cut from 68 landmarks (iBUG order); `level` and `padding` as the public script's options.

    Args:
        image: ``[H, W, 3]`` uint8 RGB.
        landmarks: ``[68, 2]`` pixels of `image`.
        output_size: Edge length of the result: 1024 for FFHQ, 256 for pSp and its kin.
        transform_size: Edge length of the warp before the last reduction: 4096 for FFHQ, 256 for pSp.
    """
    left_eye, right_eye = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    middle = (left_eye + right_eye) / 2
    mouth = (landmarks[48] + landmarks[54]) / 2
    quad = ffhq_quad(middle, right_eye - left_eye, mouth - middle, level=level)
    return cut_quad(image, quad, output_size, transform_size, padding=padding)
