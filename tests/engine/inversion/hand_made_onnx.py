"""A face detector by hand: pure red is a face. Written as ONNX, so that what runs YuNet runs it."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

STRIDES = (8, 16, 32)
FACE_PX = 40.0
"""Width and height of every box."""
FIVE_POINTS = ((-8.0, -6.0), (8.0, -6.0), (0.0, 2.0), (-6.0, 10.0), (6.0, 10.0))
"""From the middle of the cell."""

_FLOAT, _INT64 = 1, 7


def red_is_a_face() -> bytes:
    """The bytes of an ONNX file with YuNet's inputs and outputs."""
    nodes: list[bytes] = []
    weights: list[bytes] = []
    outputs: list[bytes] = []
    for stride in STRIDES:
        pooled = f"pooled_{stride}"
        window = [_ints("kernel_shape", (stride, stride)), _ints("strides", (stride, stride))]
        nodes.append(_node("AveragePool", ["input"], [pooled], window))
        middle = [0.5 + offset / stride for point in FIVE_POINTS for offset in point]
        edge = math.log(FACE_PX / stride)
        # Blue, green and red of a cell become its score; all else is a constant.
        heads = {
            "cls": ([(-1 / 255, -1 / 255, 1 / 255)], [0.0]),
            "obj": ([(0.0, 0.0, 0.0)], [1.0]),
            "bbox": ([(0.0, 0.0, 0.0)] * 4, [0.5, 0.5, edge, edge]),
            "kps": ([(0.0, 0.0, 0.0)] * 10, middle),
        }
        for head, (rows, bias) in heads.items():
            name = f"{head}_{stride}"
            weights += [
                _floats(f"{name}.weight", (len(rows), 3, 1, 1), [number for row in rows for number in row]),
                _floats(f"{name}.bias", (len(rows),), bias),
                _int64(f"{name}.shape", (1, -1, len(rows))),
            ]
            nodes += [
                _node("Conv", [pooled, f"{name}.weight", f"{name}.bias"], [f"{name}.seen"], []),
                _node("Transpose", [f"{name}.seen"], [f"{name}.last"], [_ints("perm", (0, 2, 3, 1))]),
                _node("Reshape", [f"{name}.last", f"{name}.shape"], [name], []),
            ]
    for head, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):  # in the order of the published file
        outputs += [_value(f"{head}_{stride}", (1, (640 // stride) ** 2, width)) for stride in STRIDES]
    graph = b"".join(
        [
            *(_field(1, node) for node in nodes),
            _text(2, "red"),
            *(_field(5, one) for one in weights),
            _field(11, _value("input", (1, 3, 640, 640))),
            *(_field(12, one) for one in outputs),
        ]
    )
    return _number(1, 7) + _field(7, graph) + _field(8, _text(1, "") + _number(2, 11))


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _number(tag: int, number: int) -> bytes:
    return _varint(tag << 3) + _varint(number)


def _field(tag: int, content: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(content)) + content


def _text(tag: int, text: str) -> bytes:
    return _field(tag, text.encode())


def _node(kind: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Sequence[bytes]) -> bytes:
    places = b"".join([_text(1, name) for name in inputs] + [_text(2, name) for name in outputs])
    return places + _text(3, outputs[0]) + _text(4, kind) + b"".join(_field(5, one) for one in attributes)


def _ints(name: str, numbers: Sequence[int]) -> bytes:
    return _text(1, name) + b"".join(_number(8, number) for number in numbers) + _number(20, 7)


def _tensor(name: str, shape: Sequence[int], kind: int, content: bytes) -> bytes:
    return b"".join(_number(1, edge) for edge in shape) + _number(2, kind) + _text(8, name) + _field(9, content)


def _floats(name: str, shape: Sequence[int], numbers: Sequence[float]) -> bytes:
    return _tensor(name, shape, _FLOAT, struct.pack(f"<{len(numbers)}f", *numbers))


def _int64(name: str, numbers: Sequence[int]) -> bytes:
    return _tensor(name, (len(numbers),), _INT64, struct.pack(f"<{len(numbers)}q", *numbers))


def _value(name: str, shape: Sequence[int]) -> bytes:
    edges = b"".join(_field(1, _number(1, edge)) for edge in shape)
    return _text(1, name) + _field(2, _field(1, _number(1, _FLOAT) + _field(2, edges)))
