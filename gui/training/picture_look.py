"""A glance at a folder of training pictures, so that one sees what was chosen. The trainer looks closer."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage

from engine.errors import EngineError, printable
from engine.picture_folder import SUFFIXES, picture_files

SAMPLED = 48
THUMBNAILS = 48
THUMBNAIL_PX = 128


@dataclass(frozen=True)
class FolderLook:
    """Attributes:
    count: Picture files by name.
    sides: Shorter side in px of those looked at, smallest and largest; zeros when none could be read.
    unreadable: How many of those looked at could not be read.
    looked_at: How many that were.
    problem: Why nothing can be learned from it, or empty.
    """

    folder: Path
    count: int = 0
    sides: tuple[int, int] = (0, 0)
    unreadable: int = 0
    looked_at: int = 0
    thumbnails: tuple[QImage, ...] = ()
    problem: str = ""


def look_at(folder: Path, suffixes: Collection[str] = SUFFIXES) -> FolderLook:
    """Count the pictures and read a few, spread over the folder. Arrays as of ``train portrait-data`` count too.

    Args:
        suffixes: What counts as a picture; of those only `SUFFIXES` are read here.
    """
    arrays = sorted(folder.glob("*.npy")) if folder.is_dir() else []
    if arrays:
        return _look_at_arrays(folder, arrays)
    try:
        names = picture_files(folder, suffixes)
    except EngineError as error:
        return FolderLook(folder, problem=f"{error.user_message} {error.hint}".strip())
    readable = [name for name in names if Path(name).suffix.lower() in SUFFIXES]
    step = max(1, len(readable) // SAMPLED)
    chosen = readable[::step][:SAMPLED]
    sides: list[int] = []
    thumbnails: list[QImage] = []
    unreadable = 0
    for name in chosen:
        read = _read(folder / name, with_thumbnail=len(thumbnails) < THUMBNAILS)
        if read is None:
            unreadable += 1
            continue
        sides.append(read[0])
        if read[1] is not None:
            thumbnails.append(read[1])
    span = (min(sides), max(sides)) if sides else (0, 0)
    return FolderLook(folder, len(names), span, unreadable, len(chosen), tuple(thumbnails))


def _look_at_arrays(folder: Path, arrays: list[Path]) -> FolderLook:
    count, side = 0, 0
    thumbnails: list[QImage] = []
    for path in arrays:
        try:
            pictures = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError):
            return FolderLook(folder, problem=f"The file {printable(path.name, 100)} is not an array of pictures.")
        if pictures.ndim != 4 or pictures.dtype != np.uint8 or pictures.shape[3] != 3:
            return FolderLook(folder, problem=f"The file {printable(path.name, 100)} holds no RGB pictures.")
        wanted = range(0, len(pictures), max(1, len(pictures) * len(arrays) // THUMBNAILS))
        for index in wanted[: THUMBNAILS - len(thumbnails)]:
            thumbnails.append(_picture(np.ascontiguousarray(pictures[index])))
        count, side = count + len(pictures), pictures.shape[1]
    return FolderLook(folder, count, (side, side), looked_at=len(thumbnails), thumbnails=tuple(thumbnails))


def _picture(rgb: NDArray[np.uint8]) -> QImage:
    height, width, _ = rgb.shape
    return QImage(rgb.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _read(path: Path, *, with_thumbnail: bool) -> tuple[int, QImage | None] | None:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            side = min(image.size)
            if not with_thumbnail:
                return side, None
            image.draft("RGB", (2 * THUMBNAIL_PX, 2 * THUMBNAIL_PX))
            small = ImageOps.fit(image.convert("RGB"), (THUMBNAIL_PX, THUMBNAIL_PX))
            return side, _picture(np.asarray(small))
    # Pillow's decoders raise almost anything on damaged files; whatever it is, the picture cannot be shown.
    except Exception:  # noqa: BLE001
        return None


class FolderLooker(QObject):
    """Looks in a thread of its own: folders lie on slow drives too. Only the newest question is answered."""

    found = Signal(object)  # FolderLook
    _arrived = Signal(int, object)

    def __init__(self, parent: QObject | None = None, suffixes: Collection[str] = SUFFIXES) -> None:
        """
        Args:
            suffixes: What counts as a picture.
        """
        super().__init__(parent)
        self._suffixes = suffixes
        self._asked = 0
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def look(self, folder: Path) -> None:
        self._asked += 1
        arguments = (self._asked, folder)
        threading.Thread(target=self._look, args=arguments, name="graft-look-at-folder", daemon=True).start()

    def _look(self, number: int, folder: Path) -> None:
        look = look_at(folder, self._suffixes)
        try:
            self._arrived.emit(number, look)
        except RuntimeError:
            return  # the window was closed in the meantime

    @Slot(int, object)
    def _take(self, number: int, look: FolderLook) -> None:
        if number == self._asked:
            self.found.emit(look)


def words_for(look: FolderLook, needed_px: int) -> tuple[str, bool]:
    """A sentence about a folder, and whether it is a warning."""
    if look.problem:
        return look.problem, True
    low, high = look.sides
    sizes = "" if not high else f", {low} px" if low == high else f", {low} to {high} px"
    said = f"{look.count:,} picture{'' if look.count == 1 else 's'}{sizes}"
    if look.unreadable:
        of = f" of {look.looked_at} looked at" if look.looked_at < look.count else ""
        said += f". {look.unreadable}{of} cannot be read"
    if high and high < needed_px:
        return f"{said}. All are smaller than the {needed_px} px that the model needs", True
    if low and low < needed_px:
        return f"{said}. Those under {needed_px} px are left out", True
    return said, bool(look.unreadable)
