"""Exporting: stills go to the engine; what became of them is told."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from engine.errors import printable
from engine.messages import ExportStill, JobFinished, JobOutcome, StillExported
from engine.state import EditState, View
from gui.canvas import CanvasMode
from gui.engine_bridge import EngineBridge
from gui.messages import Choice, Messages

FORMATS = {".png": "PNG, lossless", ".tif": "TIFF, lossless", ".webp": "WebP", ".jpg": "JPEG"}
OTHER_SPELLINGS = {".tiff": ".tif", ".jpeg": ".jpg"}


class Exporter(QObject):
    """Sends exports to the engine and tells how they ended."""

    def __init__(self, bridge: EngineBridge, messages: Messages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._messages = messages

    def export(self, state: EditState, path: Path, view: View) -> str:
        return self._bridge.submit(ExportStill(state, path, view), self._exported)

    def _exported(self, event: JobFinished) -> None:
        result = event.result
        if isinstance(result, StillExported):
            width, height = result.size_px
            folder = result.path.parent
            self._messages.say(
                f"Exported {printable(result.path.name, 100)}, {width} by {height} pixels.",
                "",
                Choice("Show folder", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))),
            )
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)


def view_of_mode(mode: CanvasMode) -> View:
    """The picture that one looks at: the blend, unless A or B is shown alone."""
    return {CanvasMode.A: View.A, CanvasMode.B: View.B}.get(mode, View.BLEND)
