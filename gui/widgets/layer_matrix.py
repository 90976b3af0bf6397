"""The mixing matrix: a row per source; a column per group, resolution or layer; filled by how much is taken."""

from __future__ import annotations

from enum import StrEnum
from functools import partial

from PySide6.QtCore import QEvent, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QMenu, QWidget

from gui.widgets.arithmetic import evaluate, is_number
from gui.widgets.hand import CLICK_PX, Drag, asks_to_reset, asks_to_type, clamp, is_fine, is_snapping, key_step
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.matrix_cells import MatrixCells, MatrixRow
from gui.widgets.matrix_layout import Place
from gui.widgets.slider_scale import shown

__all__ = ["LayerMatrix", "MatrixRow", "RowWish"]

STEP = 0.05
PAGE = 0.25
MAX_SEED = 2**32 - 1
_PX_FOR_ALL = 80.0
_ALT = Qt.KeyboardModifier.AltModifier
_SHIFT = Qt.KeyboardModifier.ShiftModifier


class RowWish(StrEnum):
    """What can be asked for a source."""

    MUTE = "mute"
    SOLO = "solo"
    DUPLICATE = "duplicate"
    MAIN = "main"
    REMOVE = "remove"


_WISH_KEYS = {Qt.Key.Key_M: RowWish.MUTE, Qt.Key.Key_S: RowWish.SOLO, Qt.Key.Key_D: RowWish.DUPLICATE}


