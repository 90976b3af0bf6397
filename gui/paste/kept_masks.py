"""Masks that were painted, kept beside the portraits they are for: what was painted once is there the next time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject
from PySide6.QtGui import QImage

from engine.atomic import storage_error, write_atomic
from engine.errors import EngineError
from engine.paste_events import MASK_PX, Mask
from gui.aside import Aside

MAX_FILE_BYTES = 4 << 20
_SUFFIX = ".png"
_KEY = re.compile(r"[0-9A-Za-z]{8,128}")


class KeptMasks(QObject):
    """Reads and writes them, in order, on a thread."""

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._aside = Aside("graft-masks", self)

    def file(self, key: str) -> Path:
        """
        Args:
            key: Of the portrait's latent.
        """
        return self._folder / f"{key if _KEY.fullmatch(key) else 'other'}{_SUFFIX}"

    def read(self, key: str) -> Mask | None:
        """Blocking, for another thread."""
        return read_mask_file(self.file(key))

    def keep(self, key: str, mask: Mask, failed: Callable[[EngineError], object]) -> None:
        """
        Args:
            failed: Called when it cannot be written.
        """
        self._aside.run(lambda: self._write(key, mask), lambda _: None, failed)

    def forget(self, key: str) -> None:
        self._aside.run(lambda: self.file(key).unlink(missing_ok=True), lambda _: None, lambda _: None)

    def forget_all_but(self, keys: Iterable[str]) -> None:
        """Remove those of portraits that are gone."""
        kept = {self.file(key).name for key in keys}
        self._aside.run(lambda: self._sweep(kept), lambda _: None, lambda _: None)

    def close(self) -> None:
        """What is being written is written."""
        self._aside.wait()

    def _write(self, key: str, mask: Mask) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error("make the folder of masks", error) from error
        write_atomic(self.file(key), mask_png(mask), mode=0o600)

    def _sweep(self, kept: set[str]) -> None:
        try:
            for path in self._folder.glob(f"*{_SUFFIX}"):
                if path.name not in kept:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error("tidy up the folder of masks", error) from error


def mask_png(mask: Mask) -> bytes:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    mask_image(mask).save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(content.data())


def mask_image(mask: Mask) -> QImage:
    """A copy as a grey picture."""
    pixels = np.ascontiguousarray(mask)
    return QImage(pixels.data, MASK_PX, MASK_PX, MASK_PX, QImage.Format.Format_Grayscale8).copy()


def read_mask_file(path: Path) -> Mask | None:
    """A kept mask; None where there is none or it is damaged."""
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b""
    except OSError:
        return None
    image = QImage.fromData(content)
    if image.isNull() or (image.width(), image.height()) != (MASK_PX, MASK_PX):
        return None
    grey = image.convertToFormat(QImage.Format.Format_Grayscale8)
    lines = np.array(grey.constBits(), np.uint8).reshape(MASK_PX, grey.bytesPerLine())
    return np.ascontiguousarray(lines[:, :MASK_PX])

