"""What the keyboard does on the timeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from gui.animate.document import TimelineDocument
from gui.widgets.hand import is_fine, is_snapping

if TYPE_CHECKING:
    from gui.animate.track_view import TrackView

MANY_FRAMES = 10


def action_of(tracks: TrackView, document: TimelineDocument, event: QKeyEvent) -> Callable[[], object] | None:
    """What a key asks for; None for keys that belong to the window."""
    key = Qt.Key(event.key())
    found = _with_control(tracks, document, event) if is_snapping(event) else _plain(tracks, document, event)
    return found.get(key)


def _plain(tracks: TrackView, document: TimelineDocument, event: QKeyEvent) -> dict[Qt.Key, Callable[[], object]]:
    step = MANY_FRAMES if is_fine(event) else 1
    second = round(document.timeline.fps)
    return {
        Qt.Key.Key_Space: tracks.play_wanted.emit,
        Qt.Key.Key_K: tracks.key_wanted.emit,
        Qt.Key.Key_Delete: tracks.delete,
        Qt.Key.Key_Backspace: tracks.delete,
        Qt.Key.Key_Left: lambda: tracks.step_head(-step),
        Qt.Key.Key_Right: lambda: tracks.step_head(step),
        Qt.Key.Key_PageUp: lambda: tracks.step_head(-second),
        Qt.Key.Key_PageDown: lambda: tracks.step_head(second),
        Qt.Key.Key_Home: lambda: tracks.go_to(0.0),
        Qt.Key.Key_End: lambda: tracks.go_to(document.last_s),
        Qt.Key.Key_Up: lambda: tracks.change_row(-1),
        Qt.Key.Key_Down: lambda: tracks.change_row(1),
        Qt.Key.Key_Comma: lambda: tracks.go_to_key(-1),
        Qt.Key.Key_Period: lambda: tracks.go_to_key(1),
        Qt.Key.Key_Return: tracks.toggle_current,
    }


def _with_control(
    tracks: TrackView, document: TimelineDocument, event: QKeyEvent
) -> dict[Qt.Key, Callable[[], object]]:
    frame_s = float(1 / document.timeline.fps)
    return {
        Qt.Key.Key_Z: document.redo if is_fine(event) else document.undo,
        Qt.Key.Key_Y: document.redo,
        Qt.Key.Key_A: tracks.choose_all,
        Qt.Key.Key_C: tracks.copy,
        Qt.Key.Key_V: tracks.paste,
        Qt.Key.Key_Left: lambda: tracks.move_chosen(-frame_s),
        Qt.Key.Key_Right: lambda: tracks.move_chosen(frame_s),
    }
