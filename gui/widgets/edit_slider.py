"""The one slider: label left, value right, track under both."""

from __future__ import annotations

import random

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QEnterEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QMenu, QWidget

from gui.theme import body_font, current_theme, figures_font
from gui.widgets import slider_paint
from gui.widgets.arithmetic import evaluate, is_number
from gui.widgets.hand import CLICK_PX, Drag, HandWidget, is_fine, is_snapping, key_step
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.slider_scale import SliderScale, shown

HEADER_PX = 22
HEIGHT_PX = 38
LOCK_PX = 14


class EditSlider(HandWidget):
    """A labelled number that one drags, types or steps.

    Args:
        label: What it turns.
        minimum, maximum, default: Ends of the track and what double-click goes back to (marked by a notch).
        decimals: Decimals shown, and that a plain drag rounds to.
        step, page: Of the arrow and the page keys; by default one in the last decimal, and a tenth of the track.
        snaps: Where Ctrl snaps to; by default every `page`.
        stops: The only values there are, spread evenly (swap resolution: 4, 8, 16 ...).
        gradient: Draw the track from A to B.
        signed: Show a plus.
        typed_minimum, typed_maximum: A typed value may go this far past the ends.
        lockable: Offer a lock that keeps the value through a surprise.
    """

    value_changed = Signal(float)

    def __init__(
        self,
        label: str,
        minimum: float,
        maximum: float,
        default: float,
        *,
        decimals: int = 2,
        step: float | None = None,
        page: float | None = None,
        snaps: tuple[float, ...] = (),
        stops: tuple[float, ...] = (),
        gradient: bool = False,
        signed: bool = False,
        suffix: str = "",
        typed_minimum: float | None = None,
        typed_maximum: float | None = None,
        lockable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, lockable=lockable)
        self._scale = SliderScale(
            minimum,
            maximum,
            decimals,
            step or 10.0**-decimals,
            page or (maximum - minimum) / 10,
            stops,
            snaps,
            typed_minimum,
            typed_maximum,
        )
        self._label = label
        self._default = self._value = default
        self._gradient, self._signed, self._suffix = gradient, signed, suffix
        self._drag: Drag | None = None
        self._press = QPointF()
        self._has_moved = self._is_hovered = False
        self._extra_actions: list[QAction] = []
        self._edit = InlineEdit(self)
        self._edit.committed.connect(self._take_typed)
        self._edit.double_clicked.connect(self.reset)
        self.setMouseTracking(True)
        self.setFixedHeight(HEIGHT_PX)
        self.setFont(body_font())
        self._tell_accessibility()

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def value(self) -> float:
        return self._value

    @property
    def default(self) -> float:
        return self._default

    @property
    def label(self) -> str:
        return self._label

    @property
    def is_at_default(self) -> bool:
        return self._value == self._default

    def set_value(self, value: float) -> None:
        """Show a value, silently. During a drag the drag wins."""
        if self._drag is None or not self._has_moved:
            self._show_value(self._scale.typed(value))

    def set_default(self, default: float) -> None:
        self._default = default
        self._tell_accessibility()
        self.update()

    def set_label(self, label: str) -> None:
        self._label = label
        self._tell_accessibility()
        self.update()

    def set_range(self, minimum: float, maximum: float) -> None:
        self._set_scale(minimum=minimum, maximum=maximum)

    def set_stops(self, stops: tuple[float, ...]) -> None:
        """Allow only these values, ascending; the value goes to the nearest, silently."""
        self._set_scale(stops=tuple(float(stop) for stop in stops))

    def reset(self) -> None:
        """Back to the default, as the user would."""
        self._change_once(self._default)

    def randomise(self, rng: random.Random | None = None) -> None:
        """Anywhere on the track, as one gesture. A locked slider stays."""
        if not self.is_locked:
            self._change_once(self._scale.value_at((rng or random.Random()).random()))

    def add_menu_action(self, action: QAction) -> None:
        """Append to the context menu."""
        self._extra_actions.append(action)

    def shown_text(self) -> str:
        return shown(self._value, self._scale.decimals, signed=self._signed, suffix=self._suffix)

    # --- changing --------------------------------------------------------------------------------------------------

    def _set_scale(self, **changes: object) -> None:
        fields = {name: getattr(self._scale, name) for name in SliderScale.__slots__}
        self._scale = SliderScale(**(fields | changes))
        self._show_value(self._scale.typed(self._value))
        self.update()

    def _show_value(self, value: float) -> None:
        if value != self._value:
            self._value = value
            self._tell_accessibility()
            self.update()

    def _change(self, value: float) -> None:
        """A step of the open gesture."""
        if value != self._value:
            self._gesture.hold()
            self._show_value(value)
            self.value_changed.emit(value)

    def _change_once(self, value: float) -> None:
        self._change(value)
        self._gesture.end()

    def _change_in_burst(self, value: float) -> None:
        self._change(value)
        self._gesture.settle()

    def _take_typed(self, text: str) -> None:
        if self.can_take(text):
            self.take_text(text)
        else:
            self._edit.refuse("A number or a small sum, such as 0.5 or 1/3")

    def value_text(self) -> str:
        return shown(self._value, self._scale.decimals)

    def can_take(self, text: str) -> bool:
        return is_number(self._bare(text))

    def take_text(self, text: str) -> None:
        self._change_once(self._scale.typed(evaluate(self._bare(text))))

    def _bare(self, text: str) -> str:
        return text.removesuffix(self._suffix) if self._suffix else text

    def type_value(self) -> None:
        rect = self.value_rect().toAlignedRect()
        width = max(rect.width(), 64)
        self._edit.open_at(QRect(rect.right() + 1 - width, rect.top(), width, rect.height()), self.shown_text())

    # --- geometry --------------------------------------------------------------------------------------------------

    def value_rect(self) -> QRectF:
        """The box with the value, in widget coordinates."""
        width = max(30.0, slider_paint.text_width(self.shown_text(), figures_font()) + 14)
        return QRectF(self.width() - width, 1, width, HEADER_PX - 2)

    def lock_rect(self) -> QRectF:
        return QRectF(self.value_rect().left() - LOCK_PX - 6, (HEADER_PX - LOCK_PX) / 2, LOCK_PX, LOCK_PX)

    def track_rect(self) -> QRectF:
        """The line; the knob's middle moves on it from `slider_paint.KNOB_PX` / 2 to as much before its end."""
        return QRectF(0, HEADER_PX + 5, self.width(), slider_paint.TRACK_PX)

    def knob_x(self, value: float | None = None) -> float:
        """Where the middle of the knob is, for the value shown or another one."""
        place = self._scale.place_of(self._value if value is None else value)
        return slider_paint.KNOB_PX / 2 + place * self._travel()

    def _travel(self) -> float:
        return max(1.0, self.width() - slider_paint.KNOB_PX)

    def sizeHint(self) -> QSize:
        return QSize(200, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(96, HEIGHT_PX)

    # --- the hand --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        self._gesture.end()
        position = event.position()
        if self._lockable and self.lock_rect().adjusted(-3, -3, 3, 3).contains(position):
            self.set_locked(not self._locked)
        elif self.value_rect().contains(position):
            self.type_value()
        elif position.y() >= HEADER_PX - 2:
            self._start_drag(event)

    def _start_drag(self, event: QMouseEvent) -> None:
        x = event.position().x()
        grabs_knob = abs(x - self.knob_x()) <= slider_paint.KNOB_PX / 2 + 2
        place = self._scale.place_of(self._value)
        if not grabs_knob and not is_fine(event):
            place = (x - slider_paint.KNOB_PX / 2) / self._travel()
        self._drag = Drag(x, place, 1 / self._travel(), is_fine(event))
        self._press, self._has_moved = event.position(), False
        if not grabs_knob and not is_fine(event):
            self._follow(event)

    def _follow(self, event: QMouseEvent) -> None:
        assert self._drag is not None
        place = self._drag.value_at(event.position().x(), is_fine(event))
        self._change(self._scale.value_at(place, is_fine=is_fine(event), is_snapping=is_snapping(event)))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is None:
            over_value = self.value_rect().contains(event.position())
            self.setCursor(Qt.CursorShape.IBeamCursor if over_value else Qt.CursorShape.ArrowCursor)
            return
        if not self._has_moved and abs(event.position().x() - self._press.x()) < CLICK_PX:
            return
        self._has_moved = True
        self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or self._drag is None:
            return
        self._drag = None
        if self._has_moved:
            self._gesture.end()
        else:
            self._gesture.settle()  # a second click may follow and make it a double-click
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and event.position().y() >= HEADER_PX - 2:
            self._drag = None
            self.reset()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = key_step(event)
        if step is not None:
            self._step_by_key(event)
        elif not self.take_common_key(event):
            super().keyPressEvent(event)

    def _step_by_key(self, event: QKeyEvent) -> None:
        step = key_step(event)
        assert step is not None
        if step.end:
            value = self._scale.value_at(0.0 if step.end < 0 else 1.0)
        elif step.pages:
            value = self._scale.paged(self._value, step.pages)
        elif is_snapping(event):
            value = self._scale.snap_step(self._value, step.steps)
        else:
            value = self._scale.stepped(self._value, step.steps, is_fine=is_fine(event))
        self._change_in_burst(value)

    def step_by_wheel(self, steps: float, event: QWheelEvent) -> None:
        if steps:
            self._change_in_burst(self._scale.stepped(self._value, steps, is_fine=is_fine(event)))

    def enterEvent(self, event: QEnterEvent) -> None:
        self._is_hovered = True
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._is_hovered = False
        self.update()
        super().leaveEvent(event)

    # --- menu ------------------------------------------------------------------------------------------------------

    def fill_menu(self, menu: QMenu) -> None:
        super().fill_menu(menu)
        if self._extra_actions:
            menu.addSeparator()
            menu.addActions(self._extra_actions)

    # --- showing ---------------------------------------------------------------------------------------------------

    def _tell_accessibility(self) -> None:
        self.setAccessibleName(self._label)
        default = shown(self._default, self._scale.decimals, signed=self._signed, suffix=self._suffix)
        self.setAccessibleDescription(f"{self.shown_text()}, default {default}")

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            value_rect = self.value_rect()
            shows_lock = self._lockable and (self._locked or self._is_hovered or self.hasFocus())
            label_right = (self.lock_rect().left() if self._lockable else value_rect.left()) - 4
            label_rect = QRectF(0, 0, label_right, HEADER_PX)
            slider_paint.paint_label(painter, theme, label_rect, self._label, self.isEnabled())
            if shows_lock:
                slider_paint.paint_lock(painter, theme, self.lock_rect(), self._locked)
            slider_paint.paint_value_box(painter, theme, value_rect, self.shown_text(), self.isEnabled())
            slider_paint.paint_track(
                painter,
                theme,
                self.track_rect(),
                gradient=self._gradient,
                ticks=[self.knob_x(stop) for stop in self._scale.stops],
                notch=self.knob_x(self._default),
                knob=self.knob_x(),
                is_enabled=self.isEnabled(),
                has_focus=self.hasFocus(),
            )
