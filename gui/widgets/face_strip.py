"""The faces of a photo as thumbnails: one is chosen, a guess says so."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QHBoxLayout, QScrollArea, QWidget

from gui.theme import RADIUS_PX, caption_font, current_theme

FACE_PX = 56
HEIGHT_PX = FACE_PX + 18
_GUESS_PX = 15.0
_STEPS = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}


class FaceStrip(QScrollArea):
    """`picked` fires when the user chooses; arrow keys walk."""

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setAccessibleName("Faces in the photo")
        self._faces: list[_Face] = []
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self.picked)
        self._inside = QWidget()
        self._line = QHBoxLayout(self._inside)
        self._line.setContentsMargins(4, 4, 4, 4)
        self._line.setSpacing(8)
        self._line.addStretch(1)
        self._line.addStretch(1)
        self.setWidget(self._inside)
        for ground in (self.viewport(), self._inside):  # the canvas shows through
            ground.setAutoFillBackground(False)

    @property
    def count(self) -> int:
        return len(self._faces)

    @property
    def current(self) -> int:
        """Number of the chosen one, from 0; -1 when there is none."""
        return self._group.checkedId()

    def face(self, number: int) -> QAbstractButton:
        return self._faces[number]

    def set_faces(self, certain: Sequence[bool]) -> None:
        """New faces, still without pictures; the first is chosen.

        Args:
            certain: For each face, whether it is more than a guess.
        """
        for face in self._faces:
            self._group.removeButton(face)
            self._line.removeWidget(face)
            face.deleteLater()
        self._faces = [_Face(number, len(certain), is_sure, self._inside) for number, is_sure in enumerate(certain)]
        for number, face in enumerate(self._faces):
            self._group.addButton(face, number)
            self._line.insertWidget(number + 1, face)
        self.set_current(0)

    def set_picture(self, number: int, picture: QImage) -> None:
        if 0 <= number < len(self._faces):
            self._faces[number].set_picture(picture)

    def set_current(self, number: int) -> None:
        """Show a choice, silently."""
        if 0 <= number < len(self._faces):
            self._faces[number].setChecked(True)
            self.ensureWidgetVisible(self._faces[number], FACE_PX, 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()), 0) if not event.modifiers() else 0
        if not step or not self._faces:
            super().keyPressEvent(event)
            return
        wanted = self._faces[min(max(self.current + step, 0), len(self._faces) - 1)]
        wanted.setFocus(Qt.FocusReason.TabFocusReason)
        wanted.click()

    def sizeHint(self) -> QSize:
        return QSize(len(self._faces) * (FACE_PX + 8) + 8, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(FACE_PX, HEIGHT_PX)


class _Face(QAbstractButton):
    def __init__(self, number: int, count: int, is_sure: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self._is_sure = is_sure
        self._picture = QImage()
        self.setCheckable(True)
        self.setFixedSize(FACE_PX, FACE_PX)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        name = f"Face {number + 1} of {count}"
        self.setAccessibleName(name if is_sure else f"{name}, a guess")
        key = f", key {number + 1}" if number < 9 else ""
        doubt = "" if is_sure else ". Hard to make out: a guess"
        self.setToolTip(f"{name}{key}, Ctrl with Left and Right{doubt}")

    def set_picture(self, picture: QImage) -> None:
        self._picture = picture
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if Qt.Key(event.key()) in _STEPS:
            event.ignore()  # the faces are walked as one
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, box = current_theme(), QRectF(self.rect()).adjusted(2, 2, -2, -2)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.fillRect(box, QColor(theme.raised))
            if not self._picture.isNull():
                painter.drawImage(box, self._picture)
            if not self._is_sure:
                self._paint_guess(painter, box)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if self.isChecked() or self.hasFocus() or self.underMouse():
                colour = QColor(theme.focus if self.isChecked() or self.hasFocus() else theme.canvas_text)
                painter.setPen(QPen(colour, 3 if self.isChecked() else 1.5))
                painter.drawRoundedRect(box, RADIUS_PX / 2, RADIUS_PX / 2)

    def _paint_guess(self, painter: QPainter, box: QRectF) -> None:
        strip = QRectF(box.left(), box.bottom() - _GUESS_PX, box.width(), _GUESS_PX)
        painter.fillRect(strip, QColor(0, 0, 0, 170))
        painter.setFont(caption_font())
        painter.setPen(QColor("#ffffff"))
        painter.drawText(strip, Qt.AlignmentFlag.AlignCenter, "guess")
