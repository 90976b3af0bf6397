"""Puts the portraits that a run through a folder has found on the shelf, on a thread: no slider waits for that."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage

from engine.errors import EngineError
from engine.invert_events import PortraitFound
from engine.latent_file import read_latent_record
from engine.latents import LatentStore
from engine.library import Library
from engine.library_tags import Kind, TagTable
from engine.messages import Pixels
from gui.collection import png_bytes
from gui.many.pair_list import pair_of
from gui.pixels import from_qimage

THUMBNAIL_PX = 128
PATIENCE_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Shelved:
    """Attributes:
    key: Of the latent.
    pair: Crop and portrait beside each other.
    crop: For comparing with the photo.
    is_new: It was not on the shelf before.
    details: How like they are, in words.
    """

    key: str
    name: str
    pair: QImage
    crop: Pixels
    is_new: bool
    details: str


class Shelver(QObject):
    """One portrait after the other, in the order in which they were found."""

    shelved = Signal(object)  # Shelved
    failed = Signal(object)  # EngineError
    _arrived = Signal(object)

    def __init__(self, library: Library, store: LatentStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._store = store
        self._known: set[str] | None = None
        self._tag = ""
        self._waiting: deque[tuple[PortraitFound, str]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._arrived.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def begin(self, tag: str) -> None:
        """
        Args:
            tag: To hang on what is put on the shelf from now on.
        """
        self._tag, self._known = tag, None

    def put(self, found: PortraitFound) -> None:
        with self._lock:
            self._waiting.append((found, self._tag))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="graft-shelver", daemon=True)
                self._thread.start()

    @property
    def is_at_work(self) -> bool:
        return self._thread is not None

    def close(self) -> None:
        """Leave the rest for the next run, which tells of all that is there."""
        with self._lock:
            self._waiting.clear()
            thread = self._thread
        if thread is not None:
            thread.join(PATIENCE_S)

    @Slot(object)
    def _tell(self, result: Shelved | EngineError) -> None:
        if isinstance(result, EngineError):
            self.failed.emit(result)
        else:
            self.shelved.emit(result)

    # --- on its thread --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                found, tag = self._waiting.popleft()
            self._arrived.emit(self._shelve(found, tag))

    def _shelve(self, found: PortraitFound, tag: str) -> Shelved | EngineError:
        try:
            record = read_latent_record(Path(found.latent), self._store)
            latent = replace(record.latent, name=found.name)
            crop, picture = QImage(found.crop), QImage(found.picture)
            is_new = latent.key not in self._known_keys()
            if is_new:
                thumbnail = png_bytes(_thumbnail(picture))
                self._library.add_latent(
                    latent, record.model, thumbnail, source=record.source, likeness=record.likeness
                )
                TagTable(self._library.file).add([(Kind.PORTRAIT, latent.key)], [tag])
                self._known_keys().add(latent.key)
        except EngineError as error:
            log.warning("%s was not put on the shelf: %s", found.photo, error.user_message)
            return error
        details = record.likeness.sentence if record.likeness is not None else ""
        return Shelved(latent.key, found.name, pair_of(crop, picture), from_qimage(crop), is_new, details)

    def _known_keys(self) -> set[str]:
        """On the shelf, or thrown away: what the user has deleted does not come back."""
        if self._known is None:
            records = (*self._library.latents(), *self._library.trashed_latents())
            self._known = {record.latent.key for record in records}
        return self._known


def _thumbnail(picture: QImage) -> QImage:
    return picture.scaled(
        THUMBNAIL_PX, THUMBNAIL_PX, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
