"""The key list and the About box."""

from __future__ import annotations

import html
import logging
import re
from importlib import metadata
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QPushButton, QTextBrowser, QVBoxLayout, QWidget

from engine.messages import EngineReady
from gui.actions import Actions, key_rows
from gui.theme import current_theme

ABOUT_SIZE = (640, 560)
log = logging.getLogger(__name__)


class KeyList(QDialog):
    """All keys, in one list."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("All keys")
        view = QTextBrowser()
        rows = "".join(
            f"<tr><td style='padding:3px 24px 3px 0'><b>{html.escape(keys)}</b></td>"
            f"<td style='padding:3px 0'>{html.escape(text)}</td></tr>"
            for keys, text in key_rows(actions)
        )
        view.setHtml(f"<table>{rows}</table>")
        change = QPushButton("Change keys…")
        change.setToolTip("Every action and its keys, to search and to change")
        change.clicked.connect(actions["shortcuts"].trigger)
        change.clicked.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(view)
        layout.addWidget(change, 0, Qt.AlignmentFlag.AlignLeft)
        self.resize(440, 600)


class About(QDialog):
    """What Graft is, and whose work is in it."""

    def __init__(
        self, resources: Path, version: str, ready: EngineReady | None = None, parent: QWidget | None = None
    ) -> None:
        """
        Args:
            ready: What the engine said of itself; None while it is still starting.
        """
        super().__init__(parent)
        self.setWindowTitle("About Graft")
        heading = QLabel(f"<b style='font-size:18px'>Graft</b> {html.escape(version)}")
        words = QLabel(
            "A desktop darkroom for StyleGANs. Apache-2.0.\n"
            "Written with Qt for Python (LGPL-3.0), PyTorch, NumPy, Pillow, OpenCV and safetensors."
        )
        words.setWordWrap(True)
        self.previews = QLabel(previews_text(ready))
        self.previews.setProperty("role", "muted")
        self.attributions = QTextBrowser()
        self.attributions.setOpenExternalLinks(True)
        self.attributions.setMarkdown(attribution_text(resources))
        self.attributions.document().setDefaultStyleSheet(f"a {{ color: {current_theme().focus}; }}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(10)
        for widget in (heading, words, self.previews, self.attributions):
            layout.addWidget(widget)
        self.resize(*ABOUT_SIZE)


def previews_text(ready: EngineReady | None) -> str:
    """In what, on what and by what pictures are drawn on screen."""
    if ready is None:
        return "Previews: the engine is starting."
    kernels = ", compiled kernels" if ready.kernels else ""
    return f"Previews: {ready.dtype} on {ready.device}{kernels}"


def version() -> str:
    """Graft's own, as it was installed; empty when it only lies there."""
    try:
        return metadata.version("graft")
    except metadata.PackageNotFoundError:
        return ""


def attribution_text(resources: Path) -> str:
    """The cards of everything that ships with Graft, as Markdown."""
    texts = []
    for card in sorted(resources.glob("*/README.md")):
        try:
            texts.append(card.read_text(encoding="utf-8"))
        except OSError as error:
            log.warning("attributions: %s", error)
    return re.sub(r"^(#+) ", r"#\1 ", "\n\n".join(texts), flags=re.MULTILINE)
