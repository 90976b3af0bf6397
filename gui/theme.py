"""The colours, fonts and palette of the window: tokens first, everything else is made from them.

Widgets that paint themselves ask `current_theme()` while painting, so they follow a change of theme by being
repainted, which Qt does after `apply_theme`.
"""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from gui.stylesheet import on_focus, stylesheet
from gui.tokens import DARK, LIGHT, Theme, mix, share_color

BODY_PX = 13
CAPTION_PX = 11
RADIUS_PX = 6

__all__ = ["DARK", "LIGHT", "Theme", "ThemeChoice", "apply_theme", "body_font", "caption_font", "current_theme",
           "figures_font", "heading_font", "mix", "share_color", "theme_for"]

_PROPERTY = "graft_theme"


class ThemeChoice(StrEnum):
    """What the user can ask for; SYSTEM follows the desktop."""

    DARK = "dark"
    LIGHT = "light"
    SYSTEM = "system"


_THEMES = {theme.name: theme for theme in (DARK, LIGHT)}


def theme_for(choice: ThemeChoice, scheme: Qt.ColorScheme | None = None) -> Theme:
    """The theme to use; SYSTEM is dark unless the desktop says light.

    Args:
        scheme: What the desktop says, where that is known; None asks it.
    """
    if choice is ThemeChoice.SYSTEM:
        said = QGuiApplication.styleHints().colorScheme() if scheme is None else scheme
        return LIGHT if said is Qt.ColorScheme.Light else DARK
    return _THEMES[choice.value]


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Give the whole application this theme, unless it has it. Can be called again at any time."""
    before = app.property(_PROPERTY)
    if before == theme.name:
        return
    is_first = before is None
    app.setProperty(_PROPERTY, theme.name)
    if is_first:  # each of these has every widget look at itself anew
        app.setStyle("Fusion")
        app.setFont(body_font())
    # Before the stylesheet: widgets that are there take their text colour from it while they are polished anew.
    app.setPalette(_palette(theme))
    app.setStyleSheet(stylesheet(theme))


def current_theme() -> Theme:
    """The theme last applied, DARK before that."""
    app = QApplication.instance()
    return _THEMES.get(str(app.property(_PROPERTY)), DARK) if app else DARK


def body_font(px: int = BODY_PX) -> QFont:
    """The system's font for text, 13 px."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    font.setPixelSize(px)
    return font


def caption_font() -> QFont:
    """11 px, for captions and axis labels."""
    return body_font(CAPTION_PX)


def heading_font() -> QFont:
    """11 px spaced capitals, for the headings of panels."""
    font = body_font(CAPTION_PX)
    font.setCapitalization(QFont.Capitalization.AllUppercase)
    font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.8)
    return font


def figures_font(px: int = BODY_PX) -> QFont:
    """Figures of one width, so that values do not jump while they change."""
    font = body_font(px)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def _palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    colors = {
        role.Window: theme.panel,
        role.WindowText: theme.text,
        role.Base: theme.window,
        role.AlternateBase: theme.panel,
        role.Text: theme.text,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.error,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.PlaceholderText: theme.muted,
        role.Link: theme.focus,
        role.Highlight: theme.focus,
        role.HighlightedText: on_focus(theme),
        role.Light: theme.raised,
        role.Midlight: theme.raised,
        role.Mid: theme.line,
        role.Dark: theme.line,
        role.Shadow: theme.canvas,
        role.Accent: theme.focus,
    }
    palette = QPalette()
    for which, color in colors.items():
        palette.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(theme.disabled))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(theme.line))
    return palette
