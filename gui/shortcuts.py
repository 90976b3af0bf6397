"""The user's own keys: read from the settings, checked against each other, written back."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence

from gui.settings import Settings

PREFIX = "keys."
Keys = tuple[str, ...]
"""Of one action, as Qt writes them in any language: ``("Ctrl+Shift+Z", "Ctrl+Y")``."""

_CONTROLS_OWN = frozenset(
    {
        Qt.Key.Key_Space, Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter,
        Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown,
        Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_Delete, Qt.Key.Key_Backspace,
    }
)


def chosen_keys(settings: Settings, names: Mapping[str, Keys]) -> dict[str, Keys]:
    """The keys of every action: the user's where there are any, the usual ones otherwise.

    A usual key that the user gave to another action is not left on the first: one key does one thing.

    Args:
        names: The usual keys by action.
    """
    own = {name: _read(settings, name) for name in names}
    taken = {key for keys in own.values() if keys is not None for key in keys}
    return {
        name: found if (found := own[name]) is not None else tuple(key for key in usual if key not in taken)
        for name, usual in names.items()
    }


def keep_keys(settings: Settings, name: str, keys: Keys, usual: Keys) -> None:
    """Remember an action's keys; the usual ones need no remembering."""
    if keys == usual:
        settings.forget(PREFIX + name)
    else:
        settings.set(PREFIX + name, list(keys))


def owner_of(key: str, keys: Mapping[str, Keys], but: str = "") -> str | None:
    """Which other action has this key."""
    return next((name for name, own in keys.items() if name != but and key in own), None)


def refusal(sequence: QKeySequence) -> str:
    """Why a key cannot be given to an action; empty when it can."""
    if sequence.isEmpty():
        return "Press a key."
    combination = sequence[0]  # type: ignore[index]
    modifiers = combination.keyboardModifiers() & ~Qt.KeyboardModifier.KeypadModifier
    shift_at_most = modifiers in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)
    if combination.key() in _CONTROLS_OWN and shift_at_most:
        words = sequence.toString(QKeySequence.SequenceFormat.NativeText)
        return f"{words} is what the controls themselves are moved with. Hold Ctrl or Alt with it, or take another."
    return ""


def portable(sequence: QKeySequence) -> str:
    return sequence.toString(QKeySequence.SequenceFormat.PortableText)


def native(keys: Keys) -> str:
    """Keys as this system writes them."""
    return ", ".join(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in keys)


def _read(settings: Settings, name: str) -> Keys | None:
    """None where the user chose nothing. What is no key any more is left out."""
    if settings.plain(PREFIX + name) is None:
        return None
    sequences = (QKeySequence(text) for text in settings.get(PREFIX + name, list[str]()))
    return tuple(portable(sequence) for sequence in sequences if not refusal(sequence))
