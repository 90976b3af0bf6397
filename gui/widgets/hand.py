"""The one hand: what dragging, keys, wheel and typing mean to every control that one can turn.

Drag; Shift is ten times finer; Ctrl snaps to stops; double-click or Delete resets; Enter or F2 types; arrows and page
keys step; the wheel acts only with focus. Ctrl+Shift with C, V and K copies, pastes and keeps the value; without
Shift, copying and pasting are the picture's. The menu offers the same. One burst of changes, however made, is one
gesture, so it becomes one undo entry.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QHideEvent,
    QInputEvent,
    QKeyEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

FINE = 0.1
SETTLE_MS = 400
"""How long after the last key, wheel step or click a gesture stays open. Not less than a double-click takes."""

CLICK_PX = 3
"""A press that moves less than this is a click."""

_WHEEL_NOTCH = 120


class Gesture(QObject):
    """Brackets a burst of changes: `started` before the first one, `ended` after the last."""

    started = Signal()
    ended = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._is_open = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self.end)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def hold(self) -> None:
        """Open it, and keep it open until `end` or `settle`: for a drag."""
        self._timer.stop()
        if not self._is_open:
            self._is_open = True
            self.started.emit()

    def settle(self) -> None:
        """Let it end by itself when nothing more comes soon."""
        if self._is_open:
            self._timer.start()

    def touch(self) -> None:
        """A single step of a burst: a key, a wheel notch."""
        self.hold()
        self.settle()

    def end(self) -> None:
        self._timer.stop()
        if self._is_open:
            self._is_open = False
            self.ended.emit()


@dataclass
class Drag:
    """One axis of a drag: pixels to value, ten times finer while Shift is held.

    The value is not clamped, so a pointer that goes beyond the end finds its place again on the way back.
    """

    anchor_px: float
    anchor: float
    value_per_px: float
    is_fine: bool = False

    def value_at(self, px: float, is_fine: bool) -> float:
        """Where the value is when the pointer is at `px`."""
        if is_fine != self.is_fine:
            self.anchor = self._at(px)
            self.anchor_px = px
            self.is_fine = is_fine
        return self._at(px)

    def _at(self, px: float) -> float:
        return self.anchor + (px - self.anchor_px) * self.value_per_px * (FINE if self.is_fine else 1.0)


def clamp(value: float, minimum: float, maximum: float) -> float:
    return min(maximum, max(minimum, value))


def nearest(value: float, stops: Sequence[float]) -> float:
    """The stop next to `value`; `value` itself where there are none."""
    return min(stops, key=lambda stop: abs(stop - value)) if stops else value


def is_fine(event: QInputEvent) -> bool:
    """Whether Shift is held."""
    return bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)


def is_snapping(event: QInputEvent) -> bool:
    """Whether Ctrl (Command on a Mac) is held."""
    return bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)


@dataclass(frozen=True, slots=True)
class KeyStep:
    """What a key asks for: `steps` and `pages` to move, or to go to an `end` (-1 or 1)."""

    steps: int = 0
    pages: int = 0
    end: int = 0


_KEY_STEPS = {
    Qt.Key.Key_Up: KeyStep(steps=1),
    Qt.Key.Key_Down: KeyStep(steps=-1),
    Qt.Key.Key_Right: KeyStep(steps=1),
    Qt.Key.Key_Left: KeyStep(steps=-1),
    Qt.Key.Key_PageUp: KeyStep(pages=1),
    Qt.Key.Key_PageDown: KeyStep(pages=-1),
    Qt.Key.Key_Home: KeyStep(end=-1),
    Qt.Key.Key_End: KeyStep(end=1),
}
_TYPING_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2)
_RESET_KEYS = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)


def key_step(event: QKeyEvent) -> KeyStep | None:
    """The step that a key stands for, None for other keys."""
    return _KEY_STEPS.get(Qt.Key(event.key()))


def asks_to_type(event: QKeyEvent) -> bool:
    """Enter and F2. Digits are not taken: they belong to the window's view keys."""
    return event.key() in _TYPING_KEYS


def asks_to_reset(event: QKeyEvent) -> bool:
    return event.key() in _RESET_KEYS


def asks_to_copy(event: QKeyEvent) -> bool:
    return _is_value_key(event, Qt.Key.Key_C)


def asks_to_paste(event: QKeyEvent) -> bool:
    return _is_value_key(event, Qt.Key.Key_V)


def asks_to_lock(event: QKeyEvent) -> bool:
    return _is_value_key(event, Qt.Key.Key_K)


def _is_value_key(event: QKeyEvent, key: Qt.Key) -> bool:
    """Ctrl alone belongs to the picture, so the control's own clipboard takes Shift as well."""
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    return event.key() == key and event.modifiers() == both


def wheel_steps(event: QWheelEvent) -> float:
    """Notches of the wheel, up and right positive; a fraction on a touchpad."""
    delta = event.angleDelta()
    return (delta.y() or delta.x()) / _WHEEL_NOTCH


def decimals_of(step: float) -> int:
    """Decimals that are needed to show a step: 2 for 0.05."""
    return max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0


