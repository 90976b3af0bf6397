"""One way to open a window of its own: there, on top, and with the keyboard."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget


def bring_forward(window: QWidget) -> None:
    window.show()
    window.raise_()
    window.activateWindow()
