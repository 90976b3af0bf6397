"""Layouts by name: which panels are open for which work. One can keep one's own version of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QByteArray, QObject, Slot

from gui.main_window import LAYOUT_VERSION, MainWindow
from gui.settings import Settings

_PREFIX = "layout."


@dataclass(frozen=True, slots=True)
class Layout:
    """Attributes:
    panels: The names of the docks that are open.
    has_timeline: Whether the timeline is open too.
    """

    name: str
    panels: frozenset[str]
    has_timeline: bool = False


LAYOUTS = {
    "blend": Layout("Blend", frozenset({"shelf", "controls", "history"})),
    "portrait": Layout("Portrait", frozenset({"shelf", "controls"})),
    "animate": Layout("Animate", frozenset({"controls"}), has_timeline=True),
}


class Layouts(QObject):
    """Fills View > Layouts."""

    def __init__(self, window: MainWindow, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = window
        self._settings = settings
        menu = window.layouts_menu
        for key, layout in LAYOUTS.items():
            menu.addAction(layout.name, partial(self.apply, key))
        keep = menu.addMenu("Keep the present one as")
        for key, layout in LAYOUTS.items():
            keep.addAction(layout.name, partial(self.keep, key))
        menu.addAction("All as they came", self.forget)

    def apply(self, key: str) -> None:
        """Open the panels of a layout: as the user kept it, or as it came."""
        window, layout = self._window, LAYOUTS[key]
        window.actions_["hide_docks"].setChecked(False)
        kept = self._settings.get_bytes(_PREFIX + key)
        if not kept or not window.restoreState(QByteArray(kept), LAYOUT_VERSION):
            window.reset_layout()
            for dock in window.docks:
                dock.setVisible(dock.objectName() in layout.panels)
        timeline = window.actions_["animate"]
        if timeline.isChecked() != layout.has_timeline:
            timeline.trigger()

    def keep(self, key: str) -> None:
        """Let the present places and sizes be those of a layout."""
        self._settings.set_bytes(_PREFIX + key, bytes(self._window.saveState(LAYOUT_VERSION).data()))

    @Slot()
    def forget(self) -> None:
        """Take back what was kept under every name."""
        for key in LAYOUTS:
            self._settings.forget(_PREFIX + key)