class HandWidget(QWidget):
    """Base of the controls: gesture signals, menu, lock, wheel guard, disabled reason, repaint with the theme."""

    gesture_started = Signal()
    gesture_ended = Signal()
    lock_changed = Signal(bool)
    menu_opening = Signal(object)  # QMenu, filled: add to it what else can be done with `parameter`

    def __init__(self, parent: QWidget | None = None, *, lockable: bool = False) -> None:
        """
        Args:
            lockable: Offer a lock that keeps the value through chance: dice, "surprise me", "Randomise".
        """
        super().__init__(parent)
        self._lockable, self._locked = lockable, False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._help = ""
        self._disabled_reason: str | None = None
        self._gesture = Gesture(self)
        self._gesture.started.connect(self.gesture_started)
        self._gesture.ended.connect(self.gesture_ended)

    @property
    def is_gesture_open(self) -> bool:
        return self._gesture.is_open

    def finish_gesture(self) -> None:
        """End an open gesture now, for example before an undo."""
        self._gesture.end()

    def set_help(self, text: str) -> None:
        """Explain the control in plain words, as its tooltip."""
        self._help = text
        self.setWhatsThis(text)
        self._update_tooltip()

    @property
    def parameter(self) -> str:
        """What of the EditState it turns, as a path: "truncation_psi", "noise.strength", "mix[0].strengths"."""
        return str(self.property("parameter") or "")

    def set_parameter(self, path: str) -> None:
        """Name what it turns, for whoever wants to act on controls by what they do, such as keyframes."""
        self.setProperty("parameter", path)

    # --- what can be done with every control ------------------------------------------------------------------------

    def reset(self) -> None:
        """Back to the default, as the user would. Of several values, the one that keys act on."""
        raise NotImplementedError

    def type_value(self) -> None:
        """Open a field for typing the value."""
        raise NotImplementedError

    def randomise(self, rng: random.Random | None = None) -> None:
        """Anywhere it can go, as one gesture. What is locked stays."""
        raise NotImplementedError

    def value_text(self) -> str:
        """The value as it is copied."""
        raise NotImplementedError

    def can_take(self, text: str) -> bool:
        """Whether a text is a value."""
        raise NotImplementedError

    def take_text(self, text: str) -> None:
        """Take a value that `can_take` knows, as one gesture."""
        raise NotImplementedError

    @property
    def is_at_default(self) -> bool:
        raise NotImplementedError

    @property
    def is_lockable(self) -> bool:
        return self._lockable

    @property
    def is_locked(self) -> bool:
        return self._locked

    def set_locked(self, locked: bool) -> None:
        if locked != self._locked:
            self._locked = locked
            self.update()
            self.lock_changed.emit(locked)

    def copy_value(self) -> None:
        QGuiApplication.clipboard().setText(self.value_text())

    def paste_value(self) -> None:
        """Take what is on the clipboard, if it is a value."""
        text = QGuiApplication.clipboard().text()
        if self.can_take(text):
            self.take_text(text)

    def take_common_key(self, event: QKeyEvent) -> bool:
        """Type, reset, copy, paste, lock: the keys that are the same on every control. Whether it was one of them."""
        if asks_to_type(event):
            self.type_value()
        elif asks_to_reset(event):
            self.reset()
        elif asks_to_copy(event):
            self.copy_value()
        elif asks_to_paste(event):
            self.paste_value()
        elif asks_to_lock(event) and self.is_lockable:
            self.set_locked(not self.is_locked)
        else:
            return False
        return True

    def context_menu(self) -> QMenu:
        """A fresh menu for the place that keys act on; it deletes itself when it closes."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill_menu(menu)
        self.menu_opening.emit(menu)
        return menu

    def fill_menu(self, menu: QMenu) -> None:
        """What every control offers. Controls that offer more override it."""
        menu.addAction("Reset", self.reset).setEnabled(not self.is_at_default)
        menu.addAction("Type a value…", self.type_value)
        menu.addAction("Copy value", self.copy_value)
        menu.addAction("Paste value", self.paste_value).setEnabled(self.can_take(QGuiApplication.clipboard().text()))
        menu.addAction("Randomise", self.randomise).setEnabled(not self.is_locked)
        if self.is_lockable:
            lock = menu.addAction("Keep through surprises")
            lock.setCheckable(True)
            lock.setChecked(self.is_locked)
            lock.toggled.connect(self.set_locked)

    def aim_at(self, position: QPointF) -> None:
        """Let keys act on what is at a place. Controls that hold several values override it."""

    def menu_place(self) -> QPoint:
        """Where the menu opens that the keyboard asks for."""
        return self.rect().center()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            place = self.mapToGlobal(self.menu_place())
        else:
            self.aim_at(QPointF(event.pos()))
            place = event.globalPos()
        self.context_menu().popup(place)

    # --- reasons ----------------------------------------------------------------------------------------------------

    def set_disabled_reason(self, reason: str | None) -> None:
        """Disable and say why, or enable with None."""
        if reason == self._disabled_reason:  # said with every move of a hand
            return
        self._disabled_reason = reason
        self.setEnabled(reason is None)
        self._update_tooltip()

    def _update_tooltip(self) -> None:
        self.setToolTip(self._disabled_reason or self._help)

    # --- events -----------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keys that act on the value are not for the window's shortcuts."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self.owns_key(event):
            event.accept()
            return True
        return super().event(event)

    def owns_key(self, event: QKeyEvent) -> bool:
        """Whether a key is this control's while it has the focus, also where the window has a shortcut for it."""
        return asks_to_copy(event) or asks_to_paste(event) or (asks_to_lock(event) and self.is_lockable)

    def step_by_wheel(self, steps: float, event: QWheelEvent) -> None:
        """Called with focus only. Controls that know the wheel override it."""
        event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not self.hasFocus():
            event.ignore()
            return
        event.accept()
        self.step_by_wheel(wheel_steps(event), event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.EnabledChange, QEvent.Type.FontChange):
            self.update()
        super().changeEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._gesture.end()
        super().focusOutEvent(event)
        self.update()

    def hideEvent(self, event: QHideEvent) -> None:
        self._gesture.end()
        super().hideEvent(event)
