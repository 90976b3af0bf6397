"""The seed strip: a cell per layer, for noise of the layer's own, and a lock under each."""

from __future__ import annotations

import math
import random
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QToolTip, QWidget

from gui.icons import paint_icon
from gui.theme import Theme, current_theme, mix
from gui.widgets.arithmetic import evaluate, is_number
from gui.widgets.columns import pairwise_labels
from gui.widgets.hand import CLICK_PX, Drag, HandWidget, clamp, is_fine, is_snapping, key_step
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.slider_scale import shown

MAX_SEED = 2**32 - 1
NO_SEED = "none"
ROLLED = 100_000
DECIMALS = 2
STEP = 0.1
PAGE = 1.0
PX_PER_SEED = 40.0
GAP_PX = 3.0
_CELL_PX, _LOCK_PX, _LOCK_GAP_PX = 18.0, 11.0, 3.0
HEIGHT_PX = round(_CELL_PX + _LOCK_GAP_PX + _LOCK_PX + 1)
_GRAIN = (3, 6)

Seeds = tuple[float | None, ...]


class SeedStrip(HandWidget):
    """Drag a cell across to move through the noise of its layer: whole seeds are maps, in between they mix.

    A click types a seed, a double-click or Delete gives the layer back to the noise mode.
    """

    seeds_changed = Signal(object)  # Seeds, one per position
    column_lock_changed = Signal(int, bool)
    pointed = Signal(int)  # the layer that is pointed at, or that keys act on

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, lockable=True)
        self._resolutions: tuple[int, ...] = ()
        self._seeds: Seeds = ()
        self._inert: frozenset[int] = frozenset()
        self._locked_columns: frozenset[int] = frozenset()
        self._start = 0.0
        self._current = 0
        self._hovered: int | None = None
        self._drag: Drag | None = None
        self._press = QPointF()
        self._has_moved = False
        self._edit = InlineEdit(self)
        self._edit.committed.connect(self._take_typed)
        self._edit.double_clicked.connect(self.reset)
        self.setMouseTracking(True)
        self.setFixedHeight(HEIGHT_PX)
        self.setAccessibleName("Noise seed per layer")
        self.set_resolutions((4, 8, 16, 32, 64))

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def seeds(self) -> Seeds:
        """One per position; None where the layer has no seed of its own."""
        return self._seeds

    @property
    def current(self) -> int:
        return self._current

    @property
    def inert(self) -> frozenset[int]:
        """Positions without noise."""
        return self._inert

    @property
    def column_count(self) -> int:
        return 2 * len(self._resolutions)

    def set_resolutions(self, resolutions: tuple[int, ...], inert: frozenset[int] = frozenset()) -> None:
        """
        Args:
            resolutions: The model's, lowest first.
            inert: Positions without noise.
        """
        if (resolutions, inert) != (self._resolutions, self._inert):
            self._resolutions, self._inert = tuple(resolutions), inert
            self._seeds = self._fitted(self._seeds)
            self._drag = self._hovered = None
            self._go_to(self._current if self._current not in inert else self._beside(-1, 1))

    def set_seeds(self, seeds: Seeds) -> None:
        """Show these, silently. During a drag the drag wins."""
        if self._drag is None or not self._has_moved:
            self._seeds = self._fitted(seeds)
            self._tell_accessibility()
            self.update()

    def set_start(self, seed: float) -> None:
        """Where a drag begins on a layer that has no seed of its own."""
        self._start = seed

    def set_locked_columns(self, locked: frozenset[int]) -> None:
        """Layers that chance leaves alone."""
        self._locked_columns = locked
        self._tell_accessibility()
        self.update()

    def label(self, column: int) -> str:
        return pairwise_labels(self._resolutions)[column]

    def seed_text(self, column: int) -> str:
        """What the layer's noise comes from, in a word or two."""
        if column in self._inert:
            return "no noise here"
        seed = self._seeds[column]
        return "no seed of its own" if seed is None else f"seed {shown(seed, 0)}"

    def _fitted(self, seeds: Seeds) -> Seeds:
        return (tuple(seeds) + (None,) * self.column_count)[: self.column_count]

    # --- changing --------------------------------------------------------------------------------------------------

    def _set(self, column: int, seed: float | None) -> None:
        """A step of the open gesture."""
        if column in self._inert or not 0 <= column < self.column_count:
            return
        seed = None if seed is None else clamp(round(seed, DECIMALS + 1), 0, MAX_SEED)
        self._apply((*self._seeds[:column], seed, *self._seeds[column + 1 :]))

    def _apply(self, seeds: Seeds) -> None:
        if seeds != self._seeds:
            self._gesture.hold()
            self._seeds = seeds
            self._tell_accessibility()
            self.update()
            self.seeds_changed.emit(seeds)
            self.pointed.emit(self._current)

    def _value(self) -> float:
        seed = self._seeds[self._current]
        return self._start if seed is None else seed

    def _go_to(self, column: int) -> None:
        self._current = int(clamp(column, 0, max(0, self.column_count - 1)))
        self._tell_accessibility()
        self.update()
        self.pointed.emit(self._current)

    def _beside(self, column: int, step: int) -> int:
        """The next layer with noise; the same one where there is none."""
        others = (other for other in range(self.column_count) if (other - column) * step > 0)
        live = [other for other in others if other not in self._inert]
        return column if not live else min(live) if step > 0 else max(live)

    # --- geometry --------------------------------------------------------------------------------------------------

    @property
    def _pitch(self) -> float:
        return (self.width() + GAP_PX) / max(1, self.column_count)

    def cell(self, column: int) -> QRectF:
        return QRectF(column * self._pitch, 0.5, self._pitch - GAP_PX, _CELL_PX)

    def lock_rect(self, column: int) -> QRectF:
        middle = self.cell(column).center().x()
        return QRectF(middle - _LOCK_PX / 2, _CELL_PX + _LOCK_GAP_PX, _LOCK_PX, _LOCK_PX)

    def column_at(self, x: float) -> int:
        return int(clamp(x // self._pitch, 0, self.column_count - 1))

    def _is_on_lock(self, position: QPointF) -> bool:
        return position.y() > _CELL_PX + _LOCK_GAP_PX / 2

    def sizeHint(self) -> QSize:
        return QSize(240, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, HEIGHT_PX)

    # --- the hand --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        self._gesture.end()
        column = self.column_at(event.position().x())
        if column in self._inert:
            return
        self._go_to(column)
        if self._is_on_lock(event.position()):
            self.set_locked(not self.is_locked)
        else:
            self._press, self._has_moved = event.position(), False
            self._drag = Drag(event.position().x(), self._value(), 1 / PX_PER_SEED, is_fine(event))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drag is None:
            self._hover(self.column_at(event.position().x()))
        elif self._has_moved or abs(event.position().x() - self._press.x()) >= CLICK_PX:
            self._has_moved = True
            value = self._drag.value_at(event.position().x(), is_fine(event))
            value = round(value) if is_snapping(event) else round(value, DECIMALS + (1 if is_fine(event) else 0))
            self._set(self._current, max(0.0, value))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton or self._drag is None:
            return
        self._drag = None
        if self._has_moved:
            self._gesture.end()
        else:
            self.type_value()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._is_on_lock(event.position()):
            self.mousePressEvent(event)
        elif event.button() is Qt.MouseButton.LeftButton:
            self._drag = None
            self._edit.close_field()
            self._go_to(self.column_at(event.position().x()))
            self.reset()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = key_step(event)
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and step is not None:
            self._go_to(self._beside(self._current, step.steps))
        elif step is not None and step.end:
            self._go_to(self._beside(-1, 1) if step.end < 0 else self._beside(self.column_count, -1))
        elif step is not None and is_snapping(event):
            steps = step.steps or step.pages
            whole = math.floor(self._value()) + 1 if steps > 0 else math.ceil(self._value()) - 1
            self._step_to(whole)
        elif step is not None:
            self._step_to(self._value() + (step.steps * STEP + step.pages * PAGE) * (0.1 if is_fine(event) else 1.0))
        elif not self.take_common_key(event):
            super().keyPressEvent(event)

    def step_by_wheel(self, steps: float, event: QWheelEvent) -> None:
        self._step_to(self._value() + steps * STEP * (0.1 if is_fine(event) else 1.0))

    def _step_to(self, seed: float) -> None:
        self._set(self._current, max(0.0, seed))
        self._gesture.settle()

    def _hover(self, column: int | None) -> None:
        if column != self._hovered:
            self._hovered = column
            self.update()
            self.pointed.emit(self._current if column is None else column)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    # --- what every control offers ---------------------------------------------------------------------------------

    @property
    def is_at_default(self) -> bool:
        return self._seeds[self._current] is None

    def reset(self) -> None:
        """The layer's noise comes from the mode again."""
        self._set(self._current, None)
        self._gesture.end()

    def reset_all(self) -> None:
        self._apply((None,) * self.column_count)
        self._gesture.end()

    def randomise(self, rng: random.Random | None = None) -> None:
        """A seed of its own for every layer that is not locked."""
        chance = rng or random.Random()
        kept = self._locked_columns | self._inert
        drawn = [float(chance.randrange(ROLLED)) for _ in self._seeds]
        self._apply(tuple(old if column in kept else drawn[column] for column, old in enumerate(self._seeds)))
        self._gesture.end()

    def roll(self) -> None:
        """Another seed for the current layer."""
        if not self.is_locked:
            self._set(self._current, float(random.randrange(ROLLED)))
            self._gesture.end()

    @property
    def is_locked(self) -> bool:
        return self._current in self._locked_columns

    def set_locked(self, locked: bool) -> None:
        if locked != self.is_locked:
            self.set_locked_columns(self._locked_columns ^ {self._current})
            self.column_lock_changed.emit(self._current, locked)

    def is_column_locked(self, column: int) -> bool:
        return column in self._locked_columns

    def type_value(self) -> None:
        if self._current not in self._inert:
            width = 64.0
            left = clamp(self.cell(self._current).center().x() - width / 2, 0, self.width() - width)
            text = "" if self.is_at_default else self.value_text()
            self._edit.open_at(QRect(round(left), 0, round(width), 22), text, Qt.AlignmentFlag.AlignHCenter)

    def _take_typed(self, text: str) -> None:
        if not text.strip():
            self.reset()
        elif self.can_take(text):
            self.take_text(text)
        else:
            self._edit.refuse(f"A seed from 0 to {MAX_SEED}, or nothing; 12.5 is halfway from 12 to 13")

    def value_text(self) -> str:
        seed = self._seeds[self._current]
        return NO_SEED if seed is None else shown(seed, 0)

    def can_take(self, text: str) -> bool:
        return text == NO_SEED or (is_number(text) and 0 <= evaluate(text) <= MAX_SEED)

    def take_text(self, text: str) -> None:
        self._set(self._current, None if text == NO_SEED else evaluate(text))
        self._gesture.end()

    def aim_at(self, position: QPointF) -> None:
        self._go_to(self.column_at(position.x()))

    def menu_place(self) -> QPoint:
        return self.cell(self._current).center().toPoint()

    def fill_menu(self, menu: QMenu) -> None:
        super().fill_menu(menu)
        menu.actions()[0].setText(f"Reset {self.label(self._current)}")
        menu.addAction("Reset all", self.reset_all)
        menu.addAction("Roll this layer", self.roll).setEnabled(not self.is_locked)

    # --- showing ---------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip and self.isEnabled():
            column = self.column_at(event.pos().x())
            words = f"{self.label(column)}: {self.seed_text(column)}"
            if self._is_on_lock(QPointF(event.pos())):
                words = f"{self.label(column)}: kept through dice and surprises, or not"
            QToolTip.showText(event.globalPos(), f"{words}\n{self._help}".strip(), self)
            return True
        return super().event(event)

    def _tell_accessibility(self) -> None:
        if self.column_count:
            locked = ", locked" if self.is_locked else ""
            self.setAccessibleDescription(f"{self.label(self._current)}: {self.seed_text(self._current)}{locked}")

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for column in range(self.column_count):
                if column not in self._inert:
                    self._paint_column(painter, theme, column)

    def _paint_column(self, painter: QPainter, theme: Theme, column: int) -> None:
        cell, seed, is_lit = self.cell(column), self._seeds[column], column == self._hovered and self.isEnabled()
        shape = QPainterPath()
        shape.addRoundedRect(cell, 3, 3)
        painter.fillPath(shape, mix(theme.sunken, theme.text, 0.10) if is_lit else QColor(theme.sunken))
        if seed is None:
            painter.fillRect(QRectF(cell.center().x() - 3, cell.center().y() - 0.5, 6, 1), QColor(theme.disabled))
        else:
            painter.save()
            painter.setClipPath(shape)
            painter.setOpacity(0.75 if self.isEnabled() else 0.25)
            painter.drawImage(cell, grain(seed))
            painter.restore()
        is_current = self.hasFocus() and column == self._current
        if is_current or seed is not None:
            color = theme.focus if is_current else theme.muted if self.isEnabled() else theme.disabled
            painter.setPen(QPen(QColor(color), 1.5 if is_current else 1.0))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(cell.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        locked = column in self._locked_columns
        if locked or (is_lit or is_current):
            color = theme.text if locked and self.isEnabled() else theme.disabled
            paint_icon(painter, self.lock_rect(column).toRect(), "lock" if locked else "unlock", QColor(color))


@lru_cache(maxsize=512)
def grain(seed: float) -> QImage:
    """A few grey grains that stand for a seed's noise, and change with it as the noise does."""
    whole, between = int(seed), (seed - int(seed)) * math.pi / 2
    first, second = (np.random.RandomState((whole + step) % 2**32).randn(*_GRAIN) for step in (0, 1))
    values = math.cos(between) * first + math.sin(between) * second
    grey = np.ascontiguousarray((128 + 60 * values).clip(0, 255).astype(np.uint8))
    return QImage(grey.tobytes(), _GRAIN[1], _GRAIN[0], _GRAIN[1], QImage.Format.Format_Grayscale8).copy()
