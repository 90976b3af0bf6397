"""The timeline under the hand: what it is, where its head stands, and its own undo."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from engine.animation.timeline import Timeline, frame_at, frame_count, frame_time
from gui.session import Session

MAX_UNDO = 200


class TimelineDocument(QObject):
    """The session's timeline. A drag is `begin_gesture`, any number of `edit`, `end_gesture`: one step back."""

    changed = Signal(object)  # Timeline
    head_moved = Signal(float)  # seconds

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._empty = Timeline()
        self._head_s = 0.0
        self._past: list[Timeline] = []
        self._future: list[Timeline] = []
        self._before_gesture: Timeline | None = None
        self._is_own = False
        session.timeline_changed.connect(self._follow)

    @property
    def timeline(self) -> Timeline:
        return self._session.timeline or self._empty

    @property
    def is_moving(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.timeline.tracks)

    # --- the head -------------------------------------------------------------------------------------------------

    @property
    def head_s(self) -> float:
        return self._head_s

    @property
    def last_s(self) -> float:
        """The latest time that a frame shows."""
        return frame_time(self.timeline, frame_count(self.timeline) - 1)

    @property
    def frame(self) -> int:
        return frame_at(self.timeline, self._head_s)

    def move_head(self, time_s: float) -> None:
        """To the frame next to a time."""
        self._set_head(frame_time(self.timeline, frame_at(self.timeline, time_s)))

    def step_head(self, frames: int) -> None:
        count = frame_count(self.timeline)
        wanted = self.frame + frames
        frame = wanted % count if self.timeline.loop else min(count - 1, max(0, wanted))
        self._set_head(frame_time(self.timeline, frame))

    def _set_head(self, time_s: float) -> None:
        if time_s != self._head_s:
            self._head_s = time_s
            self.head_moved.emit(time_s)

    # --- editing --------------------------------------------------------------------------------------------------

    def edit(self, timeline: Timeline) -> None:
        """Change it: one step back, or a part of the gesture that is open."""
        before = self.timeline
        if timeline == before:
            return
        if self._before_gesture is None:
            self._remember(before)
        self._set(timeline)
        if self._before_gesture is None:
            self._session.keep_timeline()

    def begin_gesture(self) -> None:
        self.end_gesture()
        self._before_gesture = self.timeline

    def end_gesture(self) -> None:
        before, self._before_gesture = self._before_gesture, None
        if before is not None and before != self.timeline:
            self._remember(before)
            self._session.keep_timeline()

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    @Slot()
    def undo(self) -> None:
        self.end_gesture()
        if self._past:
            self._future.append(self.timeline)
            self._set(self._past.pop())
            self._session.keep_timeline()

    @Slot()
    def redo(self) -> None:
        self.end_gesture()
        if self._future:
            self._past.append(self.timeline)
            self._set(self._future.pop())
            self._session.keep_timeline()

    def _remember(self, timeline: Timeline) -> None:
        self._past = [*self._past[-MAX_UNDO:], timeline]
        self._future.clear()

    def _set(self, timeline: Timeline) -> None:
        self._is_own = True
        self._session.set_timeline(timeline)
        self._is_own = False
        self.changed.emit(timeline)
        self.move_head(self._head_s)

    @Slot(object)
    def _follow(self, timeline: Timeline | None) -> None:
        """Another document, or a film that was dropped: a timeline that none of the steps back leads to."""
        if self._is_own:
            return
        self._past.clear()
        self._future.clear()
        self._before_gesture = None
        self._set_head(0.0)
        self.changed.emit(self.timeline)
