"""What panels are set with: the letters A and B in their colours, titles, captions, rows, lines."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from engine.state import Side
from gui.theme import current_theme


class Letter(QLabel):
    """A or B, in its colour."""

    def __init__(self, side: Side, parent: QWidget | None = None) -> None:
        super().__init__(side.value.upper(), parent)
        self._side = side
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        theme = current_theme()
        style = f"color: {theme.a_text if self._side is Side.A else theme.b_text}; font-weight: 600;"
        if style != self.styleSheet():
            self.setStyleSheet(style)


def title_label(text: str = "") -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", "title")
    return label


def muted_label(text: str = "") -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "muted")
    return label


def caption_label(text: str = "") -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "caption")
    return label


def column(*widgets: QWidget, spacing: int = 4) -> QWidget:
    """Widgets under each other without margins, at the top."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    return holder


def row(*widgets: QWidget | int, spacing: int = 8) -> QWidget:
    """Widgets beside each other without margins; an int in between is a stretch."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        if isinstance(widget, int):
            layout.addStretch(widget)
        else:
            layout.addWidget(widget)
    return holder


def vertical_line() -> QFrame:
    line = QFrame()
    line.setFixedWidth(1)
    line.setProperty("role", "line")
    return line


def scrolling(inside: QWidget, *, takes_focus: bool = True) -> QScrollArea:
    """
    Args:
        takes_focus: Where nothing inside does. Otherwise the keyboard would stop once more, on nothing to be seen.
    """
    inside.setProperty("role", "panel")
    area = QScrollArea()
    if not takes_focus:
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area
