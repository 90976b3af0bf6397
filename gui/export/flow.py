"""Networks and contact sheets out of the window: asked for, sent to the engine, told."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from engine.errors import printable
from engine.messages import DrawSheet, ExportNetwork, JobFinished, JobOutcome, NetworkExported, SheetDrawn
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.export.network_dialog import NetworkDialog
from gui.export.sheet_dialog import SheetDialog
from gui.messages import Choice, Messages
from gui.session import Session
from gui.settings import Settings


class ExportFlow(QObject):
    def __init__(
        self,
        owner: QWidget,
        session: Session,
        collection: Collection,
        bridge: EngineBridge,
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._session = session
        self._collection = collection
        self._bridge = bridge
        self._messages = messages
        self._settings = settings

    @Slot()
    def export_network(self) -> None:
        self._session.end_gesture()
        state = self._session.state
        if state.model_a is None:
            return
        dialog = NetworkDialog(state, self._settings, self._owner)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(
            lambda: self._submit(ExportNetwork(state, dialog.target.path, dialog.form, dialog.view))
        )
        dialog.open()

    @Slot()
    def export_sheet(self) -> None:
        self._session.end_gesture()
        state = self._session.state
        descriptor = self._collection.descriptor(state.model_a)
        if descriptor is None:
            return
        dialog = SheetDialog(state, descriptor, self._settings, self._owner)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._submit(DrawSheet(dialog.plan, dialog.target.path, dialog.cell_px)))
        dialog.open()

    def _submit(self, job: ExportNetwork | DrawSheet) -> None:
        self._bridge.submit(job, self._ended)

    def _ended(self, event: JobFinished) -> None:
        match event.result:
            case NetworkExported(path=path, max_error=error, notes=notes):
                differs = f"no pixel differs by more than {error:.1g}" if error else "every pixel is the same"
                checked = f"Read back and compared: {differs}."
                self._tell(path, f"Exported the network {_name(path)}.", " ".join([checked, *notes]))
            case SheetDrawn(path=path, size_px=(width, height), pictures=count):
                self._tell(path, f"Exported {_name(path)}: {count} pictures, {width} by {height} pixels.", "")
            case _ if event.outcome is JobOutcome.FAILED and event.error is not None:
                self._messages.error(event.error)

    def _tell(self, path: Path, sentence: str, more: str) -> None:
        folder = QUrl.fromLocalFile(str(path.parent))
        self._messages.say(sentence, more, Choice("Show folder", lambda: QDesktopServices.openUrl(folder)))


def _name(path: Path) -> str:
    return printable(path.name, 100)