class LayerMatrix(MatrixCells):
    """Strengths one paints: press a cell and drag up or down for more or less, sideways to carry it along.

    Headers turn all their layers of the current row; names are dragged to change the order.
    """

    row_wished = Signal(int, object)  # row, RowWish
    row_moved = Signal(int, int)  # from, to: where it is afterwards
    seed_typed = Signal(int, int)  # row, seed

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_carrying = False
        self._press = QPointF()
        self._types_seed = False
        self._edit = InlineEdit(self)
        self._edit.committed.connect(self._take_typed)

    # --- the mouse -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or not self._rows:
            return
        self._gesture.end()
        place = self.places.place_at(event.position())
        self._press, self._has_moved = event.position(), False
        if place.is_remove:
            self._wish(RowWish.REMOVE, place.row)
        elif place.is_mute:
            alone = event.modifiers() & (_ALT | Qt.KeyboardModifier.ControlModifier)
            self._wish(RowWish.SOLO if alone else RowWish.MUTE, place.row)
        elif columns := self._columns_of(place):
            self._go_to(self._row if place.row is None else place.row, columns)
            self._is_carrying = place.row is not None
            self._drag = Drag(event.position().y(), self._aimed_strength(), -1 / _PX_FOR_ALL, is_fine(event))
        elif place.row is not None:
            self._go_to(place.row, self._aimed)
            self._moving, self._gap = place.row, place.row

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._drag is None and self._moving is None:
            self._hover(self.places.place_at(position))
        elif self._has_moved or (position - self._press).manhattanLength() >= CLICK_PX:
            self._has_moved = True
            if self._drag is not None:
                self._turn(self._drag, event)
            else:
                self._gap = self.places.gap_at(position.y())
                self.update()

    def _turn(self, drag: Drag, event: QMouseEvent) -> None:
        value = drag.value_at(event.position().y(), is_fine(event))
        value = round(value / PAGE) * PAGE if is_snapping(event) else value
        value = round(value, 3 if is_fine(event) else 2)
        if not self._is_carrying:
            self._set_strengths(self._row, self._aimed, value)
            return
        reached = self.places.column_at(event.position().x())
        low, high = sorted((self._aimed[0], reached))
        self._set_strengths(self._row, tuple(range(low, high + 1)), value)
        self._go_to(self._row, (reached,))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        moving, self._moving = self._moving, None
        drag, self._drag = self._drag, None
        if moving is not None and self._has_moved:
            self.move_row(moving, self._gap - (1 if self._gap > moving else 0))
            self.update()
        elif drag is not None and self._has_moved:
            self._gesture.end()
        elif drag is not None:
            self._toggle()
            self._gesture.settle()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or not self._rows:
            return
        place = self.places.place_at(event.position())
        self._drag = self._moving = None
        if place.is_remove or place.is_mute:
            self.mousePressEvent(event)
        elif columns := self._columns_of(place):
            self._go_to(self._row if place.row is None else place.row, columns)
            self.reset()
        elif place.row is not None:
            self.type_seed(place.row)

    def _hover(self, place: Place) -> None:
        if place != self._hovered:
            self._hovered = place
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(Place())
        super().leaveEvent(event)

    def _toggle(self) -> None:
        everything = all(self.strength(self._row, column) >= 0.995 for column in self._aimed)
        self._set_strengths(self._row, self._aimed, 0.0 if everything else 1.0)

    # --- keys ------------------------------------------------------------------------------------------------------

    def owns_key(self, event: QKeyEvent) -> bool:
        return super().owns_key(event) or (bool(self._rows) and self._wish_of(event) is not None)

    def _wish_of(self, event: QKeyEvent) -> RowWish | None:
        if is_snapping(event) and asks_to_reset(event):
            return RowWish.REMOVE
        return None if event.modifiers() else _WISH_KEYS.get(Qt.Key(event.key()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._rows:
            super().keyPressEvent(event)
        elif (wish := self._wish_of(event)) is not None:
            self._wish(wish, self._row)
        elif asks_to_type(event) and event.modifiers() & _ALT:
            self.type_seed(self._row)
        elif not (self._walk(event) or self.take_common_key(event)):
            super().keyPressEvent(event)

    def _walk(self, event: QKeyEvent) -> bool:
        """Arrows and page keys: to other cells and rows, with Alt to groups; up and down turn what is aimed at."""
        step = key_step(event)
        if step is None:
            return False
        sideways = event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right)
        with_alt = bool(event.modifiers() & _ALT)
        if sideways and with_alt:
            self._go_to_group(step.steps)
        elif sideways:
            self._go_to(self._row, (self._aimed[-1 if step.steps > 0 else 0] + step.steps,))
        elif step.end:
            self._go_to(self._row, (0 if step.end < 0 else self.column_count - 1,))
        elif with_alt and event.modifiers() & _SHIFT:
            self.move_row(self._row, self._row - step.steps)
        elif with_alt:
            self._go_to(self._row - step.steps, self._aimed)
        else:
            self._step(step.steps * (PAGE if is_snapping(event) else STEP) + step.pages * PAGE, is_fine(event))
        return True

    def _go_to_group(self, steps: int) -> None:
        """Aim at all layers of the next group; from a single cell first at those of its own."""
        groups = [columns for _, columns in self._columns.groups]
        here = next(index for index, columns in enumerate(groups) if self._aimed[0] in columns)
        if self._aimed == groups[here]:
            here = int(clamp(here + steps, 0, len(groups) - 1))
        self._go_to(self._row, groups[here])

    def step_by_wheel(self, steps: float, event: QWheelEvent) -> None:
        if self._rows:
            self._step(steps * STEP, is_fine(event))

    def _step(self, delta: float, fine: bool) -> None:
        moved = self._aimed_strength() + delta * (0.1 if fine else 1.0)
        self._set_strengths(self._row, self._aimed, round(moved, 3))
        self._gesture.settle()

    # --- sources ---------------------------------------------------------------------------------------------------

    def _wish(self, wish: RowWish, row: int | None) -> None:
        self._gesture.end()
        if row is not None:
            self.row_wished.emit(row, wish)

    def move_row(self, row: int, to: int) -> None:
        """Ask for another place in the order."""
        self._gesture.end()
        if to != row and 0 <= to < len(self._rows):
            self._row = to
            self.row_moved.emit(row, to)

    def type_seed(self, row: int) -> None:
        """Open a field over the name of a source that is a seed."""
        seed = self._rows[row].seed
        if seed is not None:
            self._go_to(row, self._aimed)
            self._types_seed = True
            rect = self.places.name(row).toAlignedRect()
            self._edit.open_at(rect.adjusted(0, 1, 0, -1), str(seed), Qt.AlignmentFlag.AlignLeft)

    # --- typing and menu -------------------------------------------------------------------------------------------

    def type_value(self) -> None:
        if self._rows:
            middle = self.places.span(self._row, self._aimed).center()
            left = clamp(middle.x() - 24, 0, self.width() - 48)
            self._types_seed = False
            rect = QRect(round(left), round(middle.y() - 11), 48, 22)
            self._edit.open_at(rect, shown(self._aimed_strength(), 2), Qt.AlignmentFlag.AlignHCenter)

    def _take_typed(self, text: str) -> None:
        if not is_number(text) or (self._types_seed and not 0 <= round(evaluate(text)) <= MAX_SEED):
            seeds = f"A whole number from 0 to {MAX_SEED}"
            self._edit.refuse(seeds if self._types_seed else "A number from 0 to 1, such as 1/3")
        elif self._types_seed:
            self.seed_typed.emit(self._row, round(evaluate(text)))
        else:
            self.take_text(text)

    def fill_menu(self, menu: QMenu) -> None:
        if not self._rows:
            return
        super().fill_menu(menu)
        row, source = self._row, self._rows[self._row]
        every = tuple(range(self.column_count))

        def fill(value: float) -> None:
            self._set_strengths(row, every, value)
            self._gesture.end()

        menu.addSeparator()
        menu.addAction("Take all of it", partial(fill, 1.0))
        menu.addAction("Take none of it", partial(fill, 0.0))
        menu.addSeparator()
        other = menu.addAction("Type another seed…\tAlt+Enter", partial(self.type_seed, row))
        other.setEnabled(source.seed is not None)
        for text, wish in (
            ("Let it play\tM" if source.muted else "Mute\tM", RowWish.MUTE),
            ("Solo, or all again\tS", RowWish.SOLO),
            ("Duplicate\tD", RowWish.DUPLICATE),
            ("Use as main latent", RowWish.MAIN),
            (f"Remove {source.name}\tCtrl+Del", RowWish.REMOVE),
        ):
            menu.addAction(text, partial(self._wish, wish, row))
        menu.addAction("Move up\tAlt+Shift+Up", partial(self.move_row, row, row - 1)).setEnabled(row > 0)
        down = menu.addAction("Move down\tAlt+Shift+Down", partial(self.move_row, row, row + 1))
        down.setEnabled(row + 1 < len(self._rows))

