"""Pictures that were there: what was last seen of a state is shown at once when the state is opened again.

Small JPEGs in the cache folder, by the content of the state; a few come with Graft, so that its very first start
begins with a picture too. A kept picture only stands in: it counts as coarse until the engine's own comes.
The name of a picture says which portraits are in it: it goes when one of them is deleted for good.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QImage

from engine.atomic import storage_error, write_atomic
from engine.errors import EngineError
from engine.messages import Frame, Pixels
from engine.places import resources_folder
from engine.state import EditState, StoredLatent, View
from engine.state_json import state_to_json
from gui.canvas import Canvas
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.pixels import from_qimage, to_qimage
from gui.session import Session
from gui.viewer import Viewer

DRAWN_BY = 1
"""To be raised when the engine draws states differently: what was kept before is then not found any more."""

LARGEST_PX = 512
MAX_FILE_BYTES = 4 << 20
KEPT_FILES = 120
EVERY_MS = 4000
PATIENCE_S = 1.0
_QUALITY = 95
_MARK = 16
_SUFFIX = ".jpg"
_BEGINS, _ENDS = b"\xff\xd8", b"\xff\xd9"

log = logging.getLogger(__name__)


class KeptPictures(QObject):
    """Keeps what settles, and puts it on the canvas when a document is opened that begins with it."""

    def __init__(
        self,
        session: Session,
        collection: Collection,
        bridge: EngineBridge,
        viewer: Viewer,
        canvas: Canvas,
        folder: Path,
        parent: QObject | None = None,
    ) -> None:
        """
        Args:
            folder: Where pictures are kept; made when the first is.
        """
        super().__init__(parent)
        self._collection = collection
        self._bridge = bridge
        self._viewer = viewer
        self._canvas = canvas
        self._folder = folder
        self._standing_in: EditState | None = None
        self._to_keep: tuple[EditState, dict[View, Pixels]] | None = None
        self._writer: threading.Thread | None = None
        self._forgetter: threading.Thread | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(EVERY_MS)
        self._pause.timeout.connect(self._keep)
        session.opened.connect(self._show)
        session.state_changed.connect(self._leave)
        viewer.settled.connect(self._take)

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot(object)
    def _show(self, state: EditState) -> None:
        descriptor = self._collection.descriptor(state.model_a)
        if descriptor is None:
            return
        key = picture_key(state)
        portraits = portrait_marks(state)
        for view in View:
            pixels = read_picture(self._folder / picture_name(key, view, portraits))
            if pixels is None:
                pixels = read_picture(first_pictures_folder() / picture_name(key, view))
            if pixels is not None:
                self._canvas.show_kept(view, pixels, descriptor.img_resolution, self._bridge.generation + 1)
                self._standing_in = state

    @Slot(object)
    def _leave(self, state: EditState) -> None:
        """Of another state any picture is better than this one."""
        if self._standing_in is not None and state != self._standing_in:
            self._standing_in = None
            self._canvas.release_kept()

    # --- keeping --------------------------------------------------------------------------------------------------

    @Slot(object, object)
    def _take(self, state: EditState, frame: Frame) -> None:
        frames = [self._viewer.frame(view) for view in self._canvas.wanted_views]
        pixels = {
            one.view: one.image
            for one in frames
            if one is not None and one.is_final and self._bridge.state_of(one.generation) == state
        }
        self._to_keep = (state, pixels)
        if not self._pause.isActive():
            self._keep()

    @Slot()
    def _keep(self) -> None:
        if self._to_keep is not None:
            (state, pixels), self._to_keep = self._to_keep, None
            names = {view: picture_name(picture_key(state), view, portrait_marks(state)) for view in pixels}
            files = {names[view]: one for view, one in pixels.items()}
            self._writer = threading.Thread(
                target=_write, args=(self._folder, files), name="graft-keep-picture", daemon=True
            )
            self._writer.start()
            self._pause.start()

    @Slot(object)
    def forget_portraits_but(self, keys: frozenset[str]) -> None:
        """Remove the pictures of portraits that are gone for good."""
        work = (self._folder, keys)
        self._forgetter = threading.Thread(target=_forget, args=work, name="graft-forget-pictures", daemon=True)
        self._forgetter.start()

    def close(self) -> None:
        """Keep the last one too, and wait for it a moment."""
        self._keep()
        self._pause.stop()
        for thread in (self._writer, self._forgetter):
            if thread is not None:
                thread.join(PATIENCE_S)


def first_pictures_folder() -> Path:
    """Pictures of what a fresh start shows."""
    return resources_folder() / "first-pictures"


def picture_key(state: EditState) -> str:
    """Names what a state looks like: everything in it but what its models and portraits are called."""
    content = json.dumps([DRAWN_BY, _nameless(state_to_json(state))], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _nameless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _nameless(part) for key, part in value.items() if key != "name"}
    return [_nameless(part) for part in value] if isinstance(value, list) else value


def portrait_marks(state: EditState) -> tuple[str, ...]:
    """What names the portraits that a state shows."""
    latents = (state.latent, *(source.latent for source in state.mix))
    return tuple(sorted({latent.key[:_MARK] for latent in latents if isinstance(latent, StoredLatent)}))


def picture_name(key: str, view: View, portraits: tuple[str, ...] = ()) -> str:
    return f"{'.'.join((f'{key}-{view.value}', *portraits))}{_SUFFIX}"


def picture_file(pixels: Pixels) -> bytes:
    """A picture as a JPEG file's bytes, at most `LARGEST_PX` wide."""
    image = to_qimage(pixels)
    if max(image.width(), image.height()) > LARGEST_PX:
        keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        image = image.scaled(LARGEST_PX, LARGEST_PX, keep, smooth)
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "JPG", _QUALITY)  # type: ignore[call-overload]
    return bytes(content.data())


def read_picture(path: Path) -> Pixels | None:
    """A kept picture; None where there is none or it is damaged."""
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b""
    except OSError:
        return None
    whole = content.startswith(_BEGINS) and content.endswith(_ENDS)  # of half a file Qt would make half a picture
    image = QImage.fromData(content) if whole else QImage()
    if image.isNull() or max(image.width(), image.height()) > LARGEST_PX:
        log.warning("the kept picture %s is damaged", path.name)
        return None
    return from_qimage(image)


def _write(folder: Path, pixels: Mapping[str, Pixels]) -> None:
    """On a thread of its own."""
    try:
        _make(folder)
        for name, one in pixels.items():
            write_atomic(folder / name, picture_file(one), mode=0o600, verify=False)
        _forget_oldest(folder)
    except EngineError as error:
        log.warning("a picture was not kept: %s", error.user_message)


def _forget(folder: Path, kept: frozenset[str]) -> None:
    """On a thread of its own."""
    marks = {key[:_MARK] for key in kept}
    try:
        for path in folder.glob(f"*{_SUFFIX}"):
            if not marks.issuperset(path.name.removesuffix(_SUFFIX).split(".")[1:]):
                path.unlink(missing_ok=True)
    except OSError as error:
        log.info("pictures of deleted portraits stay: %s", error)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error("make the folder of kept pictures", error) from error


def _forget_oldest(folder: Path) -> None:
    try:
        for path in sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)[:-KEPT_FILES]:
            path.unlink(missing_ok=True)
    except OSError as error:  # another Graft is tidying up too
        log.info("old pictures stay: %s", error)
