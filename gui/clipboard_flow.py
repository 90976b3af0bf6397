"""Copying the picture with its recipe, and pasting pictures, photos and files.

Nothing is coded or written on the window's thread: the engine makes the file, other threads read and write it.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData, QObject, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QGuiApplication, QImage

from engine.atomic import storage_error, write_atomic
from engine.errors import EngineError, UnreadableImageError
from engine.export.embedded import find_recipe
from engine.latents import LatentStore
from engine.messages import ExportStill, JobFinished, JobOutcome, StillExported
from engine.recipe import Recipe, restore_arrays
from engine.state import EditState, View
from gui.actions import Actions
from gui.engine_bridge import EngineBridge
from gui.messages import Messages
from gui.opening import MAX_FILES, Opener

COPY_NAME = "copied picture.png"
PASTE_NAME = "pasted picture"
KINDS: Mapping[str, str] = {
    "image/png": ".png", "image/tiff": ".tif", "image/webp": ".webp", "image/jpeg": ".jpg", "image/bmp": ".bmp",
}
"""What pictures are called on a clipboard, the ones that can carry a recipe without loss first."""

PASTE_QUALITY = 80
"""Of Qt's PNG: without loss like any other, a sixth larger than the usual and coded nine times as fast."""

KEPT_PASTES = 20
MAX_BYTES = 512 << 20
MAX_TEXT = 100_000
PATIENCE_S = 2.0
NOTHING = "There is nothing on the clipboard that Graft can open."
NOTHING_HINT = "It pastes pictures, photos, and files or their paths."


@dataclass(frozen=True, slots=True)
class _Copied:
    content: bytes
    picture: QImage
    error: EngineError | None = None


@dataclass(frozen=True, slots=True)
class _Pasted:
    path: Path | None
    recipe: Recipe | None = None
    error: EngineError | None = None


