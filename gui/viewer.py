"""Viewer: keeps the canvas showing the session's state. Edits become requests, frames become pictures."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from engine.errors import EngineError
from engine.foresight import held_between
from engine.messages import Frame, Held
from engine.state import EditState, View
from gui.canvas import Canvas
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.presets import blend_caption
from gui.session import Session

NO_MODEL_HINT = "Drop a StyleGAN model here (.pkl, .pt, .pth, .safetensors), or choose Models > Add model"
STARTING_HINT = "Warming up…"


class Viewer(QObject):
    warnings_found = Signal(object)  # tuple[str, ...]: what is new of what resolve says about the picture on screen
    failed = Signal(object)  # EngineError: the picture could not be made
    settled = Signal(object, object)  # EditState, Frame: the finished blend of a state that the hand has left
    settled_unseen = Signal()  # the same, but the canvas shows other pictures than the blend
    first_frame = Signal()

    def __init__(
        self, session: Session, bridge: EngineBridge, canvas: Canvas, collection: Collection,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._bridge = bridge
        self._canvas = canvas
        self._collection = collection
        self._state = session.state
        self._instead: EditState | None = None
        self._held: Held | None = None
        self._frames: dict[View, Frame] = {}
        self._warnings: tuple[str, ...] = ()
        self._request_soon = QTimer(self)
        self._request_soon.setSingleShot(True)
        self._request_soon.setInterval(0)
        self._request_soon.timeout.connect(self.request)
        session.state_changed.connect(self._show_state)
        session.history_changed.connect(self._leave_hand)
        collection.models_changed.connect(self._show_names)
        canvas.wants_changed.connect(self._request_soon.start)
        bridge.frame_ready.connect(self._show_frame)
        bridge.render_failed.connect(self._fail)
        bridge.settled_changed.connect(self._settle)
        canvas.set_hint(STARTING_HINT)

    def frame(self, view: View) -> Frame | None:
        """What was last shown of this view."""
        return self._frames.get(view)

    @property
    def shown_state(self) -> EditState:
        """Of what is on the canvas: the session's, or a film's that is shown instead."""
        return self._instead or self._session.state

    def show_instead(self, state: EditState | None) -> None:
        """Show another state on the canvas alone, as a film plays; None goes back to the session's."""
        if state != self._instead:
            self._instead = state
            self.request()

    @Slot()
    def request(self) -> None:
        """Ask for what the canvas wants to show of the present state."""
        state = self.shown_state
        if state.model_a is None:
            if not self._bridge.is_running:  # the window is not filled yet
                return
            self._canvas.set_hint(NO_MODEL_HINT)
            self._canvas.clear()
            self._bridge.forget_shown()
            return
        views, size_px = self._canvas.wanted_views, self._canvas.wanted_size_px or None
        self._bridge.request_preview(state, views, size_px=size_px, held=self._held)

    @Slot(object)
    def _show_state(self, state: EditState) -> None:
        if state != self._state:
            self._held, self._state = held_between(self._state, state), state
        self._caption(state)
        self.request()

    @Slot()
    def _show_names(self) -> None:
        """A model may have been renamed."""
        self._caption(self._session.state)

    def _caption(self, state: EditState) -> None:
        names = [f"{letter} {self._collection.model_name(ref)}" if ref else f"{letter}: no model yet"
                 for letter, ref in (("A", state.model_a), ("B", state.model_b))]
        self._canvas.set_captions(a=names[0], b=names[1], blend=blend_caption(state))

    @Slot(object)
    def _show_frame(self, frame: Frame) -> None:
        if not self._canvas.show_frame(frame):
            return
        if not self._frames:
            self.first_frame.emit()
        self._frames[frame.view] = frame

    def _tell_warnings(self) -> None:
        """Once the hand rests, and only what was not said of the picture before."""
        frames = [self._frames[view] for view in self._canvas.wanted_views if view in self._frames]
        warnings = tuple(dict.fromkeys(sentence for frame in frames for sentence in frame.warnings))
        news = tuple(sentence for sentence in warnings if sentence not in self._warnings)
        self._warnings = warnings
        if news:
            self.warnings_found.emit(news)

    @Slot(object)
    def _fail(self, error: EngineError) -> None:
        self.failed.emit(error)

    @Slot()
    def _leave_hand(self) -> None:
        """The picture may have been finished before the hand let go of it."""
        self._settle(self._bridge.is_settled)

    @Slot(bool)
    def _settle(self, settled: bool) -> None:
        if not settled or self._instead is not None or self._session.history.in_gesture:
            return
        self._tell_warnings()
        if View.BLEND not in self._canvas.wanted_views and self._session.state.model_a is not None:
            self.settled_unseen.emit()
            return
        frame = self._frames.get(View.BLEND)
        if frame is None:
            return
        state = self._bridge.state_of(frame.generation)
        if state == self._session.state:
            self.settled.emit(state, frame)
