"""A number in a box: click to type it, drag across to scrub it, step it with keys and wheel."""

from __future__ import annotations

import random

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.theme import current_theme, figures_font
from gui.widgets import slider_paint
from gui.widgets.arithmetic import evaluate, is_number
from gui.widgets.hand import CLICK_PX, FINE, HandWidget, clamp, is_fine, is_snapping, key_step
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.slider_scale import shown

HEIGHT_PX = 22
SCRUB_PX_PER_STEP = 4.0
PAGE_STEPS = 10


class ValueField(HandWidget):
    """A number without a track, for seeds and sizes.

    Args:
        minimum, maximum: Limits, inclusive.
        decimals: 0 for whole numbers.
        value: At first, and what double-click goes back to.
        step: Of the arrow keys, the wheel, and every four pixels of a scrub; page keys take ten, Ctrl snaps to tens.
    """

    value_changed = Signal(float)

    def __init__(
        self,
        minimum: float,
        maximum: float,
        value: float = 0,
        *,
        decimals: int = 0,
        step: float = 1,
        suffix: str = "",
        signed: bool = False,
        lockable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, lockable=lockable)
        self._minimum, self._maximum, self._decimals, self._step = minimum, maximum, decimals, step
        self._suffix, self._signed = suffix, signed
        self._value = self._default = float(value)
        self._press: QPointF | None = None
        self._last_x = 0.0
        self._scrubbed = 0.0
        self._is_scrubbing = False
        self._edit = InlineEdit(self)
        self._edit.committed.connect(self._take_typed)
        self._edit.double_clicked.connect(self.reset)
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self._tell_accessibility()

    @property
    def value(self) -> float:
        return self._value

    def set_value(self, value: float) -> None:
        """Show a value, silently. During a scrub the scrub wins."""
        if not self._is_scrubbing:
            self._show_value(self._limited(value))

    def shown_text(self) -> str:
        return shown(self._value, self._decimals, signed=self._signed, suffix=self._suffix)

    def type_value(self) -> None:
        """Open the field for typing."""
        self._edit.open_at(self.rect(), self.shown_text(), Qt.AlignmentFlag.AlignHCenter)

    def sizeHint(self) -> QSize:
        widest = max(self.shown_text(), shown(self._maximum, self._decimals), key=len)
        return QSize(round(slider_paint.text_width(widest, figures_font())) + 16, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(36, HEIGHT_PX)

    def _limited(self, value: float) -> float:
        return clamp(round(value, self._decimals), self._minimum, self._maximum)

    def _show_value(self, value: float) -> None:
        if value != self._value:
            self._value = value
            self._tell_accessibility()
            self.update()

    def _change(self, value: float) -> None:
        value = self._limited(value)
        if value != self._value:
            self._gesture.hold()
            self._show_value(value)
            self.value_changed.emit(value)

    def _take_typed(self, text: str) -> None:
        if self.can_take(text):
            self.take_text(text)
        else:
            self._edit.refuse("A number or a small sum, such as 12 or 2*16")

    def value_text(self) -> str:
        return shown(self._value, self._decimals)

    def can_take(self, text: str) -> bool:
        return is_number(self._bare(text))

    def take_text(self, text: str) -> None:
        self._change_once(evaluate(self._bare(text)))

    def _bare(self, text: str) -> str:
        return text.removesuffix(self._suffix) if self._suffix else text

    @property
    def is_at_default(self) -> bool:
        return self._value == self._default

    def reset(self) -> None:
        self._change_once(self._default)

    def randomise(self, rng: random.Random | None = None) -> None:
        if not self.is_locked:
            self._change_once((rng or random.Random()).uniform(self._minimum, self._maximum))

    def _change_once(self, value: float) -> None:
        self._change(value)
        self._gesture.end()

    def _snapped(self, value: float) -> float:
        tens = PAGE_STEPS * self._step
        return round(value / tens) * tens

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._gesture.end()
            self._press = event.position()
            self._last_x = event.position().x()
            self._is_scrubbing, self._scrubbed = False, self._value

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is None:
            return
        x = event.position().x()
        if not self._is_scrubbing and abs(x - self._press.x()) < CLICK_PX:
            return
        self._is_scrubbing = True
        self._scrubbed += (x - self._last_x) / SCRUB_PX_PER_STEP * self._step * (FINE if is_fine(event) else 1.0)
        self._last_x = x
        self._change(self._snapped(self._scrubbed) if is_snapping(event) else self._scrubbed)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or self._press is None:
            return
        self._press = None
        if self._is_scrubbing:
            self._is_scrubbing = False
            self._gesture.end()
        else:
            self.type_value()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = key_step(event)
        if step is not None and not step.end and is_snapping(event):
            towards = step.steps or step.pages
            self._step_by(self._snapped(self._value + towards * 0.51 * PAGE_STEPS * self._step) - self._value)
        elif step is not None and not step.end:
            self._step_by((step.steps + PAGE_STEPS * step.pages) * self._step)
        elif not self.take_common_key(event):
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._press = None
            self._edit.close_field()
            self.reset()

    def step_by_wheel(self, steps: float, event: QWheelEvent) -> None:
        if steps:
            self._step_by((round(steps) or (1 if steps > 0 else -1)) * self._step)

    def _step_by(self, amount: float) -> None:
        self._change(self._value + amount)
        self._gesture.settle()

    def _tell_accessibility(self) -> None:
        self.setAccessibleDescription(self.shown_text())

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            slider_paint.paint_value_box(
                painter,
                current_theme(),
                QRectF(self.rect()),
                self.shown_text(),
                self.isEnabled(),
                has_focus=self.hasFocus(),
            )
