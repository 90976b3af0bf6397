"""Which of the 189 landmarks of the Face Research Lab London Set is where.

Points 0 and 1 are the pupils; "left" is the left of the picture. Source of the numbering: the set's own template
(DeBruine and Jones 2017, doi 10.6084/m9.figshare.5047666).
"""

from __future__ import annotations

import numpy as np

COUNT = 189

LEFT_IRIS = list(range(2, 10))
RIGHT_IRIS = list(range(10, 18))
LEFT_LID_ABOVE, LEFT_LID_BELOW = [18, 19, 20, 21, 22], [22, 30, 29, 28, 18]
RIGHT_LID_ABOVE, RIGHT_LID_BELOW = [23, 24, 25, 26, 27], [27, 33, 32, 31, 23]
LEFT_EYE = [0, *LEFT_IRIS, 18, 19, 20, 21, 22, 28, 29, 30, 34, 35, 36, 37, 38, 44, 45, 46]
RIGHT_EYE = [1, *RIGHT_IRIS, 23, 24, 25, 26, 27, 31, 32, 33, 39, 40, 41, 42, 43, 47, 48, 49]
LEFT_BROW, RIGHT_BROW = [71, 72, 73, 74, 75, 76, 83, 84], [77, 78, 79, 80, 81, 82, 85, 86]
LEFT_BROW_OUTLINE = ([71, 72, 73, 74, 75, 76], [76, 84, 83, 71])
RIGHT_BROW_OUTLINE = ([77, 78, 79, 80, 81, 82], [82, 86, 85, 77])
NOSE = [*range(50, 71), *range(179, 183)]
NOSE_WINGS = [63, 68]
MOUTH = [*range(87, 109), 170, 171, 172, 173]
MOUTH_CORNERS = [87, 93]
LIPS_OUTLINE = ([87, 88, 89, 90, 91, 92, 93], [93, 108, 107, 106, 105, 104, 87])
LIPS_MIDDLE = [87, 99, 100, 101, 102, 103, 93]
INNER_LIPS = [*range(94, 104)]
CHIN = 129
CHIN_SIDES = [127, 128, 130, 131]
JAW = [*range(125, 134), 174, 175, 176, 177, 178]
JAW_LINE = [109, 110, 111, *range(125, 134), 114, 113, 112]
JAW_BOTTOM = [128, 129, 130]
LEFT_EAR, RIGHT_EAR = [109, 115, 116, 117, 118, 119, 111], [112, 120, 121, 122, 123, 124, 114]
EAR_LOBES = [119, 124]
HAIRLINE = [*range(134, 145)]
HAIRLINE_ENDS = [134, 144]
BROWS = [*range(71, 87)]
CHEEKS = (165, 168)
FACE_OUTLINE = [*range(125, 134), 112, *reversed(HAIRLINE), 109]
NECK = (126, 132, 157, 145)
"""Jaw left, jaw right, shoulder right, shoulder left."""

HAIR_AND_BODY = [*range(134, 158)]
FACE = [point for point in range(COUNT) if point not in set(HAIR_AND_BODY)]

GUESSED_WHEN_SMILING = np.array(
    sorted({*INNER_LIPS, *range(158, 174), *range(179, 185), 64, 65, 69, 70}), dtype=np.int64
)
"""Points that optical flow finds badly on a smile: the inner lips and the folds around the mouth."""
