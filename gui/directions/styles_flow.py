"""StyleSpace from the window: measured for the present picture's networks, shown, turned."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from engine.direction_events import MeasureStyles, StylesMeasured
from engine.messages import JobFinished
from engine.state import EditState, model_refs
from gui.bring_forward import bring_forward
from gui.directions.styles_window import StylesWindow
from gui.engine_bridge import EngineBridge
from gui.messages import Messages
from gui.session import Session
from gui.settings import Settings


class StylesFlow(QObject):
    """Its window is made when it is first opened."""

    def __init__(
        self,
        owner: QWidget,
        session: Session,
        bridge: EngineBridge,
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._session = session
        self._bridge = bridge
        self._messages = messages
        self._settings = settings
        self._window: StylesWindow | None = None
        self._measured_for: EditState | None = None
        session.state_changed.connect(self._follow)

    @property
    def window(self) -> StylesWindow:
        if self._window is None:
            self._window = StylesWindow(self._session, self._settings, self._owner)
        return self._window

    @Slot()
    def open(self) -> None:
        bring_forward(self.window)
        self._measure()

    @Slot()
    def open_changed(self) -> None:
        """At the channels that are changed."""
        self.open()
        self.window.go_to_changed()

    def close(self) -> None:
        """The program ends."""
        if self._window is not None:
            self._window.close()

    @Slot(object)
    def _follow(self, state: EditState) -> None:
        measured_for = self._measured_for
        if measured_for is not None and self.window.isVisible() and _models(state) != _models(measured_for):
            self._measure()

    def _measure(self) -> None:
        """Measure the channels of the present picture's networks, unless that is what is shown."""
        now = self._session.state
        networks = EditState(
            now.model_a, now.model_b, blend=now.blend, overlays=now.overlays, class_index=now.class_index
        )
        if now.model_a is None or networks == self._measured_for:
            return
        if self._measured_for is None or _models(networks) != _models(self._measured_for):
            self.window.show_layers(())
        self._measured_for = networks
        self._bridge.submit(MeasureStyles(networks), partial(self._measured, networks))

    def _measured(self, networks: EditState, event: JobFinished) -> None:
        if networks != self._measured_for:
            return
        if isinstance(event.result, StylesMeasured):
            self.window.show_layers(event.result.layers)
        elif event.error is not None:
            self._measured_for = None
            self._messages.error(event.error)


def _models(state: EditState) -> tuple[object, ...]:
    return (*model_refs(state), state.class_index)
