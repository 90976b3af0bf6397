"""The tracks: keys as diamonds that are dragged in time, the head that is scrubbed, and a key for everything."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from engine.animation.film import value_at
from engine.animation.parameters import Kind, parameter, screen_name
from engine.animation.timeline import Key, Timeline, Track, frame_at, frame_time, with_key
from engine.state import EditState
from gui.animate import track_keys, track_paint
from gui.animate.document import TimelineDocument
from gui.animate.key_actions import Chosen, copied, deleted, every_key, moved, pasted
from gui.animate.rows import NAMES_PX, RULER_PX, Layout, Row, is_curved, layout, words
from gui.theme import current_theme
from gui.widgets.hand import CLICK_PX, FINE, is_fine, is_snapping

EMPTY = (
    "Nothing moves yet. Go to a time, turn a control, press K: it moves from where it was to here. "
    "Or begin with a quick start."
)
SNAP_S = 0.25


@dataclass
class _Press:
    """What a pressed button does: scrubs, moves keys, or chooses with a rectangle."""

    start: QPointF
    kind: str
    timeline: Timeline
    has_moved: bool = False
    row: Row | None = None
    key: Key | None = None
    chosen: Chosen = frozenset()
    box: QRectF | None = None


class TrackView(QWidget):
    scrubbed = Signal(float)  # the hand moves the head
    menu_wanted = Signal(QPoint)
    play_wanted = Signal()
    key_wanted = Signal()

    def __init__(self, document: TimelineDocument, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._state = EditState()
        self._touched: tuple[str, ...] = ()
        self._chosen: Chosen = frozenset()
        self._opened: frozenset[str] = frozenset()
        self._layout: tuple[frozenset[str], Layout] | None = None
        self._current = 0
        self._press: _Press | None = None
        self._copied: tuple[Track, ...] = ()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setAccessibleName("Timeline")
        self.setAccessibleDescription(
            "Arrow keys move the head, with Ctrl the chosen keys; comma and full stop go from key to key"
        )
        document.changed.connect(self._follow)
        document.head_moved.connect(self.update)

    # --- reading --------------------------------------------------------------------------------------------------

    @property
    def layout_now(self) -> Layout:
        """The same one until something moves on it: it keeps its curves."""
        timeline, width = self._document.timeline, float(self.width())
        if self._layout is not None:
            opened, made = self._layout
            if made.timeline is timeline and made.width == width and opened == self._opened:
                return made
        self._layout = self._opened, layout(timeline, self._opened, width)
        return self._layout[1]

    @property
    def chosen(self) -> Chosen:
        """Keys that an action is about: those that are chosen, or the one at the head in the current row."""
        if self._chosen:
            return self._chosen
        row = self.current_row
        here = self._document.head_s
        found = () if row is None else (key for key in row.track.keys if abs(key.time_s - here) < 1e-6)
        return frozenset((row.path, key.time_s) for key in found) if row is not None else frozenset()

    @property
    def current_row(self) -> Row | None:
        rows = self.layout_now.rows
        return rows[min(self._current, len(rows) - 1)] if rows else None

    @property
    def can_paste(self) -> bool:
        return bool(self._copied)

    # --- showing --------------------------------------------------------------------------------------------------

    def show_state(self, state: EditState, touched: tuple[str, ...]) -> None:
        """For names, and to mark what a hand has changed without a key."""
        if (state, touched) != (self._state, self._touched):
            self._state, self._touched = state, touched
            self.update()

    def choose(self, chosen: Chosen) -> None:
        self._chosen = chosen
        self.update()

    def _follow(self, timeline: Timeline) -> None:
        self._chosen &= every_key(timeline)
        self._fit()
        self.update()

    def _fit(self) -> None:
        self.setMinimumHeight(int(self.layout_now.height))

    def toggle_curve(self, path: str) -> None:
        if is_curved(path):
            self._opened ^= {path}
            self._fit()
            self.update()

    def is_open(self, path: str) -> bool:
        return path in self._opened

    # --- what keys and the menu do --------------------------------------------------------------------------------

    def choose_all(self) -> None:
        self.choose(every_key(self._document.timeline))

    def delete(self) -> None:
        self._document.edit(deleted(self._document.timeline, self.chosen))

    def copy(self) -> None:
        if chosen := self.chosen:
            self._copied = copied(self._document.timeline, chosen)

    def paste(self) -> None:
        timeline, chosen = pasted(self._document.timeline, self._copied, self._document.head_s)
        self._document.edit(timeline)
        self.choose(chosen)

    def add_key(self, path: str, time_s: float) -> None:
        """A key that leaves the curve where it is."""
        timeline = self._document.timeline
        self._document.edit(with_key(timeline, path, Key(time_s, value_at(timeline, path, time_s))))
        self.choose(frozenset({(path, time_s)}))

    def move_chosen(self, by_s: float) -> None:
        timeline, chosen = moved(self._document.timeline, self.chosen, by_s)
        self._document.edit(timeline)
        self.choose(chosen)

    def go_to_key(self, step: int) -> None:
        """To the next key of the current row, or the one before."""
        row, head_s = self.current_row, self._document.head_s
        if row is None:
            return
        times = [key.time_s for key in row.track.keys]
        ahead = [time_s for time_s in times if (time_s > head_s + 1e-6 if step > 0 else time_s < head_s - 1e-6)]
        if ahead:
            time_s = min(ahead) if step > 0 else max(ahead)
            self.go_to(time_s)
            self.choose(frozenset({(row.path, time_s)}))

    # --- mouse ----------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        place, now = event.position(), self.layout_now
        hit = now.key_at(place.x(), place.y())
        row = now.row_at(place.y())
        if row is not None:
            self._current = now.rows.index(row)
        press = _Press(place, "scrub", self._document.timeline)
        if hit is not None:
            self._choose_pressed((hit[0].path, hit[1].time_s), is_more=is_snapping(event))
            press = replace(press, kind="keys", row=hit[0], key=hit[1], chosen=self._chosen)
        elif place.x() < NAMES_PX and row is not None:
            if place.x() < track_paint.FOLD_PX:
                self.toggle_curve(row.path)
            self.choose(frozenset((row.path, key.time_s) for key in row.track.keys))
            press = replace(press, kind="none")
        elif place.y() >= RULER_PX:
            press = replace(press, kind="box")
            if not is_snapping(event):
                self.choose(frozenset())
        else:
            self._scrub(event)
        self._press = press
        if press.kind == "keys":
            self._document.begin_gesture()
        self.update()

    def _choose_pressed(self, pressed: tuple[str, float], *, is_more: bool) -> None:
        if is_more:
            self.choose(self._chosen ^ {pressed} or frozenset({pressed}))
        elif pressed not in self._chosen:
            self.choose(frozenset({pressed}))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        press = self._press
        if press is None:
            self._show_cursor(event.position())
            return
        distance = event.position() - press.start
        if not press.has_moved and max(abs(distance.x()), abs(distance.y())) < CLICK_PX:
            return
        press.has_moved = True
        if press.kind == "scrub":
            self._scrub(event)
        elif press.kind == "keys":
            self._drag_keys(press, event)
        elif press.kind == "box":
            press.box = QRectF(press.start, event.position()).normalized()
            self._choose_in(press.box)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        press, self._press = self._press, None
        if press is None:
            return
        if press.kind == "keys":
            self._document.end_gesture()
            if not press.has_moved and press.key is not None:
                self.go_to(press.key.time_s)
        elif press.kind == "box" and not press.has_moved:
            self._scrub(event)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place, now = event.position(), self.layout_now
        row = now.row_at(place.y())
        if row is None or place.x() < NAMES_PX or now.key_at(place.x(), place.y()) is not None:
            return
        self.add_key(row.path, self._on_frame(now.time(place.x())))

    def _scrub(self, event: QMouseEvent) -> None:
        time_s = self.layout_now.time(event.position().x())
        self.go_to(round(time_s / SNAP_S) * SNAP_S if is_snapping(event) else time_s)

    def _drag_keys(self, press: _Press, event: QMouseEvent) -> None:
        """Along the frames; Ctrl snaps to quarters of a second, Shift is ten times finer and goes between frames."""
        if press.key is None or press.row is None:
            return
        now = layout(press.timeline, self._opened, float(self.width()))
        distance = event.position() - press.start
        reach = distance.x() / now.span * press.timeline.duration_s * (FINE if is_fine(event) else 1.0)
        wanted = press.key.time_s + reach
        if is_snapping(event):
            wanted = round(wanted / SNAP_S) * SNAP_S
        elif not is_fine(event):
            wanted = self._on_frame(wanted)
        by_s = wanted - press.key.time_s
        timeline, chosen = moved(press.timeline, press.chosen, by_s)
        if press.row.is_open:
            timeline = self._lifted(timeline, press, now, distance.y() * (FINE if is_fine(event) else 1.0), chosen)
        self._document.edit(timeline)
        self.choose(chosen)

    def _lifted(self, timeline: Timeline, press: _Press, now: Layout, by_px: float, chosen: Chosen) -> Timeline:
        """In an open curve a key is dragged up and down too."""
        if press.key is None or press.row is None:
            return timeline
        found = parameter(press.row.path)
        track = timeline.track(press.row.path)
        if found is None or track is None:
            return timeline
        value = now.value(press.row, now.y(press.row, press.key) + by_px)
        value = min(max(value, press.row.low), press.row.high)
        taken: float | int = value
        if found.kind is Kind.WHOLE:
            taken = round(value)
        elif found.kind is Kind.RESOLUTION:
            taken = int(value)
        shift = min((time_s for path, time_s in chosen), default=0.0) - min(time_s for _, time_s in press.chosen)
        return with_key(timeline, press.row.path, replace(press.key, time_s=press.key.time_s + shift, value=taken))

    def _choose_in(self, box: QRectF) -> None:
        now = self.layout_now
        self.choose(frozenset(
            (row.path, key.time_s) for row in now.rows for key in row.track.keys
            if box.contains(QPointF(now.x(key.time_s), now.y(row, key)))
        ))  # fmt: skip

    def _on_frame(self, time_s: float) -> float:
        timeline = self._document.timeline
        return frame_time(timeline, frame_at(timeline, time_s))

    def _show_cursor(self, place: QPointF) -> None:
        on_key = self.layout_now.key_at(place.x(), place.y()) is not None
        in_ruler = place.y() < RULER_PX and place.x() > NAMES_PX
        shape = Qt.CursorShape.SizeHorCursor if on_key or in_ruler else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        place = QPointF(event.pos())
        if event.reason() is QContextMenuEvent.Reason.Keyboard:
            row = self.current_row
            at = QPoint(int(self.layout_now.x(self._document.head_s)), int(row.middle if row else RULER_PX))
            self.menu_wanted.emit(self.mapToGlobal(at))
            return
        now = self.layout_now
        hit, row = now.key_at(place.x(), place.y()), now.row_at(place.y())
        if row is not None:
            self._current = now.rows.index(row)
        if hit is not None and (hit[0].path, hit[1].time_s) not in self._chosen:
            self.choose(frozenset({(hit[0].path, hit[1].time_s)}))
        self.menu_wanted.emit(event.globalPos())

    # --- keys -----------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._knows(event):
            event.accept()  # the window's shortcuts of the same keys wait
            return True
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tip(event)
            return True
        return super().event(event)

    def _knows(self, event: QKeyEvent) -> bool:
        return track_keys.action_of(self, self._document, event) is not None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        action = track_keys.action_of(self, self._document, event)
        if action is None:
            super().keyPressEvent(event)
        else:
            action()

    def step_head(self, frames: int) -> None:
        self._document.step_head(frames)
        self.scrubbed.emit(self._document.head_s)

    def go_to(self, time_s: float) -> None:
        self._document.move_head(time_s)
        self.scrubbed.emit(self._document.head_s)

    def change_row(self, step: int) -> None:
        rows = self.layout_now.rows
        if rows:
            self._current = min(len(rows) - 1, max(0, min(self._current, len(rows) - 1) + step))
            self._chosen = frozenset()
            self.update()

    def toggle_current(self) -> None:
        if (row := self.current_row) is not None:
            self.toggle_curve(row.path)

    # --- painting -------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(640, max(110, int(self.layout_now.height)))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, now = current_theme(), self.layout_now
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), theme.window)
            for index, row in enumerate(now.rows):
                track_paint.paint_row(
                    painter, now, row, theme,
                    name=screen_name(row.path, self._state),
                    value=self._words(row),
                    is_current=index == min(self._current, len(now.rows) - 1),
                    is_focused=self.hasFocus(),
                    is_touched=row.path in self._touched,
                    is_chosen=lambda key, row=row: (row.path, key.time_s) in self._chosen,  # type: ignore[misc]
                )  # fmt: skip
            track_paint.paint_ruler(painter, now, theme, QRectF(event.rect()))
            if not now.rows:
                box = QRectF(20, RULER_PX, self.width() - 40, self.height() - RULER_PX)
                track_paint.paint_hint(painter, box, EMPTY)
            track_paint.paint_head(painter, now, self._document.head_s, float(self.height()), theme)
            if self._press is not None and self._press.box is not None:
                painter.setPen(theme.focus)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(self._press.box)

    def _words(self, row: Row) -> str:
        if row.path in self._touched and (found := parameter(row.path)) is not None and found.is_there(self._state):
            return words(found.get(self._state))
        return words(value_at(self._document.timeline, row.path, self._document.head_s))

    def _show_tip(self, event: QHelpEvent) -> None:
        hit = self.layout_now.key_at(float(event.pos().x()), float(event.pos().y()))
        if hit is None:
            QToolTip.hideText()
            return
        row, key = hit
        name = screen_name(row.path, self._state)
        QToolTip.showText(event.globalPos(), f"{name}: {words(key.value)} at {key.time_s:.2f} s, {key.easing}", self)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

