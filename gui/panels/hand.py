"""Connects a control's hand to the session: press, any number of changes, release make one undo entry."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from PySide6.QtCore import SignalInstance

from gui.session import Session


class Hand(Protocol):
    """What every control that one turns offers; see `gui.widgets.hand`."""

    gesture_started: SignalInstance
    gesture_ended: SignalInstance


def follow_hand(session: Session, *controls: Hand) -> None:
    """Let the gestures of `controls` be gestures of the session."""
    for control in controls:
        control.gesture_started.connect(partial(session.begin_gesture, control))
        control.gesture_ended.connect(partial(session.end_gesture, control))
