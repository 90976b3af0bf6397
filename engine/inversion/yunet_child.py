"""The process in which a stranger's face detector is tried out: bounded, and with nothing to lose.

stdin is the ONNX file. stdout ends with `engine.inversion.yunet.PASSED` when it looked at pictures without failing.
"""

from __future__ import annotations

import sys

import numpy as np

from engine.inversion.decode_child import limit_resources

TRIED_SIZES = ((240, 320, 3), (720, 1280, 3), (33, 57, 3))


def main() -> None:
    limit_resources()
    from engine.inversion.yunet import PASSED, YuNet

    finder = YuNet(sys.stdin.buffer.read())
    noise = np.random.default_rng(0)
    for shape in TRIED_SIZES:
        finder.look(noise.integers(0, 256, shape, np.uint8))
    sys.stdout.buffer.write(PASSED)
    sys.stdout.buffer.flush()
