"""The wall itself: pictures with their names, walked with the arrow keys, one of them taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QToolTip, QWidget

from gui.pixels import square_thumbnail
from gui.styles_wall.tiles import NAME_PX, beside, plan
from gui.theme import RADIUS_PX, body_font, caption_font, current_theme
from gui.widgets.hand import CLICK_PX
from gui.widgets.shelf_delegate import paint_shares
from gui.widgets.thumb import paint_thumb

HOLD_MS = 280
"""A press that lasts longer looks closer and takes nothing."""

DIGITS = "1234567890"
DIGIT_PX = 12
_STEPS = {
    Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
}  # fmt: skip
_TAKES = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


@dataclass(frozen=True, slots=True)
class Tile:
    """Attributes:
    key: Of what is taken.
    words: What it is, in a sentence.
    picture: None until it is drawn.
    shares: How much of B in every layer.
    is_photo: It is what the others are made of.
    """

    key: str
    name: str
    words: str
    picture: QImage | None = None
    shares: tuple[float, ...] = ()
    is_photo: bool = False


class Wall(QWidget):
    """A click, Enter or a digit takes a picture; holding one, or Space, looks closer."""

    taken = Signal(str)  # key
    peeked = Signal(str)  # key: look closer at it; empty: no more
    walked = Signal(QRectF)  # where the keyboard went

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._groups: tuple[tuple[Tile, ...], ...] = ((),)
        self._headings: tuple[str, ...] = ()
        self._room = QSize(640, 480)
        self._plan = plan((0,), 640, 480)
        self._current = 0
        self._hovered: int | None = None
        self._pressed: tuple[int, QPointF] | None = None
        self._peeked = ""
        self._scaled: dict[str, tuple[tuple[int, int], QImage]] = {}
        self._hold = QTimer(self)
        self._hold.setSingleShot(True)
        self._hold.setInterval(HOLD_MS)
        self._hold.timeout.connect(self._peek_pressed)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("The face in every style")

    # --- what it shows --------------------------------------------------------------------------------------------

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return tuple(tile for group in self._groups for tile in group)

    @property
    def current(self) -> int:
        """Where the keyboard is."""
        return self._current

    @property
    def edge_px(self) -> float:
        return self._plan.edge

    def show_groups(self, groups: Sequence[tuple[str, Sequence[Tile]]]) -> None:
        """Show groups of pictures, each with a heading but the first. The keyboard is on the first to take."""
        filled = [(heading, tuple(tiles)) for heading, tiles in groups if tiles]
        self._groups = tuple(tiles for _, tiles in filled)
        self._headings = tuple(heading for heading, _ in filled[1:])
        self._scaled.clear()
        self._hovered = self._pressed = None
        self._current = next((place for place, tile in enumerate(self.tiles) if not tile.is_photo), 0)
        self._lay_out()
        self._tell()

    def set_picture(self, key: str, picture: QImage) -> None:
        """Put a picture, or a better one, in its place."""
        self._groups = tuple(
            tuple(replace(tile, picture=picture) if tile.key == key else tile for tile in group)
            for group in self._groups
        )
        for tile, cell in zip(self.tiles, self._plan.cells, strict=True):
            if tile.key == key:
                self.update(cell.adjusted(-2, -2, 2, 2).toAlignedRect())

    def tile(self, key: str) -> Tile | None:
        return next((tile for tile in self.tiles if tile.key == key), None)

    def cell(self, key: str) -> QRectF:
        """Where a picture is; empty for one that is not there."""
        places = [tile.key for tile in self.tiles]
        return self._plan.cells[places.index(key)] if key in places else QRectF()

    def digit(self, place: int) -> str:
        """The key that takes a picture; empty for the photo, and beyond the tenth."""
        taken = [other for other, tile in enumerate(self.tiles) if not tile.is_photo]
        number = taken.index(place) if place in taken else len(DIGITS)
        return DIGITS[number] if number < len(DIGITS) else ""

    def set_room(self, room: QSize) -> None:
        """How much of it is seen at a time."""
        self._room = room
        self._lay_out()

    def _lay_out(self) -> None:
        counts = [len(group) for group in self._groups]
        self._plan = plan(counts, self._room.width(), self._room.height())
        self.setMinimumHeight(self._plan.height)
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 200)

    def sizeHint(self) -> QSize:
        return QSize(640, max(self._plan.height, self._room.height()))

    # --- hand -----------------------------------------------------------------------------------------------------

    def _at(self, position: QPointF) -> int | None:
        cells = enumerate(self._plan.cells)
        return next((place for place, cell in cells if cell.adjusted(0, 0, 0, NAME_PX).contains(position)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._at(event.position())
        if place is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        self._go(place)
        self._pressed = place, event.position()
        self._hold.start()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self._at(event.position())
        if self._pressed is None:
            if place != self._hovered:
                self._hovered = place
                self.setCursor(Qt.CursorShape.ArrowCursor if place is None else Qt.CursorShape.PointingHandCursor)
                self.update()
        elif not self._peeked and (event.position() - self._pressed[1]).manhattanLength() > 3 * CLICK_PX:
            self._let_go()
        elif self._peeked and place is not None:  # with the button held, one looks at one after the other
            self._go(place)
            self._peek(self.tiles[place].key)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, was_peeking = self._pressed, bool(self._peeked)
        self._let_go()
        if pressed is not None and not was_peeking and self._at(event.position()) == pressed[0]:
            self.taken.emit(self.tiles[pressed[0]].key)

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self.update()
        super().leaveEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._let_go()
        super().focusOutEvent(event)

    @Slot()
    def _peek_pressed(self) -> None:
        if self._pressed is not None:
            self._peek(self.tiles[self._pressed[0]].key)

    def _peek(self, key: str) -> None:
        if key != self._peeked:
            self._peeked = key
            self.peeked.emit(key)

    def _let_go(self) -> None:
        self._hold.stop()
        self._pressed = None
        self._peek("")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, tiles = event.key(), self.tiles
        if not tiles:
            super().keyPressEvent(event)
        elif key in _STEPS:
            self._go(beside(self._plan.cells, self._current, *_STEPS[Qt.Key(key)]))
        elif key == Qt.Key.Key_Home:
            self._go(0)
        elif key == Qt.Key.Key_End:
            self._go(len(tiles) - 1)
        elif key in _TAKES:
            self.taken.emit(tiles[self._current].key)
        elif key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._peek(tiles[self._current].key)
        elif event.text() and event.text() in DIGITS:
            for place, tile in enumerate(tiles):
                if self.digit(place) == event.text():
                    self._go(place)
                    self.taken.emit(tile.key)
                    break
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._peek("")
        else:
            super().keyReleaseEvent(event)

    def _go(self, place: int) -> None:
        self._current = place
        self._tell()
        if self._peeked:
            self._peek(self.tiles[place].key)
        self.walked.emit(self._plan.cells[place].adjusted(0, 0, 0, NAME_PX))
        self.update()

    def _tell(self) -> None:
        tiles = self.tiles
        if tiles:
            tile, digit = tiles[self._current], self.digit(self._current)
            key = f", key {digit}" if digit else ""
            words = f"{self._current + 1} of {len(tiles)}: {tile.name}{key}. {tile.words}"
            self.setAccessibleDescription(words)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            place = self._at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), "" if place is None else self._tip(place), self)
            return True
        return super().event(event)

    def _tip(self, place: int) -> str:
        tile, digit = self.tiles[place], self.digit(place)
        return f"{tile.words} ({digit})" if digit else tile.words

    # --- painting -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, seen = current_theme(), QRectF(event.rect())
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for words, box in zip(self._headings, self._plan.headings, strict=True):
                painter.setFont(body_font())
                painter.setPen(QColor(theme.canvas_text))
                painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), words)
            for place, (tile, cell) in enumerate(zip(self.tiles, self._plan.cells, strict=True)):
                if cell.adjusted(-3, -3, 3, NAME_PX).intersects(seen):
                    self._paint_tile(painter, place, tile, cell)

    def _as_large_as(self, tile: Tile, cell: QRectF) -> QImage | None:
        """Its picture, brought to the size of its place once: finer than the painter does it every time."""
        if tile.picture is None or tile.picture.isNull():
            return None
        which = tile.picture.cacheKey(), round(cell.width() * self.devicePixelRatioF())
        kept = self._scaled.get(tile.key)
        if kept is None or kept[0] != which:
            kept = self._scaled[tile.key] = which, square_thumbnail(tile.picture, which[1])
        return kept[1]

    def _paint_tile(self, painter: QPainter, place: int, tile: Tile, cell: QRectF) -> None:
        theme = current_theme()
        paint_thumb(painter, cell, self._as_large_as(tile, cell), radius=RADIUS_PX - 2)
        is_current, is_hovered = place == self._current, place == self._hovered
        if tile.shares:
            paint_shares(painter, cell, tile.shares)
        if is_current or is_hovered:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            wide = 3.0 if is_current and self.hasFocus() else 1.5
            painter.setPen(QPen(QColor(theme.focus if is_current else theme.canvas_text), wide))
            painter.drawRoundedRect(cell.adjusted(-1.5, -1.5, 1.5, 1.5), RADIUS_PX - 1, RADIUS_PX - 1)
        below = QRectF(cell.left() + 1, cell.bottom() + 4, self._plan.name_px - 1, NAME_PX - 4)
        digit = self.digit(place)
        painter.setFont(caption_font())
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.setPen(QColor(theme.canvas_text))
        if digit:
            painter.setOpacity(0.65)
            painter.drawText(below, flags, digit)
            painter.setOpacity(1.0)
            below.setLeft(below.left() + DIGIT_PX)
        painter.setPen(QColor(theme.text if is_current or is_hovered else theme.canvas_text))
        name = painter.fontMetrics().elidedText(tile.name, Qt.TextElideMode.ElideRight, round(below.width()))
        painter.drawText(below, flags, name)
