"""Open a portrait from anywhere: decoded in a process of its own, upright, in sRGB, with its faces found."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import UnreadableImageError, printable
from engine.framing import FacePoints, Framing
from engine.inversion.align import align_face
from engine.inversion.decode import MAX_WORKING_PIXELS, Picture
from engine.inversion.face_finder import open_face_finder
from engine.inversion.landmarks import locate_faces
from engine.messages import Pixels, PortraitOpened
from engine.places import user_places

PREVIEW_PX = 1600
MAX_DECODE_S = 60.0
MAX_HEADER_BYTES = 65536
MAX_NAME_CHARS = 80

T = TypeVar("T")

_ROOT = Path(__file__).resolve().parents[2]
_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from engine.inversion.decode_child import main; main()"
_PASSED_ON = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP")


def open_portrait(path: Path) -> PortraitOpened:
    """Decode a picture, look for faces and make a preview for the window.

    Blocking: about 0.4 s for a phone photo, up to a minute for a hostile file.

    Raises:
        UnreadableImageError: The file cannot be read, is no picture, is damaged or too large.
    """
    picture = read_portrait(path)
    height, width, _ = picture.pixels.shape
    preview, scale = _preview(picture.pixels)
    face_finder, complaint = open_face_finder(user_places().weights_folder)
    faces = locate_faces(picture.pixels, face_finder=face_finder)
    return PortraitOpened(
        path=path,
        preview=preview,
        scale=scale,
        size_px=(width, height),
        faces=tuple(face.points for face in faces),
        certain=tuple(face.certain for face in faces),
        remarks=tuple(face.remark for face in faces),
        notes=(*picture.notes, *([complaint] if complaint else [])),
    )


def cut_portrait(path: Path, face: FacePoints, framing: Framing, size_px: int) -> NDArray[np.uint8]:
    """Decode a picture and cut out a face, ``[size_px, size_px, 3]`` uint8 RGB. Blocking, as `open_portrait`.

    Raises:
        PortraitError: As `open_portrait` and `engine.inversion.align.align_face`.
    """
    return align_face(read_portrait(path).pixels, face, framing, size_px)


def read_portrait(path: Path) -> Picture:
    """Decode a picture in a child process. A large one comes back smaller, always by the same rule, so face
    points found in it stay valid. See `engine.inversion.decode.decode`.
    """
    try:
        return ask_decoder(path, _CHILD, _read_answer)
    except UnreadableImageError as error:
        message = f"{printable(path.name, MAX_NAME_CHARS)}: {error.user_message}"
        raise UnreadableImageError(message, error.hint) from error


def ask_decoder(path: Path, program: str, read: Callable[[IO[bytes]], T], *arguments: str) -> T:
    """Let a child process look at a file that nobody knows.

    Args:
        program: For ``python -c``: its stdin is the file, ``sys.argv[1]`` the folder of Graft, `arguments` follow.
        read: Makes something of what it writes to stdout, and takes none of it on trust.

    Raises:
        UnreadableImageError: the file cannot be read; whatever `read` raises.
    """
    with _regular_file(path) as file:
        return _answered_by_child(file, program, read, arguments)


@contextmanager
def _regular_file(path: Path) -> Iterator[BinaryIO]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableImageError("This is not a file but a folder or a device.", "Choose a picture file.")
        file = path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnreadableImageError(
            f"The file cannot be read: {reason}.", "Check that it is still there and that you may read it."
        ) from error
    with file:
        yield file


def _answered_by_child(
    file: BinaryIO, program: str, read: Callable[[IO[bytes]], T], arguments: tuple[str, ...]
) -> T:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", program, str(_ROOT), *arguments],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    clock = threading.Timer(MAX_DECODE_S, child.kill)
    clock.daemon = True
    clock.start()
    try:
        assert child.stdout is not None
        with child.stdout as answer:
            return read(answer)
    finally:
        clock.cancel()
        clock.join()
        child.kill()
        child.wait()


def _read_answer(answer: IO[bytes]) -> Picture:
    """Read what the child says. It has seen a stranger's file, so nothing that it says is taken on trust."""
    try:
        header = json.loads(answer.readline(MAX_HEADER_BYTES))
        if "error" in header:
            raise UnreadableImageError(str(header["error"]), str(header.get("hint", "")))
        width, height = int(header["width"]), int(header["height"])
        notes = tuple(printable(str(note)) for note in header["notes"])
        if not (width > 0 and height > 0 and width * height <= MAX_WORKING_PIXELS):
            raise ValueError(f"{width} x {height} pixels")
        pixels = np.empty((height, width, 3), np.uint8)
        read_whole(answer, pixels.data.cast("B"))
    except (ValueError, KeyError, TypeError) as error:
        raise undecodable() from error
    return Picture(pixels, notes)


def read_whole(answer: IO[bytes], unread: memoryview) -> None:
    """Fill a buffer.

    Raises:
        ValueError: the answer ends before it is full.
    """
    while unread:
        count = answer.readinto(unread)  # type: ignore[attr-defined]
        if not count:
            raise ValueError("the pixels end early")
        unread = unread[count:]


def undecodable() -> UnreadableImageError:
    """For when the child says nothing that makes sense, or nothing in time."""
    return UnreadableImageError(
        f"Decoding this picture failed or took longer than {MAX_DECODE_S:.0f} s.",
        "The file may be damaged. Open it in another program and save a copy.",
    )


def _preview(pixels: NDArray[np.uint8]) -> tuple[Pixels, float]:
    height, width, _ = pixels.shape
    scale = min(1.0, PREVIEW_PX / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    preview = np.empty((*small.shape[:2], 4), np.uint8)
    preview[:, :, :3] = small[:, :, ::-1]
    preview[:, :, 3] = 255
    return preview, scale
