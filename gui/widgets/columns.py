"""A row of values side by side that one draws with the hand: the base of the alpha curve and the noise strip."""

from __future__ import annotations

import random

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QMenu, QToolTip, QWidget

from gui.widgets.arithmetic import evaluate, is_number
from gui.widgets.hand import CLICK_PX, Drag, HandWidget, clamp, is_fine, is_snapping, key_step, nearest
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.slider_scale import shown

DECIMALS = 2
STEP = 0.05
PAGE = 0.25


def pairwise_labels(resolutions: tuple[int, ...]) -> tuple[str, ...]:
    """What each position is called: two per resolution."""
    return tuple(f"{resolution} px, {which}" for resolution in resolutions for which in ("first", "second"))


class Columns(HandWidget):
    """Columns of one value each, 2 per resolution when unfolded and 1 when folded.

    Subclasses say where a column and a value are on screen, and paint. `values_edited` fires for changes by hand
    only, with the whole tuple of values per position.
    """

    values_edited = Signal(object)
    unfolded_changed = Signal(bool)

    def __init__(
        self,
        minimum: float,
        maximum: float,
        neutral: float,
        *,
        unfolded: bool,
        lockable: bool = False,
        foldable: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, lockable=lockable)
        self._minimum, self._maximum, self._neutral = minimum, maximum, neutral
        self._resolutions: tuple[int, ...] = (4, 8, 16, 32, 64)
        self._values: tuple[float, ...] = (neutral,) * 10
        self._defaults: tuple[float, ...] = self._values
        self._is_unfolded, self._is_foldable = unfolded, foldable
        self._current = 0
        self._hovered: int | None = None
        self._drag: Drag | None = None
        self._press = QPointF()
        self._has_moved = False
        self._edit = InlineEdit(self)
        self._edit.committed.connect(self._take_typed)
        self.setMouseTracking(True)

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def resolutions(self) -> tuple[int, ...]:
        return self._resolutions

    @property
    def values(self) -> tuple[float, ...]:
        """One per position, two positions per resolution."""
        return self._values

    @property
    def is_unfolded(self) -> bool:
        return self._is_unfolded

    @property
    def current(self) -> int:
        """The column that keys act on."""
        return self._current

    def set_resolutions(self, resolutions: tuple[int, ...]) -> None:
        """The model's block resolutions, lowest first. Values are cut or continued by the neutral one."""
        self._resolutions = tuple(resolutions)
        self._values = self._fitted(self._values)
        self._defaults = self._fitted(self._defaults)
        self._current = min(self._current, max(0, self.column_count - 1))
        self._hovered = None
        self.update()

    def set_values(self, values: tuple[float, ...]) -> None:
        """Show values, silently. During a drag the drag wins."""
        if self._drag is None or not self._has_moved:
            self._values = self._fitted(values)
            self._tell_accessibility()
            self.update()

    def set_defaults(self, defaults: tuple[float, ...]) -> None:
        """What double-click goes back to."""
        self._defaults = self._fitted(defaults)
        self.update()

    def set_unfolded(self, unfolded: bool) -> None:
        """Show every layer (two columns a resolution) or one column a resolution."""
        if unfolded != self._is_unfolded:
            self._current = self._current * 2 if unfolded else self._current // 2
            self._is_unfolded = unfolded
            self._hovered = None
            self.update()
            self.unfolded_changed.emit(unfolded)

    def reset_all(self) -> None:
        """Every column back to its default, as one gesture."""
        self._apply(self._defaults)
        self._gesture.end()

    def randomise(self, rng: random.Random | None = None) -> None:
        """Every column anywhere, but those that are locked."""
        rng = rng or random.Random()
        for column in range(self.column_count):
            value = round(rng.uniform(self._minimum, self._maximum), DECIMALS)
            if not self.is_column_locked(column):
                self._set_column(column, value)
        self._gesture.end()

    def is_column_locked(self, column: int) -> bool:
        """Whether chance leaves a column alone: here all or none."""
        return self.is_locked

    # --- columns ---------------------------------------------------------------------------------------------------

    @property
    def column_count(self) -> int:
        return len(self._resolutions) * (2 if self._is_unfolded else 1)

    def column_value(self, column: int) -> float:
        return self._column_of(self._values, column)

    def column_default(self, column: int) -> float:
        return self._column_of(self._defaults, column)

    def column_label(self, column: int) -> str:
        if self._is_unfolded:
            return pairwise_labels(self._resolutions)[column]
        return f"{self._resolutions[column]} px"

    def _column_of(self, values: tuple[float, ...], column: int) -> float:
        if self._is_unfolded:
            return values[column]
        return (values[2 * column] + values[2 * column + 1]) / 2

    def _fitted(self, values: tuple[float, ...]) -> tuple[float, ...]:
        count = 2 * len(self._resolutions)
        return tuple(float(value) for value in values[:count]) + (self._neutral,) * (count - len(values))

    def _set_column(self, column: int, value: float) -> None:
        value = clamp(value, self._minimum, self._maximum)
        where = (column,) if self._is_unfolded else (2 * column, 2 * column + 1)
        self._apply(tuple(value if index in where else old for index, old in enumerate(self._values)))

    def _apply(self, values: tuple[float, ...]) -> None:
        """A step of the open gesture."""
        if values != self._values:
            self._gesture.hold()
            self._values = values
            self._tell_accessibility()
            self.update()
            self.values_edited.emit(values)

    # --- geometry, by the subclass ---------------------------------------------------------------------------------

    def column_x(self, column: int) -> float:
        """The middle of a column."""
        raise NotImplementedError

    def value_y(self, value: float) -> float:
        """The height of a value."""
        raise NotImplementedError

    def column_at(self, x: float) -> int:
        """The column next to an x."""
        return min(range(self.column_count), key=lambda column: abs(self.column_x(column) - x))

    def _value_per_px(self) -> float:
        return (self._maximum - self._minimum) / (self.value_y(self._maximum) - self.value_y(self._minimum))

    def _value_at(self, y: float) -> float:
        return self._minimum + (y - self.value_y(self._minimum)) * self._value_per_px()

    # --- the hand --------------------------------------------------------------------------------------------------

    def _grabs(self, column: int, position: QPointF) -> bool:
        """Whether a press there holds the value where it is instead of bringing it under the pointer."""
        return abs(self.value_y(self.column_value(column)) - position.y()) <= 8

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or not self.column_count:
            return
        self._gesture.end()
        position = event.position()
        self._current = self.column_at(position.x())
        self._press, self._has_moved = position, False
        keeps = is_fine(event) or self._grabs(self._current, position)
        start = self.column_value(self._current) if keeps else self._value_at(position.y())
        self._drag = Drag(position.y(), start, self._value_per_px(), is_fine(event))
        if not keeps:
            self._follow(event)
        self.update()

    def _follow(self, event: QMouseEvent) -> None:
        assert self._drag is not None
        value = self._drag.value_at(event.position().y(), is_fine(event))
        if is_snapping(event):
            value = nearest(value, self._snap_values())
        self._set_column(self._current, round(value, DECIMALS + (1 if is_fine(event) else 0)))

    def _snap_values(self) -> list[float]:
        count = round((self._maximum - self._minimum) / PAGE)
        return [self._minimum + index * PAGE for index in range(count + 1)]

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._drag is None:
            hovered = self.column_at(position.x()) if self.column_count else None
            if hovered != self._hovered:
                self._hovered = hovered
                self.update()
            return
        if not self._has_moved and (position - self._press).manhattanLength() < CLICK_PX:
            return
        self._has_moved = True
        self._drag_to(event)

    def _drag_to(self, event: QMouseEvent) -> None:
        """The pointer moved with the button down. The column that was grabbed follows."""
        self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or self._drag is None:
            return
        self._drag = None
        if self._has_moved:
            self._gesture.end()
        else:
            self._gesture.settle()
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.column_count:
            self._drag = None
            self._reset_column(self.column_at(event.position().x()))

    def _reset_column(self, column: int) -> None:
        self._set_column(column, self.column_default(column))
        self._gesture.end()

    def reset(self) -> None:
        self._reset_column(self._current)

    @property
    def is_at_default(self) -> bool:
        return self.column_value(self._current) == self.column_default(self._current)

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = None
        self.update()
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = key_step(event)
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._go_to(self._current + (step.steps if step else 0))
        elif step is not None and step.end:
            self._go_to(0 if step.end < 0 else self.column_count - 1)
        elif step is not None:
            self._step(step.steps * STEP + step.pages * PAGE, is_fine(event), is_snapping(event))
        elif not self.take_common_key(event):
            super().keyPressEvent(event)

    def _go_to(self, column: int) -> None:
        """Let keys act on a column."""
        self._current = int(clamp(column, 0, max(0, self.column_count - 1)))
        self._tell_accessibility()
        self.update()

    def step_by_wheel(self, steps: float, event: QWheelEvent) -> None:
        self._step(steps * STEP, is_fine(event), False)

    def _step(self, delta: float, fine: bool, snapping: bool) -> None:
        value = self.column_value(self._current)
        if snapping:
            ahead = [snap for snap in self._snap_values() if (snap - value) * delta > 1e-9]
            moved = nearest(value, ahead)
        else:
            moved = value + delta * (0.1 if fine else 1.0)
        self._set_column(self._current, round(moved, DECIMALS + 1))
        self._gesture.settle()

    # --- typing, menu, words ---------------------------------------------------------------------------------------

    def type_value(self) -> None:
        width, height = 56, 22
        x = clamp(self.column_x(self._current) - width / 2, 0, self.width() - width)
        y = clamp(self.value_y(self.column_value(self._current)) - height / 2, 0, self.height() - height)
        text = shown(self.column_value(self._current), DECIMALS)
        self._edit.open_at(QRect(round(x), round(y), width, height), text, Qt.AlignmentFlag.AlignHCenter)

    def _take_typed(self, text: str) -> None:
        if self.can_take(text):
            self.take_text(text)
        else:
            self._edit.refuse("A number or a small sum, such as 0.5 or 1/3")

    def value_text(self) -> str:
        return shown(self.column_value(self._current), DECIMALS)

    def can_take(self, text: str) -> bool:
        return is_number(text)

    def take_text(self, text: str) -> None:
        self._set_column(self._current, evaluate(text))
        self._gesture.end()

    def aim_at(self, position: QPointF) -> None:
        if self.column_count:
            self._go_to(self.column_at(position.x()))

    def menu_place(self) -> QPoint:
        return QPointF(self.column_x(self._current), self.value_y(self.column_value(self._current))).toPoint()

    def context_menu(self, column: int | None = None) -> QMenu:
        """A fresh menu for a column, by default the current one; it deletes itself when it closes."""
        if column is not None:
            self._go_to(column)
        return super().context_menu()

    def fill_menu(self, menu: QMenu) -> None:
        super().fill_menu(menu)
        menu.actions()[0].setText(f"Reset {self.column_label(self._current)}")
        menu.addAction("Reset all", self.reset_all)
        if not self._is_foldable:
            return
        menu.addSeparator()
        unfold = menu.addAction("Every layer by itself")
        unfold.setCheckable(True)
        unfold.setChecked(self._is_unfolded)
        unfold.toggled.connect(self.set_unfolded)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip and self.isEnabled() and self.column_count:
            column = self.column_at(event.pos().x())  # type: ignore[attr-defined]
            text = f"{self.column_label(column)}: {shown(self.column_value(column), DECIMALS)}"
            words = f"{text}\n{self._help}" if self._help else text
            QToolTip.showText(event.globalPos(), words, self)  # type: ignore[attr-defined]
            return True
        return super().event(event)

    def _tell_accessibility(self) -> None:
        if self.column_count:
            value = shown(self.column_value(self._current), DECIMALS)
            self.setAccessibleDescription(f"{self.column_label(self._current)}: {value}")
