"""What keys mean to a portrait that is being aligned."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from gui.widgets.hand import FINE

SCALE_STEP = 0.02
TURN_STEP_DEG = 1.0

_CTRL, _SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
_ACROSS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
_DOWN = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
_SIZES = {"+": 1.0, "=": 1.0, "-": -1.0, "_": -FINE}
_TURNS = {"[": -1.0, "]": 1.0, "{": -FINE, "}": FINE}


@dataclass(frozen=True, slots=True)
class AlignKey:
    """One of these; moves are in pixels of the preview.

    Attributes:
        face: The number of a face to choose.
        next_face: 1 for the next face, -1 for the one before.
    """

    across: float = 0.0
    down: float = 0.0
    scale: float = 1.0
    turn_deg: float = 0.0
    face: int | None = None
    next_face: int = 0
    is_reset: bool = False
    is_fit: bool = False
    is_accept: bool = False
    is_leave: bool = False


def align_key(event: QKeyEvent) -> AlignKey | None:
    """What a key asks for; None when it means nothing here. Shift is ten times finer."""
    key, modifiers, text = Qt.Key(event.key()), event.modifiers(), event.text()
    fine = FINE if modifiers & _SHIFT else 1.0
    if modifiers & _CTRL:
        if key in _ACROSS:
            return AlignKey(next_face=_ACROSS[key])
        return AlignKey(scale=1 - _DOWN[key] * SCALE_STEP * fine) if key in _DOWN else None
    if key is Qt.Key.Key_Escape:
        return AlignKey(is_leave=True)
    if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
        return AlignKey(is_accept=True)
    if key is Qt.Key.Key_Home:
        return AlignKey(is_fit=True)
    if key is Qt.Key.Key_Delete:
        return AlignKey(is_reset=True)
    if key in _ACROSS:
        return AlignKey(across=_ACROSS[key] * fine)
    if key in _DOWN:
        return AlignKey(down=_DOWN[key] * fine)
    if text in _SIZES:
        return AlignKey(scale=1 + _SIZES[text] * SCALE_STEP)
    if text in _TURNS:
        return AlignKey(turn_deg=_TURNS[text] * TURN_STEP_DEG)
    return AlignKey(face=int(text) - 1) if text and text in "123456789" else None
