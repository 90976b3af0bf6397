"""Animating: the timeline's dock, scrubbing and playing it, keys from the controls, films out.

While the dock is open the canvas shows the film at the head, and the controls stand as they are there. What a hand
turns is shown at once, over the film; K makes keys of it. Without a key it belongs to the whole film, unless it
moves there.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from time import perf_counter

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDockWidget, QMenu

from engine.animation import quick_starts
from engine.animation.easing import Easing
from engine.animation.film import pose_at, state_at
from engine.animation.keying import keyed, touched, with_keyframe, without_touched
from engine.animation.parameters import parameter, screen_name
from engine.animation.timeline import Timeline, with_duration, with_easing, with_fps, with_loop, without_track
from engine.errors import printable
from engine.messages import ExportVideo, JobFinished, JobOutcome, VideoExported
from engine.state import EditState
from gui.animate.document import TimelineDocument
from gui.animate.key_actions import by_track
from gui.animate.panel import HEIGHT_PX, AnimatePanel
from gui.animate.rows import is_curved
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.exporting import view_of_mode
from gui.main_window import MainWindow
from gui.messages import Choice, Messages
from gui.panels.history_strip import HistoryStrip
from gui.session import Session
from gui.settings import Settings
from gui.viewer import Viewer
from gui.widgets.hand import HandWidget

WALK_SEEDS = 4
MOST_SWEEPS = 8
EASINGS = {
    Easing.SMOOTH: "Smooth: slow at both ends",
    Easing.LINEAR: "Linear",
    Easing.EASE_IN: "Ease in: slow at the beginning",
    Easing.EASE_OUT: "Ease out: slow at the end",
    Easing.FLOW: "Flow: through the keys without a stop",
    Easing.HOLD: "Hold, then jump",
}


class AnimateFlow(QObject):
    def __init__(
        self,
        window: MainWindow,
        session: Session,
        bridge: EngineBridge,
        viewer: Viewer,
        strip: HistoryStrip,
        collection: Collection,
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._session = session
        self._bridge = bridge
        self._viewer = viewer
        self._strip = strip
        self._collection = collection
        self._messages = messages
        self._settings = settings
        self.document = TimelineDocument(session, self)
        self.panel = AnimatePanel(self.document)
        self.dock: QDockWidget = window.add_bottom_dock("Timeline", self.panel)
        self.dock.hide()
        self._base = session.history.state
        self._newest = self._present_number
        self._has_travelled = False
        self._touched: tuple[str, ...] = ()
        self._is_glancing = False
        self._played_from: tuple[float, float] | None = None
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.timeout.connect(self._tick)
        self._connect()

    def _connect(self) -> None:
        panel, document, tracks = self.panel, self.document, self.panel.tracks
        panel.play.clicked.connect(self.play_or_stop)
        panel.key.clicked.connect(self.set_keys)
        panel.loop.clicked.connect(lambda on: document.edit(with_loop(document.timeline, on)))
        panel.length_picked.connect(lambda length: document.edit(with_duration(document.timeline, length)))
        panel.length.gesture_started.connect(document.begin_gesture)
        panel.length.gesture_ended.connect(document.end_gesture)
        panel.rate_picked.connect(self._pick_rate)
        panel.export.clicked.connect(self.export)
        panel.close_button.clicked.connect(lambda: self.set_shown(False))
        panel.quick_menu.aboutToShow.connect(self._fill_quick_menu)
        tracks.scrubbed.connect(self._stop)
        tracks.menu_wanted.connect(self._menu)
        tracks.play_wanted.connect(self.play_or_stop)
        tracks.key_wanted.connect(self.set_keys)
        document.head_moved.connect(self._head_moved)
        document.changed.connect(self._timeline_changed)
        self._session.history_changed.connect(self._history_changed)
        self._session.state_changed.connect(self._state_changed)
        self._session.hand_coming.connect(self._stop)  # a hand goes on from what is shown, not from where it began
        self._session.opened.connect(self._opened)
        self._window.controls_dock.installEventFilter(self)

    # --- the dock -------------------------------------------------------------------------------------------------

    @property
    def is_shown(self) -> bool:
        return not self.dock.isHidden()

    @Slot(bool)
    def set_shown(self, shown: bool) -> None:
        if not shown and self.is_shown:
            self._settings.set("animate.height", self.dock.height())
        self.dock.setVisible(shown)
        self._settings.set("animate.shown", shown)
        self._window.actions_["animate"].setChecked(shown)
        if shown:
            height = int(self._settings.get("animate.height", HEIGHT_PX))
            self._window.resizeDocks([self.dock], [height], Qt.Orientation.Vertical)
            self._offer_keys()
            self._base = self._session.history.state
            self.panel.tracks.setFocus()
            self._show_head()
        else:
            self._stop()
            self._leave()

    def _leave(self) -> None:
        """Back to what is edited."""
        self._viewer.show_instead(None)
        self._glance(None)
        self._touched = ()

    def close(self) -> None:
        self._stop()
        if self.is_shown:
            self._settings.set("animate.height", self.dock.height())

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot()
    def _head_moved(self) -> None:
        if self._played_from is None:
            self._show_head()
        else:
            self._viewer.show_instead(state_at(self.document.timeline, self._base, self.document.head_s))

    def _show_head(self) -> None:
        """The film at the head, in the controls and on the canvas."""
        if not self.is_shown:
            return
        timeline, head_s = self.document.timeline, self.document.head_s
        self._base = self._session.history.state
        moves = self.document.is_moving and self._base.model_a is not None
        self._glance(pose_at(timeline, self._base, head_s) if moves else None)
        self._show_film()

    def _show_film(self) -> None:
        """On the canvas, with what the hand has changed over it."""
        timeline, head_s, shown = self.document.timeline, self.document.head_s, self._session.state
        self._touched = touched(timeline, self._base, shown, head_s) if self.is_shown else ()
        moving = without_touched(timeline, self._touched)
        film = state_at(moving, shown, head_s) if moving.tracks else None
        self._viewer.show_instead(film if film != shown else None)
        self.panel.show_touched(len(self._touched))
        self.panel.tracks.show_state(shown, self._touched)

    def _glance(self, state: EditState | None) -> None:
        self._is_glancing = True
        self._session.glance(state)
        self._is_glancing = False

    @Slot(object)
    def _timeline_changed(self, timeline: Timeline) -> None:
        if self._touched and self._played_from is None:
            self._show_film()  # what the hand has changed stays as it is
        else:
            self._show_head()

    @property
    def _present_number(self) -> int:
        history = self._session.history
        return history.number(history.index)

    @Slot()
    def _history_changed(self) -> None:
        """A new entry, or a step among those that were there."""
        self._has_travelled = self._present_number <= self._newest
        self._newest = max(self._newest, self._present_number)
        if self.is_shown and self.document.is_moving:
            self._strip.want_present()
        if self.panel.auto.isChecked() and self.is_shown and not self._has_travelled:
            self.set_keys()

    @Slot(object)
    def _state_changed(self, state: EditState) -> None:
        if self._is_glancing or not self.is_shown:
            return
        self._stop()
        if self._has_travelled and not self._session.history.in_gesture:
            self._show_head()
        else:
            self._show_film()

    @Slot(object)
    def _opened(self, state: EditState) -> None:
        self._stop()
        self._base = state
        self._newest = self._present_number

    # --- playing --------------------------------------------------------------------------------------------------

    @Slot()
    def play_or_stop(self) -> None:
        if self._played_from is not None:
            self._stop()
        elif self.document.is_moving:
            self._base = self._session.history.state
            start = 0.0 if self.document.head_s >= self.document.last_s else self.document.head_s
            self._played_from = (perf_counter(), start)
            self._clock.start(max(10, round(1000 / self.document.timeline.fps)))
            self.panel.show_playing(True)

    @Slot()
    def _stop(self) -> None:
        if self._played_from is None:
            return
        self._played_from = None
        self._clock.stop()
        self.panel.show_playing(False)
        self._show_head()

    @Slot()
    def _tick(self) -> None:
        """In real time: frames that come too late are left out."""
        if self._played_from is None:
            return
        began, start = self._played_from
        timeline = self.document.timeline
        time_s = start + perf_counter() - began
        if timeline.loop:
            time_s %= timeline.duration_s
        self.document.move_head(min(time_s, timeline.duration_s))
        if not timeline.loop and time_s >= timeline.duration_s:
            self._stop()

    # --- keys -----------------------------------------------------------------------------------------------------

    @Slot()
    def set_keys(self) -> None:
        """At the head, for everything that has been changed since it came there."""
        if not self.is_shown:
            self.set_shown(True)
        self._session.end_gesture()
        document = self.document
        changed = keyed(document.timeline, self._base, self._session.state, document.head_s)
        if changed == document.timeline:
            row = self.panel.tracks.current_row
            if row is not None:
                self.panel.tracks.add_key(row.path, document.head_s)
            else:
                self._messages.say("Nothing has changed yet.", "Go to a time, turn a control, then set a key.")
            return
        self._touched = ()
        document.edit(changed)

    def key_parameter(self, path: str) -> None:
        """A key at the head for one control, changed or not."""
        if not self.is_shown:
            self.set_shown(True)
        document = self.document
        document.edit(with_keyframe(document.timeline, path, self._base, self._session.state, document.head_s))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Enter, QEvent.Type.WindowActivate):
            self._offer_keys()
        return False

    def _offer_keys(self) -> None:
        """In the menus of all controls, also of those that have come since."""
        for control in self._window.findChildren(HandWidget):
            if not control.property("offers_key"):
                control.setProperty("offers_key", True)
                control.menu_opening.connect(partial(self._offer_key, control))

    def _offer_key(self, control: HandWidget, menu: QMenu) -> None:
        if parameter(control.parameter) is None:
            return
        menu.addSeparator()
        menu.addAction("Keyframe here", partial(self.key_parameter, control.parameter))
        if self.document.timeline.track(control.parameter) is not None:
            menu.addAction("Take out of the film", partial(self.remove_track, control.parameter))

    def remove_track(self, path: str) -> None:
        self.document.edit(without_track(self.document.timeline, path))

    def _pick_rate(self, rate: Fraction) -> None:
        self.document.edit(with_fps(self.document.timeline, rate))

    def _menu(self, place: QPoint) -> None:
        tracks, document = self.panel.tracks, self.document
        menu = QMenu(tracks)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chosen, row = tracks.chosen, tracks.current_row
        easings = menu.addMenu("From here to the next key")
        easings.setEnabled(bool(chosen))
        for easing, words in EASINGS.items():
            easings.addAction(words, partial(self._ease, easing))
        menu.addSeparator()
        if row is not None:
            name = screen_name(row.path, self._session.state)
            menu.addAction(f"Key for {printable(name, 40)} here", partial(tracks.add_key, row.path, document.head_s))
            if is_curved(row.path):
                words = "Close the curve" if tracks.is_open(row.path) else "Open the curve"
                menu.addAction(words, partial(tracks.toggle_curve, row.path))
            menu.addAction(f"Take {printable(name, 40)} out of the film", partial(self.remove_track, row.path))
            menu.addSeparator()
        for words, run, can in (
            ("Copy keys\tCtrl+C", tracks.copy, bool(chosen)), ("Paste keys\tCtrl+V", tracks.paste, tracks.can_paste),
            ("Delete keys\tDel", tracks.delete, bool(chosen)), ("Choose all keys\tCtrl+A", tracks.choose_all, True),
            ("Undo\tCtrl+Z", document.undo, document.can_undo),
            ("Redo\tCtrl+Shift+Z", document.redo, document.can_redo),
        ):  # fmt: skip
            menu.addAction(words, run).setEnabled(can)
        menu.popup(place)

    def _ease(self, easing: Easing) -> None:
        timeline = self.document.timeline
        for path, times in by_track(self.panel.tracks.chosen).items():
            timeline = with_easing(timeline, path, times, easing)
        self.document.edit(timeline)

    # --- quick starts ---------------------------------------------------------------------------------------------

    @Slot()
    def _fill_quick_menu(self) -> None:
        menu, document, state = self.panel.quick_menu, self.document, self._session.state
        menu.clear()
        seeds = quick_starts.seeds_after(state, WALK_SEEDS)

        def alpha() -> None:
            self._begin(quick_starts.there_and_back(document.timeline, "blend.alpha", 0.0, 1.0))

        walk = menu.addAction(
            f"Walk through {WALK_SEEDS} seeds", lambda: self._begin(quick_starts.walk(document.timeline, seeds))
        )
        walk.setToolTip("From this seed through the next ones, in a curve without stops")
        menu.addAction("Alpha there and back", alpha).setEnabled(state.model_b is not None)
        orbit = menu.addAction("Orbit the seed", lambda: self._begin(quick_starts.orbit(document.timeline)))
        orbit.setToolTip("Once round on the seed pad: the same face, breathing")
        for index, use in enumerate(state.directions[:MOST_SWEEPS]):
            name = printable(use.name, 40) or f"direction {index + 1}"
            menu.addAction(f"Sweep {name}", partial(self._sweep, index))
        menu.addSeparator()
        menu.addAction("Empty the timeline", self._empty).setEnabled(self.document.is_moving)

    def _sweep(self, index: int) -> None:
        self._begin(quick_starts.sweep(self.document.timeline, index))

    def _empty(self) -> None:
        timeline = self.document.timeline
        for track in timeline.tracks:
            timeline = without_track(timeline, track.parameter)
        self.document.edit(timeline)

    def _begin(self, timeline: Timeline) -> None:
        self._touched = ()
        self.document.edit(timeline)
        self.panel.tracks.setFocus()

    # --- films ----------------------------------------------------------------------------------------------------

    @Slot()
    def export(self) -> None:
        from gui.animate.video_dialog import VideoDialog

        if not self.document.is_moving:
            self.set_shown(True)
            self._messages.say("Nothing moves yet.", "Set keys, or begin with a quick start, then export the film.")
            return
        self._stop()
        self._session.end_gesture()
        timeline, state = self.document.timeline, self._session.history.state
        descriptor = self._collection.descriptor(state.model_a)
        own_px = descriptor.img_resolution if descriptor is not None else 256
        view = view_of_mode(self._window.parts.canvas.mode)
        dialog = VideoDialog(state, timeline, view, own_px, self._settings, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def submit() -> None:
            job = ExportVideo(
                state, timeline, dialog.target.path, dialog.chosen_view, dialog.size_px, dialog.chosen_quality,
                exact=dialog.is_exact,
            )  # fmt: skip
            self._bridge.submit(job, self._exported)

        dialog.accepted.connect(submit)
        dialog.open()

    def _exported(self, event: JobFinished) -> None:
        result = event.result
        if isinstance(result, VideoExported):
            folder = result.path if result.path.is_dir() else result.path.parent
            self._messages.say(
                f"Exported {printable(result.path.name, 100)}: {result.frames} frames, {result.size_px[0]} px.",
                "",
                Choice("Show folder", lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))),
            )
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)
