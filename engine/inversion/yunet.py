"""YuNet, a small face detector that a user may put among their weights: an ONNX file that OpenCV runs.

A stranger's network is first run in a process of its own, on noise, within bounds; only bytes that came through that
are run here. Source: Wu, Peng and Yu 2023, doi 10.1007/s11633-023-1423-y.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import CorruptModelError, ModelError
from engine.inversion.face_finder import FoundFace

MODEL_PATTERN = "face_detection_yunet*.onnx"
MAX_FILE_BYTES = 16 * 2**20
MAX_TRIAL_S = 20.0
LOOKS_PX = (320, 1280)
"""Longest edges on which it looks: it knows faces of some 10 to 300 px."""
LEAST_SCORE = 0.7
OVERLAP = 0.3
MAX_FACES = 100
PASSED = b"finds"

_ROOT = Path(__file__).resolve().parents[2]
_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from engine.inversion.yunet_child import main; main()"


class YuNet:
    """Made by `open_yunet`. One picture at a time; others wait.

    Args:
        model: The ONNX file's bytes.

    Raises:
        cv2.error: OpenCV cannot read it.
    """

    def __init__(self, model: bytes) -> None:
        weights = np.frombuffer(model, np.uint8)
        nothing = np.zeros(0, np.uint8)
        self._net = cv2.FaceDetectorYN.create("onnx", weights, nothing, (320, 320), LEAST_SCORE, OVERLAP, MAX_FACES)
        self._lock = threading.Lock()

    def find(self, image: NDArray[np.uint8]) -> tuple[FoundFace, ...]:
        """See `engine.inversion.face_finder.FaceFinder`. In a picture that the network fails on, nothing."""
        try:
            return self.look(image)
        except cv2.error:
            return ()

    def look(self, image: NDArray[np.uint8]) -> tuple[FoundFace, ...]:
        """As `find`, but a network that fails raises ``cv2.error``."""
        with self._lock:
            seen = [face for edge in LOOKS_PX for face in self._look(image, edge)]
        kept: list[FoundFace] = []
        for face in sorted(seen, key=lambda face: face.score, reverse=True):
            if all(_overlap(face.box, other.box) < OVERLAP for other in kept):
                kept.append(face)
        return tuple(kept)

    def _look(self, image: NDArray[np.uint8], edge_px: int) -> list[FoundFace]:
        height, width = image.shape[:2]
        scale = min(1.0, edge_px / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
        self._net.setInputSize(size)
        _, rows = self._net.detect(small)
        if rows is None:
            return []
        enlarge = np.array([width / size[0], height / size[1]])
        return [_found(row, enlarge) for row in np.asarray(rows, np.float64) if np.isfinite(row).all()]


def open_yunet(path: Path) -> YuNet:
    """Read a file and try it out, once for as long as it stays the same.

    Raises:
        ModelError: it is too large, cannot be read, or is no such network.
    """
    try:
        about = path.stat()
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from error
    opened = _opened(path, about.st_size, about.st_mtime_ns)
    if isinstance(opened, ModelError):
        raise opened
    return opened


@lru_cache(maxsize=4)
def _opened(path: Path, size: int, _changed_ns: int) -> YuNet | ModelError:
    """An error is an answer too: what failed once is not tried again for every picture."""
    if not path.is_file() or size > MAX_FILE_BYTES:
        return _unusable(path, f"it has {size / 2**20:.0f} MiB; at most {MAX_FILE_BYTES // 2**20} are expected")
    try:
        model = path.read_bytes()
        return YuNet(model) if _passes(model) else _unusable(path, "it is no face detector that OpenCV can run")
    except (OSError, cv2.error):
        return _unusable(path, "it cannot be read")


def _passes(model: bytes) -> bool:
    """Whether the network looks at pictures in a child process without harm."""
    environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    command = [sys.executable, "-I", "-c", _CHILD, str(_ROOT)]
    try:
        done = subprocess.run(
            command, input=model, capture_output=True, timeout=MAX_TRIAL_S, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and done.stdout.endswith(PASSED)


def _unusable(path: Path, reason: str) -> ModelError:
    return CorruptModelError(f"The face detector {path.name:.60} cannot be used: {reason}.")


def _found(row: NDArray[np.float64], enlarge: NDArray[np.float64]) -> FoundFace:
    left, top, width, height = (row[:4].reshape(2, 2) * enlarge).flatten().tolist()
    return FoundFace(row[4:14].reshape(5, 2) * enlarge, (left, top, width, height), float(row[14]))


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Shared area over joint area."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0.0, across) * max(0.0, down)
    return shared / max(one[2] * one[3] + other[2] * other[3] - shared, 1e-9)
