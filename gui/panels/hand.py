"""Connects a control's hand to the session: press, any number of changes, release make one undo entry; and locks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from PySide6.QtCore import SignalInstance

from gui.session import Session
from gui.widgets.hand import HandWidget


class Hand(Protocol):
    """What every control that one turns offers; see `gui.widgets.hand`."""

    gesture_started: SignalInstance
    gesture_ended: SignalInstance


def follow_hand(session: Session, *controls: Hand) -> None:
    """Let the gestures of `controls` be gestures of the session."""
    for control in controls:
        control.gesture_started.connect(partial(session.begin_gesture, control))
        control.gesture_ended.connect(partial(session.end_gesture, control))


def follow_locks(session: Session, controls: Mapping[str, HandWidget]) -> None:
    """Let each control's lock be the session's lock of that name."""

    def show(locks: frozenset[str]) -> None:
        for name, control in controls.items():
            control.set_locked(name in locks)

    for name, control in controls.items():
        control.lock_changed.connect(partial(session.set_lock, name))
    session.locks_changed.connect(show)
    show(session.locks)
