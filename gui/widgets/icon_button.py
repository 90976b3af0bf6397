"""A tool button with an icon of the set."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolButton, QWidget

from gui.icons import icon

_WORD_GAP_PX = 6
"""The icon is drawn in the middle of a wider place, which keeps it off the words."""


class IconButton(QToolButton):
    """Frameless and small; with `text` it is a framed button with the icon beside the words."""

    def __init__(
        self, icon_name: str | None, tooltip: str, *, text: str = "", size_px: int = 16, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setIconSize(QSize(size_px + (_WORD_GAP_PX if text else 0), size_px))
        if icon_name is not None:
            self.set_icon_name(icon_name)
        self.setToolTip(tooltip)
        self.setAccessibleName(text or tooltip)
        if text:
            self.setText(text)
            self.setProperty("worded", "true")
            self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        else:
            self.setProperty("role", "quiet")

    def set_icon_name(self, icon_name: str, *, color: str | None = None) -> None:
        """Another icon; `color` is a token of the theme."""
        self.setIcon(icon(icon_name, color=color))