class ClipboardFlow(QObject):
    _copied = Signal(object)  # _Copied, from a thread
    _pasted = Signal(object)  # _Pasted, from a thread

    def __init__(
        self,
        bridge: EngineBridge,
        opener: Opener,
        store: LatentStore,
        messages: Messages,
        shown: Callable[[], tuple[EditState, View]],
        folder: Path,
        parent: QObject | None = None,
    ) -> None:
        """
        Args:
            shown: What is to be copied.
            folder: For the files that pictures are on their way; made when it is needed.
        """
        super().__init__(parent)
        self._bridge = bridge
        self._opener = opener
        self._store = store
        self._messages = messages
        self._shown = shown
        self._folder = folder
        self._numbers = itertools.count()
        self._copy_job = ""
        self._threads: list[threading.Thread] = []
        self._copied.connect(self._take_copied, Qt.ConnectionType.QueuedConnection)
        self._pasted.connect(self._take_pasted, Qt.ConnectionType.QueuedConnection)

    def connect_actions(self, actions: Actions) -> None:
        actions["copy"].triggered.connect(self.copy)
        actions["paste"].triggered.connect(self.paste)

    # --- copying ---------------------------------------------------------------------------------------------------

    @Slot()
    def copy(self) -> None:
        """Draw the picture at full size and put it on the clipboard with its recipe inside."""
        state, view = self._shown()
        if state.model_a is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._messages.error(storage_error("make the folder for copied pictures", error))
            return
        path = self._folder / f"{next(self._numbers)} {COPY_NAME}"
        self._copy_job = self._bridge.submit(ExportStill(state, path, view), self._drawn)

    def _drawn(self, event: JobFinished) -> None:
        if isinstance(event.result, StillExported):
            path, is_newest = event.result.path, event.job_id == self._copy_job
            self._start(lambda: self._copied.emit(_read_copy(path)) if is_newest else path.unlink(missing_ok=True))
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)

    @Slot(object)
    def _take_copied(self, copied: _Copied) -> None:
        if copied.error is not None:
            self._messages.error(copied.error)
            return
        mime = QMimeData()
        mime.setData("image/png", QByteArray(copied.content))
        mime.setImageData(copied.picture)
        QGuiApplication.clipboard().setMimeData(mime)
        size = f"{copied.picture.width()} by {copied.picture.height()} pixels"
        self._messages.say(f"The picture is on the clipboard, {size}, with its recipe.")

    # --- pasting ---------------------------------------------------------------------------------------------------

    @Slot()
    def paste(self) -> None:
        """Open what is on the clipboard: a recipe's picture, a photo as a portrait, files by what they are."""
        mime = QGuiApplication.clipboard().mimeData()
        paths = pasted_paths(mime)
        kind = next((kind for kind in KINDS if mime is not None and mime.hasFormat(kind)), None)
        if paths:
            self._opener.open_paths(paths[:MAX_FILES])
        elif mime is not None and kind is not None and (content := bytes(mime.data(kind).data())):
            self._start(lambda: self._pasted.emit(self._read_paste(content, KINDS[kind])))
        elif mime is not None and mime.hasImage():
            image = QGuiApplication.clipboard().image()
            self._start(lambda: self._pasted.emit(self._read_paste(_coded(image), ".png")))
        else:
            self._messages.say(NOTHING, NOTHING_HINT)

    def _read_paste(self, content: bytes, suffix: str) -> _Pasted:
        """On a thread: keep what was pasted as a file, and look for a recipe in it."""
        if not 0 < len(content) <= MAX_BYTES:
            return _Pasted(None, error=UnreadableImageError("The picture on the clipboard is empty or too large."))
        try:
            path = self._folder / hashlib.sha256(content).hexdigest()[:16] / f"{PASTE_NAME}{suffix}"
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(path, content, mode=0o600, verify=False)
            recipe = find_recipe(path)
            if recipe is not None:
                restore_arrays(recipe, self._store)  # so that opening it finds them there
            _forget_oldest(self._folder, keep=path.parent)
        except EngineError as error:
            return _Pasted(None, error=error)
        except OSError as error:
            return _Pasted(None, error=storage_error("keep the pasted picture", error))
        return _Pasted(path, recipe)

    @Slot(object)
    def _take_pasted(self, pasted: _Pasted) -> None:
        if pasted.error is not None:
            self._messages.error(pasted.error)
        elif pasted.recipe is not None:
            self._opener.open_recipe(pasted.recipe, PASTE_NAME)
        elif pasted.path is not None:
            self._opener.portrait_found.emit(pasted.path)

    # --- threads ---------------------------------------------------------------------------------------------------

    def _start(self, work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                work()
            except RuntimeError:  # the window is gone, and with it the signal
                return

        thread = threading.Thread(target=run, name="graft-clipboard", daemon=True)
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()

    def close(self) -> None:
        """Wait a moment for what is under way."""
        for thread in self._threads:
            thread.join(PATIENCE_S)


def pasted_paths(mime: QMimeData | None) -> list[Path]:
    """The files that a clipboard names: as files, or as text with a path or a link to this machine on every line."""
    if mime is None:
        return []
    if files := [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]:
        return files
    lines = mime.text()[:MAX_TEXT].split("\n")
    lines = [line.strip().strip("\"'") for line in lines if line.strip()][: MAX_FILES + 1]
    paths = [Path(QUrl(line).toLocalFile() if line.startswith("file:") else line) for line in lines]
    try:
        paths = [path.expanduser() for path in paths]
        return paths if paths and all(path.is_absolute() and path.is_file() for path in paths) else []
    except (OSError, RuntimeError, ValueError):  # text that is no path at all
        return []


def _read_copy(path: Path) -> _Copied:
    """On a thread: the bytes of the file that the engine made, and its pixels.

    They are decoded from the file: decoding bytes, PySide lets no other thread run, 150 ms for 4096 px.
    """
    try:
        content, picture = path.read_bytes(), QImage(str(path))
        path.unlink()
    except OSError as error:
        return _Copied(b"", QImage(), storage_error("read the copied picture", error))
    return _Copied(content, picture)


def _coded(image: QImage) -> bytes:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG", PASTE_QUALITY)  # type: ignore[call-overload]
    return bytes(content.data())


def _forget_oldest(folder: Path, keep: Path) -> None:
    """Pasted pictures are kept while a search may still read them, and for the next search."""
    pasted = [path for path in folder.iterdir() if path.is_dir() and path != keep]
    for path in sorted(pasted, key=lambda path: path.stat().st_mtime)[: -KEPT_PASTES + 1]:
        shutil.rmtree(path, ignore_errors=True)
