"""The mixing matrix: a row per source, a column per resolution or layer, filled by how much is taken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QMenu, QToolTip, QWidget

from gui.theme import Theme, current_theme
from gui.widgets import matrix_paint
from gui.widgets.arithmetic import evaluate
from gui.widgets.hand import (
    CLICK_PX,
    Drag,
    HandWidget,
    asks_to_reset,
    asks_to_type,
    clamp,
    is_fine,
    is_snapping,
    key_step,
)
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.matrix_layout import HEADER_PX, ROW_PX, MatrixLayout, Place
from gui.widgets.slider_scale import shown

STEP = 0.05
PAGE = 0.25
EMPTY_TEXT = "Add a seed or a portrait to mix in"
_PX_FOR_ALL = 80.0
_GROUP_LIMITS = (("coarse", 8), ("middle", 32), ("fine", 1 << 30))


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A source and how much of it goes into each row of ``ws``, 0 to 1."""

    key: str
    name: str
    strengths: tuple[float, ...]
    tooltip: str = ""
    icon: QImage | None = None


class LayerMatrix(HandWidget):
    """Strengths one paints: press a cell and drag up or down for more or less, sideways to carry it along."""

    strengths_changed = Signal(int, object)
    row_removed = Signal(int)
    current_row_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[MatrixRow, ...] = ()
        self._ws_resolutions: tuple[int, ...] = ()
        self._columns: tuple[tuple[int, ...], ...] = ()
        self._is_unfolded = False
        self._current = (0, 0)
        self._name_px = 0.0
        self._hovered = Place()
        self._drag: Drag | None = None
        self._press = QPointF()
        self._has_moved = False
        self._edit = InlineEdit(self)
        self._edit.committed.connect(self._take_text)
        self.setMouseTracking(True)
        self.setAccessibleName("Mixing matrix")
        self.set_columns((4, 8, 16, 32, 64))
        self.set_rows(())

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def rows(self) -> tuple[MatrixRow, ...]:
        return self._rows

    @property
    def current_row(self) -> int:
        return self._current[0]

    @property
    def is_unfolded(self) -> bool:
        return self._is_unfolded

    def set_columns(self, resolutions: tuple[int, ...]) -> None:
        """Columns for a model with two rows of ``ws`` per resolution."""
        self.set_ws_resolutions(tuple(resolution for resolution in resolutions for _ in range(2)))

    def set_ws_resolutions(self, resolutions: tuple[int, ...]) -> None:
        """Columns for any model: the resolution that each row of ``ws`` works at, ascending."""
        self._ws_resolutions = tuple(resolutions)
        self._make_columns()

    def set_unfolded(self, unfolded: bool) -> None:
        """One column per row of ``ws`` instead of one per resolution."""
        self._is_unfolded = unfolded
        self._make_columns()

    def set_rows(self, rows: tuple[MatrixRow, ...]) -> None:
        """Show these sources, silently. During a drag the drag wins over the strengths of its row."""
        if self._drag is not None and self._has_moved and len(rows) == len(self._rows):
            return
        self._rows = tuple(rows)
        self._name_px = matrix_paint.name_width([(row.name, row.icon is not None) for row in rows])
        self._current = (int(clamp(self._current[0], 0, max(0, len(rows) - 1))), self._current[1])
        self._hovered = Place()
        self.setFixedHeight(self.sizeHint().height())
        self.updateGeometry()
        self.update()

    def _make_columns(self) -> None:
        indices = range(len(self._ws_resolutions))
        if self._is_unfolded:
            self._columns = tuple((index,) for index in indices)
        else:
            grouped = groupby(indices, key=lambda index: self._ws_resolutions[index])
            self._columns = tuple(tuple(members) for _, members in grouped)
        self._current = (self._current[0], int(clamp(self._current[1], 0, max(0, len(self._columns) - 1))))
        self.update()

    # --- cells -----------------------------------------------------------------------------------------------------

    @property
    def column_count(self) -> int:
        return len(self._columns)

    def column_resolution(self, column: int) -> int:
        return self._ws_resolutions[self._columns[column][0]]

    def groups(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Coarse, middle and fine, as in Karras et al. 2019, and their columns; empty ones are left out."""
        found: dict[str, list[int]] = {}
        for column in range(self.column_count):
            resolution = self.column_resolution(column)
            name = next(name for name, limit in _GROUP_LIMITS if resolution <= limit)
            found.setdefault(name, []).append(column)
        return tuple((name, tuple(columns)) for name, columns in found.items())

    def strength(self, row: int, column: int) -> float:
        strengths = self._rows[row].strengths
        members = [strengths[index] if index < len(strengths) else 0.0 for index in self._columns[column]]
        return sum(members) / len(members)

    def _set_strengths(self, row: int, columns: tuple[int, ...], value: float) -> None:
        """A step of the open gesture."""
        source = self._rows[row]
        strengths = list(source.strengths) + [0.0] * (len(self._ws_resolutions) - len(source.strengths))
        for column in columns:
            for index in self._columns[column]:
                strengths[index] = clamp(value, 0.0, 1.0)
        if tuple(strengths) != source.strengths:
            self._gesture.hold()
            changed = replace(source, strengths=tuple(strengths))
            self._rows = (*self._rows[:row], changed, *self._rows[row + 1 :])
            self._tell_accessibility()
            self.update()
            self.strengths_changed.emit(row, changed.strengths)

    def _toggle(self, row: int, columns: tuple[int, ...]) -> None:
        everything = all(self.strength(row, column) >= 0.995 for column in columns)
        self._set_strengths(row, columns, 0.0 if everything else 1.0)

    @property
    def places(self) -> MatrixLayout:
        """Where everything is."""
        groups = tuple(columns for _, columns in self.groups())
        return MatrixLayout(self.width(), self._name_px, len(self._rows), self.column_count, groups)

    def sizeHint(self) -> QSize:
        return QSize(260, round(HEADER_PX + max(1, len(self._rows)) * ROW_PX))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    # --- the hand --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or not self._rows:
            return
        self._gesture.end()
        place = self.places.place_at(event.position())
        if place.row is None:
            self._press_header(place)
        elif place.is_remove:
            self.row_removed.emit(place.row)
        else:
            self._go_to(place.row, self._current[1] if place.column is None else place.column)
            if place.column is not None:
                start = self.strength(place.row, place.column)
                self._drag = Drag(event.position().y(), start, -1 / _PX_FOR_ALL, is_fine(event))
                self._press, self._has_moved = event.position(), False

    def _press_header(self, place: Place) -> None:
        if place.group is not None:
            self._toggle(self.current_row, self.groups()[place.group][1])
        elif place.column is not None:
            self._toggle(self.current_row, (place.column,))
        self._gesture.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._drag is None:
            self._hover(self.places.place_at(position))
            return
        if not self._has_moved and (position - self._press).manhattanLength() < CLICK_PX:
            return
        self._has_moved = True
        row, column = self._current
        value = self._drag.value_at(position.y(), is_fine(event))
        value = round(value / PAGE) * PAGE if is_snapping(event) else value
        value = round(value, 3 if is_fine(event) else 2)
        reached = self.places.column_at(position.x())
        low, high = sorted((column, reached))
        self._set_strengths(row, tuple(range(low, high + 1)), value)
        self._go_to(row, reached)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or self._drag is None:
            return
        self._drag = None
        if self._has_moved:
            self._gesture.end()
        else:
            self._toggle(self._current[0], (self._current[1],))
            self._gesture.settle()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self.places.place_at(event.position())
        if event.button() is Qt.MouseButton.LeftButton and place.row is not None and place.column is not None:
            self._drag = None
            self._set_strengths(place.row, (place.column,), 0.0)
            self._gesture.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = key_step(event)
        row, column = self._current
        if not self._rows:
            super().keyPressEvent(event)
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and step is not None:
            self._go_to(row, column + step.steps)
        elif step is not None and step.end:
            self._go_to(row, 0 if step.end < 0 else self.column_count - 1)
        elif step is not None and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._go_to(row - step.steps, column)
        elif step is not None:
            self._step(step.steps * (PAGE if is_snapping(event) else STEP) + step.pages * PAGE, is_fine(event))
        elif asks_to_type(event):
            self._type()
        elif asks_to_reset(event) and is_snapping(event):
            self.row_removed.emit(row)
        elif asks_to_reset(event):
            self._set_strengths(row, (column,), 0.0)
            self._gesture.end()
        else:
            super().keyPressEvent(event)

    def step_by_wheel(self, steps: float, event: QWheelEvent) -> None:
        if self._rows:
            self._step(steps * STEP, is_fine(event))

    def _step(self, delta: float, fine: bool) -> None:
        row, column = self._current
        moved = self.strength(row, column) + delta * (0.1 if fine else 1.0)
        self._set_strengths(row, (column,), round(moved, 3))
        self._gesture.settle()

    def _go_to(self, row: int, column: int) -> None:
        row = int(clamp(row, 0, len(self._rows) - 1))
        column = int(clamp(column, 0, self.column_count - 1))
        is_other_row = row != self._current[0]
        if (row, column) != self._current:
            self._current = (row, column)
            self._tell_accessibility()
            self.update()
        if is_other_row:
            self.current_row_changed.emit(row)

    def _hover(self, place: Place) -> None:
        if place != self._hovered:
            self._hovered = place
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(Place())
        super().leaveEvent(event)

    # --- typing, menu, words ---------------------------------------------------------------------------------------

    def _type(self) -> None:
        cell = self.places.cell(*self._current)
        left = clamp(cell.center().x() - 24, 0, self.width() - 48)
        rect = QRect(round(left), round(cell.center().y() - 11), 48, 22)
        self._edit.open_at(rect, shown(self.strength(*self._current), 2), Qt.AlignmentFlag.AlignHCenter)

    def _take_text(self, text: str) -> None:
        try:
            value = evaluate(text)
        except ValueError:
            self._edit.refuse("A number from 0 to 1, or a small sum such as 1/3")
            return
        self._set_strengths(self._current[0], (self._current[1],), value)
        self._gesture.end()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        place = self.places.place_at(QPointF(event.pos()))
        if self._rows:
            self.context_menu(self.current_row if place.row is None else place.row).popup(event.globalPos())

    def context_menu(self, row: int) -> QMenu:
        """A fresh menu for a row; it deletes itself when it closes."""
        every = tuple(range(self.column_count))

        def fill(value: float) -> None:
            self._set_strengths(row, every, value)
            self._gesture.end()

        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Take all of it", lambda: fill(1.0))
        menu.addAction("Take none of it", lambda: fill(0.0))
        menu.addSeparator()
        menu.addAction(f"Remove {self._rows[row].name}", lambda: self.row_removed.emit(row))
        return menu

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip and self.isEnabled():
            place = self.places.place_at(QPointF(event.pos()))  # type: ignore[attr-defined]
            words = self._words_for(place) or self._help
            if words:
                QToolTip.showText(event.globalPos(), words, self)  # type: ignore[attr-defined]
                return True
        return super().event(event)

    def _words_for(self, place: Place) -> str:
        if place.group is not None:
            return f"Click: all or none of the {self.groups()[place.group][0]} layers"
        if place.row is None:
            return "" if place.column is None else f"Click: all or none of {self.column_resolution(place.column)} px"
        source = self._rows[place.row]
        if place.column is None:
            return f"Remove {source.name}" if place.is_remove else source.tooltip or source.name
        return f"{source.name}, {self._column_name(place.column)}: {shown(self.strength(place.row, place.column), 2)}"

    def _column_name(self, column: int) -> str:
        resolution = f"{self.column_resolution(column)} px"
        return f"{resolution}, row {self._columns[column][0]} of ws" if self._is_unfolded else resolution

    def _tell_accessibility(self) -> None:
        if self._rows and self._columns:
            self.setAccessibleDescription(self._words_for(Place(*self._current)))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, lit, is_enabled = current_theme(), self._hovered, self.isEnabled()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if not self._rows:
                matrix_paint.paint_empty(painter, theme, QRectF(self.rect()), EMPTY_TEXT)
                return
            for group, (name, _) in enumerate(self.groups()):
                rect, is_lit = self.places.group(group), lit.group == group
                matrix_paint.paint_group(painter, theme, rect, name, is_lit=is_lit, is_enabled=is_enabled)
            texts = [self._header_text(column) for column in range(self.column_count)]
            painter.setFont(matrix_paint.header_font(texts, self.places.pitch))
            for column, text in enumerate(texts):
                is_lit = lit.row is None and lit.column == column
                rect = self.places.header(column)
                matrix_paint.paint_header(painter, theme, rect, text, is_lit=is_lit, is_enabled=is_enabled)
            for row in range(len(self._rows)):
                self._paint_row(painter, theme, row)

    def _header_text(self, column: int) -> str:
        """A resolution is written once over all its columns."""
        resolution = self.column_resolution(column)
        is_first = column == 0 or self.column_resolution(column - 1) != resolution
        if not is_first:
            return ""
        return f"{resolution // 1024}k" if resolution >= 1024 else str(resolution)

    def _paint_row(self, painter: QPainter, theme: Theme, row: int) -> None:
        source, lit, is_enabled = self._rows[row], self._hovered, self.isEnabled()
        name = self.places.name(row)
        if lit.row == row and is_enabled:
            matrix_paint.paint_remove(painter, theme, self.places.remove(row), is_lit=lit.is_remove)
            name = name.adjusted(0, 0, -16, 0)
        is_current = row == self.current_row
        matrix_paint.paint_name(
            painter, theme, name, source.name, source.icon, is_current=is_current, is_enabled=is_enabled
        )
        for column in range(self.column_count):
            matrix_paint.paint_cell(
                painter,
                theme,
                self.places.cell(row, column),
                self.strength(row, column),
                is_lit=(lit.row, lit.column) == (row, column),
                is_enabled=is_enabled,
                has_focus=self.hasFocus() and (row, column) == self._current,
            )
