"""The alpha curve: how much of a model each resolution takes, dragged like a tone curve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from gui.theme import Theme, body_font, caption_font, current_theme, mix
from gui.widgets import slider_paint
from gui.widgets.arithmetic import evaluate
from gui.widgets.columns import Columns
from gui.widgets.icon_button import IconButton
from gui.widgets.slider_paint import paint_knob

HEIGHT_PX = 134
TALL_PX = 176
"""While it reaches past the ends."""

HEAD_PX = 26
"""Of the line above the plot: what is pointed at, its value, and two switches."""

ENDS = (-1.0, 2.0)
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 24.0, 18.0, HEAD_PX + 10.0, 24.0
_AXIS_FONT_PX = 9
_VALUE_PX = 46.0
_BUTTON_PX = 22
_LOCK_PX = 14.0


@dataclass(frozen=True, slots=True)
class Tints:
    """What stands at both ends of the curve, and in which colour.

    Attributes:
        low, high: The letter at share 0 and at share 1.
        low_color, high_color: Their colours as shapes.
        low_text, high_text: Their colours as letters.
    """

    low: str
    high: str
    low_color: Callable[[Theme], str]
    high_color: Callable[[Theme], str]
    low_text: Callable[[Theme], str]
    high_text: Callable[[Theme], str]


A_TO_B = Tints(
    "A", "B", lambda theme: theme.a, lambda theme: theme.b, lambda theme: theme.a_text, lambda theme: theme.b_text
)


class AlphaCurve(Columns):
    """Share of a model, 0 to 1 or past both ends, per resolution or per layer."""

    curve_changed = Signal(object)
    past_ends_changed = Signal(bool)

    def __init__(self, title: str = "Alpha curve", tints: Tints = A_TO_B, parent: QWidget | None = None) -> None:
        super().__init__(0.0, 1.0, 0.0, unfolded=False, lockable=True, parent=parent)
        self._title, self._tints = title, tints
        self._alpha = 1.0
        self._names: tuple[str, ...] = ()
        self._wants_ends = self._has_ends = False
        self.unfold = self._switch("layers", "Every layer by itself, two a resolution")
        self.ends = self._switch("past_ends", "")
        self.unfold.toggled.connect(self.set_unfolded)
        self.unfolded_changed.connect(self.unfold.setChecked)
        self.ends.toggled.connect(self.set_past_ends)
        self.setAccessibleName(f"{title}: share of {tints.high} per resolution")
        self.values_edited.connect(self.curve_changed)
        self.values_edited.connect(lambda values: self._fit_ends())
        self._fit_ends()

    def _switch(self, icon_name: str, tooltip: str) -> IconButton:
        button = IconButton(icon_name, tooltip, size_px=14, parent=self)
        button.set_icon_name(icon_name, color="muted")
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setFixedSize(_BUTTON_PX, _BUTTON_PX)
        return button

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def curve(self) -> tuple[float, ...]:
        """Share per position, two positions per resolution."""
        return self.values

    def set_curve(self, curve: tuple[float, ...]) -> None:
        """Show a curve, silently; a short one is continued by its last value."""
        count = 2 * len(self.resolutions)
        self.set_values((*curve, *((curve[-1],) * (count - len(curve)) if curve else ())))
        self._fit_ends()

    def set_default_curve(self, curve: tuple[float, ...]) -> None:
        """What double-click goes back to."""
        self.set_defaults(curve)

    def set_alpha(self, alpha: float) -> None:
        """The slider that scales the whole curve: its effect is drawn as a faint line."""
        self._alpha = alpha
        self._fit_ends()
        self.update()

    def set_names(self, names: tuple[str, ...]) -> None:
        """What the layers at each position are called."""
        self._names = names

    def set_tints(self, tints: Tints) -> None:
        if tints != self._tints:
            self._tints = tints
            self.setAccessibleName(f"{self._title}: share of {tints.high} per resolution")
            self.update()

    def column_label(self, column: int) -> str:
        if not self.is_unfolded:
            return f"{self.resolutions[column]} px"
        if column < len(self._names):
            return f"{self.resolutions[column // 2]} px, {self._names[column]}"
        return super().column_label(column)

    # --- past the ends ---------------------------------------------------------------------------------------------

    @property
    def shows_past_ends(self) -> bool:
        """Whether it reaches from -1 to 2."""
        return self._has_ends

    @property
    def needs_ends(self) -> bool:
        """Whether something on it lies past the ends."""
        shares = (*self.curve, *(self._alpha * share for share in self.curve), self._alpha)
        return any(not -1e-9 <= share <= 1 + 1e-9 for share in shares)

    def set_past_ends(self, wanted: bool) -> None:
        """Let it go past A and past B, where models are exaggerated."""
        self._wants_ends = wanted
        self._fit_ends()

    def _fit_ends(self) -> None:
        needed = self.needs_ends
        shown = self._wants_ends = self._wants_ends or needed  # and stays, or it would jump in the middle of a drag
        tip = "A value lies past the ends" if needed else "Past the ends: from -1 to 2, beyond either model"
        if tip != self.ends.toolTip():
            self.ends.setToolTip(tip)
            self.ends.setAccessibleName("Past the ends")
        self.ends.setEnabled(self.isEnabled() and not needed)
        if self.ends.isChecked() != shown:
            self.ends.blockSignals(True)
            self.ends.setChecked(shown)
            self.ends.blockSignals(False)
        if shown != self._has_ends or self.height() not in (HEIGHT_PX, TALL_PX):
            self._has_ends = shown
            self._minimum, self._maximum = ENDS if shown else (0.0, 1.0)
            self.setFixedHeight(TALL_PX if shown else HEIGHT_PX)
            self.past_ends_changed.emit(shown)
            self.update()

    # --- geometry --------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(240, TALL_PX if self._has_ends else HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(140, self.sizeHint().height())

    def column_x(self, column: int) -> float:
        width = self.width() - _LEFT_PX - _RIGHT_PX
        return _LEFT_PX + width * column / max(1, self.column_count - 1)

    def value_y(self, value: float) -> float:
        height = self.height() - _TOP_PX - _BOTTOM_PX
        return _TOP_PX + height * (self._maximum - value) / (self._maximum - self._minimum)

    def value_rect(self) -> QRectF:
        """The box with the value of the point that is pointed at: a click types it."""
        return QRectF(self.width() - _VALUE_PX - 4, 3, _VALUE_PX, HEAD_PX - 6)

    def lock_rect(self) -> QRectF:
        left = self.value_rect().left() - 2 * _BUTTON_PX - _LOCK_PX - 10
        return QRectF(left, (HEAD_PX - _LOCK_PX) / 2, _LOCK_PX, _LOCK_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        right = round(self.value_rect().left()) - 4
        for place, button in enumerate((self.ends, self.unfold), 1):
            button.move(right - place * _BUTTON_PX, (HEAD_PX - _BUTTON_PX) // 2)

    def points(self, scale: float = 1.0) -> list[QPointF]:
        """Where the knobs are, with the curve scaled."""
        return [
            QPointF(self.column_x(column), self.value_y(scale * self.column_value(column)))
            for column in range(self.column_count)
        ]

    # --- the hand --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.position().y() >= HEAD_PX:
            super().mousePressEvent(event)
        elif event.button() is Qt.MouseButton.LeftButton:
            self.finish_gesture()
            if self.value_rect().contains(event.position()):
                self.type_value()
            elif self.lock_rect().adjusted(-3, -3, 3, 3).contains(event.position()):
                self.set_locked(not self.is_locked)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        is_over_value = self._drag is None and self.value_rect().contains(event.position())
        self.setCursor(Qt.CursorShape.IBeamCursor if is_over_value else Qt.CursorShape.ArrowCursor)
        if self._drag is not None or event.position().y() >= HEAD_PX:
            super().mouseMoveEvent(event)
        elif self._hovered is not None:
            self._hovered = None
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.position().y() >= HEAD_PX:
            super().mouseDoubleClickEvent(event)

    def type_value(self) -> None:
        """Where the value is read, not over the knob."""
        self._edit.open_at(self.value_rect().toAlignedRect(), self.value_text())

    def take_text(self, text: str) -> None:
        """A typed value may go past the ends without asking for them first."""
        self.set_past_ends(self._wants_ends or not 0.0 <= evaluate(text) <= 1.0)
        super().take_text(text)

    def fill_menu(self, menu: QMenu) -> None:
        super().fill_menu(menu)
        ends = menu.addAction("Past the ends")
        ends.setCheckable(True)
        ends.setChecked(self._has_ends)
        ends.setEnabled(self.ends.isEnabled())
        ends.toggled.connect(self.set_past_ends)

    def set_disabled_reason(self, reason: str | None) -> None:
        super().set_disabled_reason(reason)
        self._fit_ends()

    # --- painting --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_ground(painter, theme)
            if not self.column_count:
                return
            self._paint_head(painter, theme)
            self._paint_axes(painter, theme)
            points = self.points()
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if self._alpha != 1.0:
                painter.save()
                painter.setClipRect(QRectF(0, HEAD_PX, self.width(), self.height() - HEAD_PX))
                painter.setPen(QPen(self._line_brush(theme, 0.45), 1.2, Qt.PenStyle.DotLine))
                painter.drawPath(smooth_path(self.points(self._alpha)))
                painter.restore()
            painter.setPen(QPen(self._line_brush(theme, 1.0), 2.4))
            painter.drawPath(smooth_path(points))
            self._paint_knobs(painter, theme, points)

    def _line_brush(self, theme: Theme, strength: float) -> QBrush:
        if not self.isEnabled():
            return QBrush(QColor(theme.disabled))
        gradient = QLinearGradient(0, self.value_y(0), 0, self.value_y(1))
        gradient.setColorAt(0, mix(theme.sunken, self._tints.low_color(theme), strength))
        gradient.setColorAt(1, mix(theme.sunken, self._tints.high_color(theme), strength))
        return QBrush(gradient)

    def _paint_ground(self, painter: QPainter, theme: Theme) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.sunken))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)

    def _paint_head(self, painter: QPainter, theme: Theme) -> None:
        """The point that is pointed at by the hand or the keyboard; the title while there is none."""
        column = self._hovered if self._hovered is not None else self.current if self.hasFocus() else None
        text = self._title if column is None else self.column_label(column)
        painter.setFont(caption_font())
        painter.setPen(QColor(theme.muted if self.isEnabled() else theme.disabled))
        shows_lock = self.is_locked or self.hasFocus() or self.underMouse()
        if shows_lock:
            slider_paint.paint_lock(painter, theme, self.lock_rect(), self.is_locked)
        painter.setFont(caption_font())
        painter.setPen(QColor(theme.muted if self.isEnabled() else theme.disabled))
        box = QRectF(8, 0, self.lock_rect().left() - 12, HEAD_PX)
        words = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
        shown = self.current if column is None else column
        value = f"{self.column_value(shown):.2f}"
        slider_paint.paint_value_box(painter, theme, self.value_rect(), value, self.isEnabled())

    def _paint_axes(self, painter: QPainter, theme: Theme) -> None:
        ends = (0.0, 1.0) if self._has_ends else (0.0, 0.5, 1.0)
        for share in ends:
            strength = 1.0 if self._has_ends else 0.7
            painter.setPen(QPen(mix(theme.sunken, theme.line, strength), 1))
            y = round(self.value_y(share)) + 0.5
            painter.drawLine(QPointF(_LEFT_PX - 4, y), QPointF(self.width() - _RIGHT_PX + 5, y))
        painter.setFont(body_font(_AXIS_FONT_PX))
        tints = self._tints
        marks = [(tints.low, 0.0, tints.low_text(theme)), (tints.high, 1.0, tints.high_text(theme))]
        if self._has_ends:
            marks += [("-1", -1.0, theme.muted), ("2", 2.0, theme.muted)]
        for letter, share, color in marks:
            painter.setPen(QColor(color if self.isEnabled() else theme.disabled))
            box = QRectF(0, self.value_y(share) - 8, _LEFT_PX - 4, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter)
        painter.setPen(QColor(theme.muted if self.isEnabled() else theme.disabled))
        for index, resolution in enumerate(self.resolutions):
            x = self._resolution_x(index)
            box = QRectF(clamp_box(x, 36, self.width()), self.height() - 19, 36, 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(resolution))

    def _resolution_x(self, index: int) -> float:
        if not self.is_unfolded:
            return self.column_x(index)
        return (self.column_x(2 * index) + self.column_x(2 * index + 1)) / 2

    def _paint_knobs(self, painter: QPainter, theme: Theme, points: list[QPointF]) -> None:
        diameter = 6.0 if self.is_unfolded else 8.0
        for column, point in enumerate(points):
            is_current = self.hasFocus() and column == self.current
            grown = diameter + (2 if column == self._hovered else 0)
            paint_knob(
                painter,
                theme,
                point,
                is_enabled=self.isEnabled(),
                has_focus=is_current,
                diameter_px=grown,
                ring_px=1.0 if self.is_unfolded and not is_current else 2.0,
            )


def clamp_box(middle: float, width: float, available: float) -> float:
    """The left edge of a box round `middle` that stays inside."""
    return min(max(1.0, middle - width / 2), available - width - 1)


def smooth_path(points: list[QPointF]) -> QPainterPath:
    """A monotone cubic through points of ascending x: it never swings past them.

    Source: Fritsch & Carlson 1980, doi 10.1137/0717021, with the three-point harmonic mean of the slopes.
    """
    path = QPainterPath(points[0])
    slopes = [(right.y() - left.y()) / max(1e-6, right.x() - left.x()) for left, right in pairwise(points)]
    tangents = [0.0, *(_harmonic(before, after) for before, after in pairwise(slopes)), 0.0]
    for index, (left, right) in enumerate(pairwise(points)):
        third = (right.x() - left.x()) / 3
        path.cubicTo(
            QPointF(left.x() + third, left.y() + third * tangents[index]),
            QPointF(right.x() - third, right.y() - third * tangents[index + 1]),
            right,
        )
    return path


def _harmonic(before: float, after: float) -> float:
    return 0.0 if before * after <= 0 else 2 * before * after / (before + after)
