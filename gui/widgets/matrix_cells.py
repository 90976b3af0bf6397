"""The rows and cells of the mixing matrix: what they hold, how they are told and painted. No hand yet."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QHelpEvent, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from gui.theme import Theme, current_theme
from gui.widgets import matrix_paint
from gui.widgets.arithmetic import evaluate, is_number
from gui.widgets.hand import Drag, HandWidget, clamp
from gui.widgets.matrix_columns import Detail, MatrixColumns
from gui.widgets.matrix_layout import HEADER_PX, ROW_PX, MatrixLayout, Place
from gui.widgets.slider_scale import shown

EMPTY_TEXT = "Add a seed or a portrait to mix in"


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A source and how much of it goes into each row of ``ws``, 0 to 1.

    Attributes:
        seed: Of a source that is one; it can be typed over.
        icon: What the source looks like by itself.
    """

    key: str
    name: str
    strengths: tuple[float, ...]
    tooltip: str = ""
    icon: QImage | None = None
    muted: bool = False
    seed: int | None = None


class MatrixCells(HandWidget):
    """Rows of cells, and the place that keys act on: one cell of a row, or all that are under a header."""

    strengths_changed = Signal(int, object)
    current_row_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, lockable=True)
        self._rows: tuple[MatrixRow, ...] = ()
        self._columns = MatrixColumns()
        self._row = 0
        self._aimed: tuple[int, ...] = (0,)
        self._name_px = 0.0
        self._hovered = Place()
        self._drag: Drag | None = None
        self._moving: int | None = None  # the row whose name is held
        self._gap = 0
        self._has_moved = False
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
        return self._row

    @property
    def detail(self) -> Detail:
        return self._columns.detail

    @property
    def columns(self) -> MatrixColumns:
        return self._columns

    def set_columns(self, resolutions: tuple[int, ...]) -> None:
        """Columns for a model with two rows of ``ws`` per resolution."""
        self.set_ws_resolutions(tuple(resolution for resolution in resolutions for _ in range(2)))

    def set_ws_resolutions(self, resolutions: tuple[int, ...]) -> None:
        """Columns for any model: the resolution that each row of ``ws`` works at, ascending."""
        self._set_columns(MatrixColumns(tuple(resolutions), self.detail))

    def set_detail(self, detail: Detail) -> None:
        """How many columns."""
        self._set_columns(MatrixColumns(self._columns.ws_resolutions, detail))

    def _set_columns(self, columns: MatrixColumns) -> None:
        if columns != self._columns:
            self._columns = columns
            self._drag = None
            self._aimed = (int(clamp(self._aimed[0], 0, max(0, columns.count - 1))),)
            self._hovered = Place()
            self.update()

    def set_rows(self, rows: tuple[MatrixRow, ...]) -> None:
        """Show these sources, silently. During a drag the drag wins over the strengths of its row."""
        if self._drag is not None and self._has_moved and len(rows) == len(self._rows):
            return
        self._rows = tuple(rows)
        self._name_px = matrix_paint.name_width([(row.name, row.icon is not None) for row in rows])
        if self._moving is not None and self._moving >= len(rows):
            self._moving = None
        self._hovered = Place()
        self._go_to(self._row, self._aimed)
        self.setFixedHeight(self.sizeHint().height())
        self.updateGeometry()
        self.update()

    def set_current_row(self, row: int) -> None:
        """Let keys and headers act on a source."""
        self._go_to(row, self._aimed)

    # --- cells -----------------------------------------------------------------------------------------------------

    @property
    def column_count(self) -> int:
        return self._columns.count

    def strength(self, row: int, column: int) -> float:
        return self._columns.strength(self._rows[row].strengths, (column,))

    def _aimed_strength(self) -> float:
        return self._columns.strength(self._rows[self._row].strengths, self._aimed)

    def _set_strengths(self, row: int, columns: tuple[int, ...], value: float) -> None:
        """A step of the open gesture."""
        source = self._rows[row]
        self._set_row(row, self._columns.with_strength(source.strengths, columns, clamp(value, 0.0, 1.0)))

    def _set_row(self, row: int, strengths: tuple[float, ...]) -> None:
        source = self._rows[row]
        if strengths != source.strengths:
            self._gesture.hold()
            self._rows = (*self._rows[:row], replace(source, strengths=strengths), *self._rows[row + 1 :])
            self._tell_accessibility()
            self.update()
            self.strengths_changed.emit(row, strengths)

    def _columns_of(self, place: Place) -> tuple[int, ...]:
        """What a press there turns."""
        if place.group is not None:
            return self._columns.groups[place.group][1]
        if place.column is None or place.row is not None:
            return () if place.column is None else (place.column,)
        return next(span for span in self._columns.header_spans if place.column in span)

    @property
    def places(self) -> MatrixLayout:
        """Where everything is."""
        groups = tuple(columns for _, columns in self._columns.groups)
        return MatrixLayout(self.width(), self._name_px, len(self._rows), self.column_count, groups)

    def sizeHint(self) -> QSize:
        return QSize(260, round(HEADER_PX + max(1, len(self._rows)) * ROW_PX))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def _go_to(self, row: int, columns: tuple[int, ...]) -> None:
        row = int(clamp(row, 0, max(0, len(self._rows) - 1)))
        columns = tuple(dict.fromkeys(int(clamp(column, 0, self.column_count - 1)) for column in columns))
        is_other_row = row != self._row
        if (row, columns) != (self._row, self._aimed):
            self._row, self._aimed = row, columns
            self._tell_accessibility()
            self.update()
        if is_other_row:
            self.current_row_changed.emit(row)

    # --- what every control offers ---------------------------------------------------------------------------------

    @property
    def is_at_default(self) -> bool:
        return not self._rows or self._aimed_strength() == 0.0

    def reset(self) -> None:
        if self._rows:
            self._set_strengths(self._row, self._aimed, 0.0)
            self._gesture.end()

    def randomise(self, rng: random.Random | None = None) -> None:
        """All of the current row."""
        if self._rows and not self.is_locked:
            chance, strengths = rng or random.Random(), self._rows[self._row].strengths
            for column in range(self.column_count):
                strengths = self._columns.with_strength(strengths, (column,), round(chance.random(), 2))
            self._set_row(self._row, strengths)
            self._gesture.end()

    def value_text(self) -> str:
        return shown(self._aimed_strength(), 2) if self._rows else ""

    def can_take(self, text: str) -> bool:
        return bool(self._rows) and is_number(text)

    def take_text(self, text: str) -> None:
        self._set_strengths(self._row, self._aimed, evaluate(text))
        self._gesture.end()

    def aim_at(self, position: QPointF) -> None:
        place = self.places.place_at(position)
        self._go_to(self._row if place.row is None else place.row, self._columns_of(place) or self._aimed)

    def menu_place(self) -> QPoint:
        return self.places.span(self._row, self._aimed).center().toPoint() if self._rows else super().menu_place()

    # --- words -----------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip and self.isEnabled():
            words = self._words_for(self.places.place_at(QPointF(event.pos()))) or self._help
            if words:
                QToolTip.showText(event.globalPos(), words, self)
                return True
        return super().event(event)

    def _words_for(self, place: Place) -> str:
        if not self._rows:
            return ""
        name = self._rows[self._row if place.row is None else place.row].name
        if place.group is not None:
            layers = self._columns.groups[place.group][0]
            return f"The {layers} layers of {name}. Click: all or none; drag: more or less; double-click: none"
        if place.row is None:
            return "" if place.column is None else f"{self._columns.size(place.column)} of {name}. Click, or drag"
        source = self._rows[place.row]
        if place.is_remove:
            return f"Remove {name}"
        if place.is_mute:
            return f"{'Let it play' if source.muted else 'Mute'} (M); with Alt, solo (S)"
        if place.column is None:
            return source.tooltip or name
        return f"{name}, {self._columns.words(place.column)}: {shown(self.strength(place.row, place.column), 2)}"

    def _tell_accessibility(self) -> None:
        if not self._rows or not self.column_count:
            return
        waits = ", muted" if self._rows[self._row].muted else ""
        if len(self._aimed) == 1:
            words = self._words_for(Place(self._row, self._aimed[0]))
        else:
            named = {columns: f"{name} layers" for name, columns in self._columns.groups}
            layers = named.get(self._aimed, self._columns.size(self._aimed[0]))
            words = f"{self._rows[self._row].name}, {layers}: {self.value_text()}"
        self.setAccessibleDescription(words + waits)

    # --- showing ---------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, lit, is_enabled = current_theme(), self._hovered, self.isEnabled()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if not self._rows:
                matrix_paint.paint_empty(painter, theme, QRectF(self.rect()), EMPTY_TEXT)
                return
            for group, (name, _) in enumerate(self._columns.groups):
                rect, is_lit = self.places.group(group), lit.group == group
                matrix_paint.paint_group(painter, theme, rect, name, is_lit=is_lit, is_enabled=is_enabled)
            self._paint_headers(painter, theme)
            for row in range(len(self._rows)):
                self._paint_row(painter, theme, row)
            if self.hasFocus():
                matrix_paint.paint_ring(painter, theme, self.places.span(self._row, self._aimed))
            if self._moving is not None and self._has_moved:
                matrix_paint.paint_gap(painter, theme, self.width(), self.places.gap(self._gap))

    def _paint_headers(self, painter: QPainter, theme: Theme) -> None:
        """A resolution over all its columns; where there is no room for all of them, not every one."""
        lit, spans = self._hovered, self._columns.header_spans
        texts = {span: self._columns.header(span[0]) for span in spans}
        rects = {span: self.places.header(span[0]).united(self.places.header(span[-1])) for span in spans}
        narrowest = min(rect.width() for rect in rects.values())
        painter.setFont(matrix_paint.header_font(list(texts.values()), narrowest))
        free_from = 0.0
        for span, rect in rects.items():
            half = matrix_paint.text_width(painter, texts[span]) / 2
            if rect.center().x() - half >= free_from:
                free_from = rect.center().x() + half + 3
                is_lit = lit.row is None and lit.column in span
                matrix_paint.paint_header(
                    painter, theme, rect, texts[span], is_lit=is_lit, is_enabled=self.isEnabled()
                )

    def _paint_row(self, painter: QPainter, theme: Theme, row: int) -> None:
        source, lit, is_enabled = self._rows[row], self._hovered, self.isEnabled()
        name, places = self.places.name(row), self.places
        if lit.row == row and is_enabled:
            matrix_paint.paint_button(painter, theme, places.remove(row), "close", is_lit=lit.is_remove)
        if is_enabled and (lit.row == row or source.muted):
            eye = "eye_off" if source.muted else "eye"
            matrix_paint.paint_button(painter, theme, places.mute(row), eye, is_lit=lit.is_mute)
            name.setRight(places.mute(row).left() - 3)
        matrix_paint.paint_name(
            painter, theme, name, source.name, source.icon,
            is_current=row == self._row, is_enabled=is_enabled, is_muted=source.muted,
        )
        for column in range(self.column_count):
            matrix_paint.paint_cell(
                painter, theme, places.cell(row, column), self.strength(row, column),
                is_lit=(lit.row, lit.column) == (row, column), is_enabled=is_enabled, is_muted=source.muted,
            )
