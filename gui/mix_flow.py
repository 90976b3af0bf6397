"""What the mix panel needs from elsewhere: pictures of its sources, and latents out of dropped pictures."""

from __future__ import annotations

import base64
import html
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from engine.errors import EngineError, printable
from engine.export.embedded import find_recipe
from engine.latents import LatentStore
from engine.recipe import restore_arrays
from engine.state import EditState, Latent, ModelRef, StoredLatent
from gui.collection import Collection, png_bytes
from gui.file_kind import PICTURE_SUFFIXES, FileKind, file_kind
from gui.messages import Choice, Messages
from gui.mixing import alone
from gui.panels.mix_panel import MixPanel
from gui.session import Session
from gui.settings import Settings
from gui.thumbnails import Thumbnails
from gui.widgets.matrix_columns import Detail

PREFIX = "mix:"
ICON_PX = 40
MAX_FILES = 32
MAX_NAME_CHARS = 60
DETAIL = "mix.columns"
PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """A dropped file, as the reading thread found it.

    Attributes:
        latent: Of its recipe, with its arrays in the store; None where there is no recipe.
        error: Why it could not be read.
    """

    path: Path
    kind: FileKind = FileKind.UNKNOWN
    latent: Latent | None = None
    error: EngineError | None = None


def read_picture(path: Path, store: LatentStore) -> ReadPicture:
    """Find the latent in a file's recipe and keep its arrays. On any thread."""
    try:
        kind = file_kind(path)
        recipe = find_recipe(path) if kind in (FileKind.PICTURE, FileKind.RECIPE) else None
        if recipe is None:
            return ReadPicture(path, kind)
        latent = restore_arrays(recipe, store).latent
    except EngineError as error:
        return ReadPicture(path, error=error)
    if isinstance(latent, StoredLatent):  # recipes do not say what a portrait is called
        latent = replace(latent, name=printable(path.stem, MAX_NAME_CHARS))
    return ReadPicture(path, kind, latent)


class MixFlow(QObject):
    _read = Signal(object)  # tuple[ReadPicture, ...], from the reading thread

    def __init__(
        self,
        panel: MixPanel,
        session: Session,
        collection: Collection,
        thumbnails: Thumbnails,
        store: LatentStore,
        open_paths: Callable[[Sequence[Path]], object],
        open_portrait: Callable[[Path], object],
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        """
        Args:
            open_paths: Opens files that have nothing to mix in, as when they are dropped elsewhere.
            open_portrait: Begins the search for a photo's latent.
        """
        super().__init__(parent)
        self._panel = panel
        self._session = session
        self._collection = collection
        self._thumbnails = thumbnails
        self._store = store
        self._open_paths = open_paths
        self._open_portrait = open_portrait
        self._messages = messages
        self._settings = settings
        self._model: ModelRef | None = None
        self._wanted: dict[str, Latent] = {}
        self._reader: threading.Thread | None = None
        self._read.connect(self._take_read, Qt.ConnectionType.QueuedConnection)
        thumbnails.ready.connect(self._picture_ready)
        panel.detail_changed.connect(self._keep_detail)
        kept = settings.get(DETAIL, Detail.RESOLUTIONS.value)
        panel.show_detail(Detail(kept) if kept in set(Detail) else Detail.RESOLUTIONS)

    @Slot(str)
    def _keep_detail(self, detail: str) -> None:
        self._settings.set(DETAIL, detail)

    # --- pictures of sources ---------------------------------------------------------------------------------------

    @Slot(object)
    def show_pictures(self, state: EditState) -> None:
        """Have the sources drawn that have no picture yet, each by itself."""
        if state.model_a != self._model:
            self._model = state.model_a
            self._panel.forget_pictures()
        if state.model_a is None:
            return
        wanted = {}
        for latent in dict.fromkeys(source.latent for source in state.mix):
            if not self._panel.has_picture(latent):
                only, view = alone(state, latent)
                tag = f"{PREFIX}{only!r}"
                wanted[tag] = latent
                if tag not in self._wanted:
                    self._thumbnails.want(tag, only, view)
        for tag in self._wanted.keys() - wanted.keys():
            self._thumbnails.drop_wishes(tag)
        self._wanted = wanted

    @Slot(str, QImage)
    def _picture_ready(self, tag: str, picture: QImage) -> None:
        if not tag.startswith(PREFIX):
            return
        self._thumbnails.forget(tag)  # the panel has it, or nobody wants it any more
        latent = self._wanted.pop(tag, None)
        if latent is not None and any(source.latent == latent for source in self._session.state.mix):
            smooth, keep = Qt.TransformationMode.SmoothTransformation, Qt.AspectRatioMode.KeepAspectRatio
            icon = picture.scaled(ICON_PX, ICON_PX, keep, smooth)
            self._panel.set_picture(latent, icon, self._words(latent, picture))

    def _words(self, latent: Latent, picture: QImage) -> str:
        content = base64.b64encode(png_bytes(picture)).decode()
        name = html.escape(self._panel.name_of(latent))
        words = f"{name}. Drag to change the order; right-click for more"
        return f'<img src="data:image/png;base64,{content}"><br>{words}'

    # --- dropped pictures ------------------------------------------------------------------------------------------

    @Slot()
    def choose_picture(self) -> None:
        """Ask for pictures whose latents are to be mixed in."""
        globs = " ".join(f"*{suffix}" for suffix in (*PICTURE_SUFFIXES, ".json"))
        folder = str(self._settings.folder("open"))
        names, _ = QFileDialog.getOpenFileNames(
            self._panel.window(), "Mix in the face of a picture", folder, f"Pictures that Graft exported ({globs})"
        )
        if names:
            self._settings.set_folder("open", Path(names[0]).parent)
            self.take_paths([Path(name) for name in names])

    @Slot(object)
    def take_paths(self, paths: Sequence[Path]) -> None:
        """Mix in the latents of pictures that carry a recipe. They are read on a thread of their own."""
        if len(paths) > MAX_FILES:
            self._messages.warn(f"{len(paths)} files are too many at once; the first {MAX_FILES} are mixed in.")
        work = (tuple(paths[:MAX_FILES]), self._reader)
        self._reader = threading.Thread(target=self._read_all, args=work, name="graft-read-recipes", daemon=True)
        self._reader.start()

    def _read_all(self, paths: tuple[Path, ...], before: threading.Thread | None) -> None:
        """On the reading thread; what was dropped first is mixed in first."""
        found = tuple(read_picture(path, self._store) for path in paths)
        if before is not None:
            before.join()
        try:
            self._read.emit(found)
        except RuntimeError:  # the window is gone
            return

    @Slot(object)
    def _take_read(self, found: tuple[ReadPicture, ...]) -> None:
        others: list[Path] = []
        for one in found:
            if one.error is not None:
                self._messages.error(one.error)
            elif one.latent is not None:
                self._panel.add_latent(one.latent)
            elif one.kind is FileKind.PICTURE:
                self._offer_portrait(one.path)
            else:
                others.append(one.path)
        if others:
            self._open_paths(others)

    def _offer_portrait(self, path: Path) -> None:
        name = printable(path.name, 80)
        self._messages.warn(
            f"{name} carries no recipe, so there is no latent in it to mix in.",
            "Find the face in model A first: then it is on the shelf, and in the menu of “+ source”.",
            Choice("Find the face…", partial(self._open_portrait, path)),
        )

    def close(self) -> None:
        """Wait a moment for what is being read."""
        if self._reader is not None:
            self._reader.join(PATIENCE_S)
