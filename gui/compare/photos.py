"""The photos that portraits were found from: their aligned crops, kept beside the latents, for before and after."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, Signal
from PySide6.QtGui import QImage

from engine.atomic import storage_error, write_atomic
from engine.errors import EngineError
from engine.messages import Pixels
from gui.pixels import from_qimage, to_qimage

LARGEST_PX = 4096
MAX_FILE_BYTES = 64 << 20
PATIENCE_S = 2.0
_SUFFIX = ".png"

Work: TypeAlias = Callable[[], object]

log = logging.getLogger(__name__)


class PortraitPhotos(QObject):
    """Writes, reads and removes them, on threads of their own."""

    read = Signal(str, object)  # key, Pixels | None where there is none, or it is damaged
    others_forgotten = Signal(object)  # the keys of the portraits that are still there

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._threads: list[threading.Thread] = []
        self._coming: set[str] = set()
        self._one_by_one = threading.Lock()

    def has(self, key: str) -> bool:
        """Whether there is one, or one is being written."""
        return key in self._coming or self._file(key).is_file()

    def keep(self, key: str, photo: Pixels) -> None:
        """
        Args:
            photo: The aligned crop. Must not be written again.
        """
        self._coming.add(key)
        self._run(lambda: self._write(key, photo))

    def ask(self, key: str) -> None:
        """Read one; `read` tells."""
        self._run(lambda: self.read.emit(key, read_photo(self._file(key))))

    def forget_all_but(self, keys: Iterable[str]) -> None:
        """Remove the photos of portraits that are gone."""
        keys = frozenset(keys)
        kept = {self._file(key).name for key in keys}
        self._coming = {key for key in self._coming if self._file(key).name in kept}
        self._run(lambda: self._sweep(kept))
        self.others_forgotten.emit(frozenset(keys))

    def close(self) -> None:
        """Wait a moment for what is being written."""
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _run(self, work: Work) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        name = "graft-portrait-photo"
        thread = threading.Thread(target=self._after_the_others, args=(work,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _after_the_others(self, work: Work) -> None:
        with self._one_by_one:
            work()

    def _write(self, key: str, photo: Pixels) -> None:
        try:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error("make the folder of photos", error) from error
            write_atomic(self._file(key), png_of(photo), mode=0o600, verify=False)
        except EngineError as error:
            log.warning("a portrait's photo was not kept: %s", error.user_message)

    def _sweep(self, kept: set[str]) -> None:
        try:
            for path in self._folder.glob(f"*{_SUFFIX}"):
                if path.name not in kept:
                    path.unlink(missing_ok=True)
        except OSError as error:
            log.info("old photos stay: %s", error)


def png_of(pixels: Pixels) -> bytes:
    """A picture as a PNG file's bytes: lossless, so that a difference is one of the search and not of the file."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    to_qimage(pixels).save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(content.data())


def read_photo(path: Path) -> Pixels | None:
    """A kept photo; None where there is none or it is damaged."""
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b""
    except OSError:
        return None
    image = QImage.fromData(content)
    if image.isNull() or max(image.width(), image.height()) > LARGEST_PX:
        log.warning("the photo %s is damaged", path.name)
        return None
    return from_qimage(image)
