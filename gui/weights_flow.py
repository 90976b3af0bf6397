"""Optional weights and published encoders: what is there, and which model an encoder serves."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QFile, QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from engine.atomic import storage_error
from engine.encoder_links import KnownEncoder, known_encoders, link_encoder, unlink_encoder
from engine.errors import printable
from engine.optional_weights import WeightsStatus, look_for_weights
from engine.state import ModelRef
from gui.aside import Aside
from gui.bring_forward import bring_forward
from gui.collection import Collection
from gui.messages import Messages
from gui.weights_window import EncoderRow, WeightsWindow

Found = tuple[tuple[WeightsStatus, ...], tuple[KnownEncoder, ...]]


def move_to_trash(path: Path) -> bool:
    return QFile(str(path)).moveToTrash()


class WeightsFlow(QObject):
    """The window is made when it is first wanted. Files are read on a thread."""

    encoders_changed = Signal()  # another encoder is used for some model

    def __init__(
        self, owner: QWidget, collection: Collection, messages: Messages, folder: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._collection = collection
        self._messages = messages
        self._folder = folder
        self._window: WeightsWindow | None = None
        self._goes_to_encoders = self._is_closed = False
        self._aside = Aside("graft-weights", self)

    @property
    def window(self) -> WeightsWindow:
        if self._window is None:
            self._window = window = WeightsWindow(self._owner)
            window.folder_wanted.connect(self.open_folder)
            window.refresh_wanted.connect(self.refresh)
            window.link_toggled.connect(self.use)
            window.removal_wanted.connect(self.remove)
            self._collection.models_changed.connect(self._refresh_if_seen)
        return self._window

    @Slot()
    def open(self) -> None:
        bring_forward(self.window)
        self.refresh()

    @Slot()
    def open_encoders(self) -> None:
        """Open, where the encoders are."""
        self._goes_to_encoders = True
        self.open()

    @Slot()
    def refresh(self) -> None:
        """Look what is in the folder now."""
        folder = self._folder

        def look() -> Found:
            return look_for_weights(folder), known_encoders(folder)

        self._aside.run(look, self._show, self._messages.error)

    @Slot()
    def _refresh_if_seen(self) -> None:
        if self.window.isVisible():
            self.refresh()

    def _show(self, found: Found) -> None:
        if self._is_closed:
            return
        statuses, encoders = found
        self.window.show_weights(statuses)
        models = self._collection.models()
        self.window.show_encoders([
            EncoderRow(
                one,
                tuple(
                    record.ref
                    for record in models
                    if one.metadata.sizes.fits(record.descriptor.num_ws, record.descriptor.w_dim)
                ),
            )
            for one in encoders
        ])  # fmt: skip
        if self._goes_to_encoders:
            self._goes_to_encoders = False
            self.window.go_to_encoders()

    @Slot(object, object, bool)
    def use(self, encoder: KnownEncoder, model: ModelRef, used: bool) -> None:
        """Begin searches in a model with an encoder from now on, or no longer."""

        def change() -> None:
            (link_encoder if used else unlink_encoder)(encoder.path, model)

        def changed(_: None) -> None:
            title, name = printable(encoder.title, 60), printable(model.name, 60)
            said = f"Searches in “{name}” begin with “{title}” now." if used else f"“{title}” left “{name}”."
            self._messages.say(said)
            self.encoders_changed.emit()
            self.refresh()

        self._aside.run(change, changed, self._messages.error)

    @Slot(object)
    def remove(self, encoder: KnownEncoder) -> None:
        """Move an encoder's file to the system's trash: searches begin without it."""
        title = printable(encoder.title, 60)

        def removed(is_gone: bool) -> None:
            if is_gone:
                self._messages.say(f"The encoder “{title}” is in the trash of this computer.")
            else:
                self._messages.warn(f"“{title}” could not be moved to the trash.", "Delete it in the weights folder.")
            self.encoders_changed.emit()
            self.refresh()

        self._aside.run(lambda: move_to_trash(encoder.path), removed, self._messages.error)

    @Slot()
    def open_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._messages.error(storage_error(f"create its folder {self._folder}", error))
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))

    def wait(self) -> None:
        """Until what is being read is shown."""
        self._aside.wait()

    def close(self) -> None:
        self._is_closed = True
        self._aside.join()
