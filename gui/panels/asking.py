"""The parts of a window that asks at the left and shows what came of it at the right."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLayout, QVBoxLayout, QWidget

from gui.panels.labels import scrolling, vertical_line


def asking_column(form: QWidget, *foot: QWidget, width_px: int, takes_focus: bool = False) -> QWidget:
    """The questions, scrolling when there is not enough room, over what always stays in sight: the button.

    Args:
        takes_focus: Whether Tab stops at the scrolled part itself.
    """
    bottom = QVBoxLayout()
    bottom.setContentsMargins(16, 8, 16, 16)
    bottom.setSpacing(8)
    for widget in foot:
        bottom.addWidget(widget)
    side = QWidget()
    side.setFixedWidth(width_px)
    column = QVBoxLayout(side)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(scrolling(form, takes_focus=takes_focus), 1)
    column.addLayout(bottom)
    return side


def ask_beside(window: QWidget, asking: QWidget, answer: QWidget | QLayout) -> None:
    """Lay the two out in a window, a line between them."""
    layout = QHBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(asking)
    layout.addWidget(vertical_line())
    if isinstance(answer, QLayout):
        layout.addLayout(answer, 1)
    else:
        layout.addWidget(answer, 1)
