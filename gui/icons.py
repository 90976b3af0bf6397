"""One outline icon set (Phosphor, as qtawesome ships it), drawn in the text colour of the current theme.

The font is loaded straight from qtawesome's folder. Importing qtawesome itself costs 165 ms of CPU at every start
(it pulls in qtpy, OpenGL and eleven more fonts, measured with 1.4.2); this way costs 3 ms.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

from gui.theme import current_theme

GLYPHS = {
    "again": "arrows-clockwise",
    "check": "check",
    "close": "x",
    "command": "command",
    "compare": "columns",
    "copy": "copy",
    "crop": "crop",
    "dice": "dice-five",
    "direction": "compass",
    "download": "download-simple",
    "error": "warning-circle",
    "export": "export",
    "eye": "eye",
    "eye_off": "eye-slash",
    "fit": "corners-out",
    "fold": "caret-down",
    "folder": "folder-open",
    "handle_level": "rows",
    "handle_upright": "columns",
    "history": "clock-counter-clockwise",
    "image": "image",
    "info": "info",
    "kept": "bookmark-simple",
    "key": "diamond-fill",
    "keyboard": "keyboard",
    "layers": "stack",
    "lock": "lock-simple",
    "loop": "repeat",
    "model": "cube",
    "moon": "moon",
    "more": "dots-three",
    "past_ends": "arrows-out-line-vertical",
    "paste": "clipboard-text",
    "pause": "pause",
    "pin": "push-pin",
    "play": "play",
    "plus": "plus",
    "portrait": "user-focus",
    "record": "record",
    "redo": "arrow-u-up-right",
    "reset": "arrow-counter-clockwise",
    "save": "floppy-disk",
    "search": "magnifying-glass",
    "settings": "gear-six",
    "star": "star",
    "sun": "sun",
    "swap": "arrows-left-right",
    "trash": "trash",
    "undo": "arrow-u-up-left",
    "unfold": "caret-right",
    "unlink": "link-break",
    "unlock": "lock-simple-open",
    "warning": "warning",
    "zoom_in": "magnifying-glass-plus",
    "zoom_out": "magnifying-glass-minus",
}
"""Our names for things and the set's names for their pictures."""


def icon(name: str, *, color: str | None = None) -> QIcon:
    """An icon that follows the theme.

    Args:
        name: A key of `GLYPHS`.
        color: A token of the theme ("muted", "error" ...); None is the text colour.

    Raises:
        KeyError: No such icon.
    """
    return QIcon(_GlyphEngine(GLYPHS[name], color or "text"))


def paint_icon(painter: QPainter, rect: QRect, name: str, color: QColor) -> None:
    """Draw an icon into a rectangle, for widgets that paint themselves."""
    _paint_glyph(painter, rect, GLYPHS[name], color)


class _GlyphEngine(QIconEngine):
    """Looks the colour up while painting, so that a change of theme needs no new icons."""

    def __init__(self, glyph: str, color: str) -> None:
        super().__init__()
        self._glyph = glyph
        self._color = color

    def clone(self) -> QIconEngine:
        return _GlyphEngine(self._glyph, self._color)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        theme = current_theme()
        color = theme.disabled if mode is QIcon.Mode.Disabled else str(getattr(theme, self._color))
        _paint_glyph(painter, rect, self._glyph, QColor(color))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        if size.isEmpty():  # a button that is not laid out yet
            return pixmap
        pixmap.fill(Qt.GlobalColor.transparent)
        with QPainter(pixmap) as painter:
            self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        return pixmap


def _paint_glyph(painter: QPainter, rect: QRect, glyph: str, color: QColor) -> None:
    family, codes = _phosphor()
    font = QFont(family)
    font.setPixelSize(max(1, min(rect.width(), rect.height())))
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    painter.save()
    painter.setFont(font)
    painter.setPen(color)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, codes[glyph])
    painter.restore()


@cache
def _phosphor() -> tuple[str, dict[str, str]]:
    """The font's family name and its characters by name. Needs a QGuiApplication."""
    spec = importlib.util.find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise ImportError("qtawesome, which brings the icon font, is not installed")
    fonts = Path(spec.origin).parent / "fonts"
    font_file = next(fonts.glob("phosphor-[0-9]*.ttf"))
    charmap = json.loads(next(fonts.glob("phosphor-charmap-*.json")).read_text())
    number = QFontDatabase.addApplicationFont(str(font_file))
    families = QFontDatabase.applicationFontFamilies(number)
    codes = {glyph: chr(int(charmap[glyph], 16)) for glyph in GLYPHS.values()}
    return families[0], codes
