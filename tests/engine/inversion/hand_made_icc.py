"""Colour profiles by hand: a display with given primaries, its white and its gamma, as an ICC file of version 2."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
PROPHOTO = ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105))
D50, D65 = (0.34567, 0.35850), (0.31271, 0.32902)

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_xyz(primaries: tuple[tuple[float, float], ...], white: tuple[float, float]) -> NDArray[np.float64]:
    """Linear RGB to XYZ under D50, ``[3, 3]``."""
    columns = np.stack([_xyz(*one) for one in primaries], axis=1)
    matrix = columns * np.linalg.solve(columns, _xyz(*white))
    scale = (_BRADFORD @ _xyz(*D50)) / (_BRADFORD @ _xyz(*white))
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(scale) @ _BRADFORD @ matrix
    return adapted


def display_profile(matrix: NDArray[np.float64], gamma: float, name: str) -> bytes:
    """
    Args:
        matrix: As `to_xyz` gives it.
    """
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    words = name.encode() + b"\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(words)) + words + bytes(78 + (-len(words)) % 4),
        b"cprt": b"text" + bytes(4) + b"none\0\0\0\0",
        b"wtpt": _xyz_tag(_xyz(*D50)),
        **{name: _xyz_tag(matrix[:, column]) for column, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(content))
        body += content
    header = struct.pack(">I", start + len(body)) + bytes(4) + b"\x02\x40\0\0mntrRGB XYZ " + bytes(12) + b"acsp"
    header += bytes(28) + struct.pack(">3i", *(round(part * 65536) for part in _xyz(*D50)))
    return header.ljust(128, b"\0") + table + body


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _xyz_tag(xyz: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(part) * 65536) for part in xyz))
