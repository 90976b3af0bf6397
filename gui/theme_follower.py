"""Changes the theme when the desktop changes its own, for those who asked for that."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from gui.settings import Settings
from gui.theme import ThemeChoice, apply_theme, current_theme, theme_for


class ThemeFollower(QObject):
    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow)

    @Slot(Qt.ColorScheme)
    def _follow(self, scheme: Qt.ColorScheme) -> None:
        app, chosen = QApplication.instance(), self._settings.get("theme", ThemeChoice.DARK.value)
        theme = theme_for(ThemeChoice.SYSTEM, scheme)
        if chosen == ThemeChoice.SYSTEM and theme is not current_theme() and isinstance(app, QApplication):
            apply_theme(app, theme)

    def close(self) -> None:
        """Of a window that is gone, nothing is to be followed."""
        QGuiApplication.styleHints().colorSchemeChanged.disconnect(self._follow)
