"""The page of the wall: whose face it is, how far the search is, the wall, and a picture looked at closer."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gui.icons import icon
from gui.panels.labels import title_label
from gui.styles_wall.tiles import NAME_PX
from gui.styles_wall.wall import DIGITS, Tile, Wall
from gui.theme import RADIUS_PX, body_font, current_theme
from gui.widgets.face_strip import FaceStrip
from gui.widgets.thumb import paint_thumb

HELP = "Click takes one, hold to look closer"
LINE_PX = 2
_KEYS = (
    Qt.Key.Key_Escape, Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down,
)  # fmt: skip


class StylesPage(QWidget):
    """Stands in for the canvas."""

    taken = Signal(str)  # key
    left = Signal()
    adjust_wanted = Signal()
    face_picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fraction: float | None = None
        self.title = title_label()
        self.status = _Line()
        for words in (self.title, self.status):  # the faces and buttons get their room first
            words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            words.setMinimumWidth(120)
        self.faces = FaceStrip()
        self.adjust = QPushButton(icon("crop"), "Adjust crop…")
        self.adjust.setToolTip("Place the crop by hand, and choose how to search")
        self.done = QPushButton("Close")
        self.done.setToolTip("Back to the picture as it was; the face stays on the shelf (Esc)")
        self.wall = Wall()
        self.closer = Closer(self)
        self._area = QScrollArea()
        self._lay_out()
        self._connect()
        self.setAutoFillBackground(False)

    def _lay_out(self) -> None:
        self._area.setWidget(self.wall)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for ground in (self._area, self._area.viewport(), self.wall):  # the canvas' colour shows through
            ground.setAutoFillBackground(False)
        self._area.setStyleSheet("QScrollArea { background: transparent; }")
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addStretch(1)
        words.addWidget(self.title)
        words.addWidget(self.status)
        words.addStretch(1)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addLayout(words, 1)
        top.addWidget(self.faces)
        top.addWidget(self.adjust)
        top.addWidget(self.done)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 6)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self._area, 1)
        self.faces.hide()
        self.closer.hide()

    def _connect(self) -> None:
        self.wall.taken.connect(self.taken)
        self.wall.peeked.connect(self._look_closer)
        self.wall.walked.connect(self._bring_in_sight)
        self.adjust.clicked.connect(self.adjust_wanted)
        self.done.clicked.connect(self.left)
        self.faces.picked.connect(self.face_picked)
        self._area.viewport().installEventFilter(self)

    # --- what it shows --------------------------------------------------------------------------------------------

    def begin(self, title: str, groups: Sequence[tuple[str, Sequence[Tile]]], *, from_photo: bool) -> None:
        """Show another face.

        Args:
            from_photo: There is a photo whose crop can be adjusted.
        """
        self.title.setText(title)
        self.wall.show_groups(groups)
        self._area.verticalScrollBar().setValue(0)
        self.adjust.setVisible(from_photo)
        self.show_status("", None)

    def set_faces(self, pictures: Sequence[QImage], certain: Sequence[bool], current: int) -> None:
        """Offer the faces of a photo; a single one is no choice."""
        self.faces.setVisible(len(pictures) > 1)
        if len(pictures) > 1:
            self.faces.set_faces(certain)
            for number, picture in enumerate(pictures):
                self.faces.set_picture(number, picture)
            self.faces.set_current(current)
            self.faces.setMaximumWidth(self.faces.sizeHint().width())

    def show_status(self, words: str, fraction: float | None) -> None:
        """
        Args:
            fraction: How far the search is; None while there is none.
        """
        self.status.setText(words or HELP)
        self.status.setToolTip(words or HELP)
        self._fraction = fraction
        self.update(0, 0, self.width(), LINE_PX)

    @Slot(str)
    def _look_closer(self, key: str) -> None:
        tile = self.wall.tile(key)
        self.closer.setVisible(tile is not None)
        if tile is not None:
            self.closer.setGeometry(self._area.geometry())
            self.closer.show_tile(tile)
            self.closer.raise_()

    def set_picture(self, key: str, picture: QImage) -> None:
        self.wall.set_picture(key, picture)
        tile = self.wall.tile(key)
        if self.closer.isVisible() and tile is not None:
            self.closer.follow(tile)

    @Slot(QRectF)
    def _bring_in_sight(self, cell: QRectF) -> None:
        middle = cell.center().toPoint()
        self._area.ensureVisible(middle.x(), middle.y(), 0, round(cell.height() / 2) + 6)

    @Slot()
    def focus_wall(self) -> None:
        self.wall.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Resize and isinstance(event, QResizeEvent):
            self.wall.set_room(event.size())
        return super().eventFilter(watched, event)

    def sizeHint(self) -> QSize:
        return QSize(720, 560)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.fillRect(event.rect(), QColor(theme.canvas))
            if self._fraction is not None:
                painter.fillRect(QRectF(0, 0, self.width() * self._fraction, LINE_PX), QColor(theme.focus))

    # --- keys -----------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """These keys are the page's while it has the focus, not the window's."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_ours(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif event.key() != Qt.Key.Key_Space or not self.wall.hasFocus():  # which the window would take
            super().keyPressEvent(event)


class _Line(QLabel):
    """Plain words on one line, which ends in dots where there is no room for all of it."""

    def paintEvent(self, event: QPaintEvent) -> None:
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        where = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        with QPainter(self) as painter:
            role = self.foregroundRole()
            self.style().drawItemText(painter, self.rect(), where, self.palette(), self.isEnabled(), words, role)


class Closer(QWidget):
    """One picture, as large as there is room. The mouse goes through it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._tile: Tile | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    @property
    def key(self) -> str:
        return "" if self._tile is None else self._tile.key

    def show_tile(self, tile: Tile) -> None:
        self._tile = tile
        self.update()

    def follow(self, tile: Tile) -> None:
        """A better picture of what may be shown."""
        if tile.key == self.key:
            self.show_tile(tile)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, tile = current_theme(), self._tile
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(theme.canvas))
            if tile is None:
                return
            edge = min(self.width() - 8, self.height() - NAME_PX - 8)
            box = QRectF((self.width() - edge) / 2, 4, edge, edge)
            paint_thumb(painter, box, tile.picture, radius=RADIUS_PX)
            painter.setFont(body_font())
            painter.setPen(QColor(theme.canvas_text))
            below = QRectF(8, box.bottom() + 4, self.width() - 16, NAME_PX)
            words = f"{tile.name}: {tile.words}"
            words = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, round(below.width()))
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, words)


def _is_ours(event: QKeyEvent) -> bool:
    plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return plain and (event.key() in _KEYS or (bool(event.text()) and event.text() in DIGITS))
