"""The card at the foot of the shelf for a verb that works in a process of its own."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QImage

from gui.panels.job_tray import JobTray, breakable
from gui.verb_process import VerbProcess
from gui.widgets.job_card import JobCard


class VerbCard(QObject):
    """There from `begin` to `end`. Its cross ends the process, a click on it shows where the rest can be seen.

    Args:
        card_id: Among the cards of the tray.
        show_window: Called for a click.
    """

    def __init__(self, card_id: str, tray: JobTray, process: VerbProcess, show_window: Callable[[], None]) -> None:
        super().__init__(process)
        self._card_id = card_id
        self._tray = tray
        self._process = process
        self._show_window = show_window
        tray.card_opened.connect(self._opened)

    @property
    def card(self) -> JobCard | None:
        """None before `begin` and after `end`."""
        return self._tray.card(self._card_id)

    def begin(self, title: str, picture: QImage | None = None) -> None:
        card = JobCard(self._card_id, breakable(title), can_pause=False)
        if picture is not None:
            card.set_thumbnail(picture)
        card.cancel_requested.connect(self._cancel)
        self._tray.put(card)

    def end(self) -> None:
        self._tray.dismiss(self._card_id)

    @Slot()
    def _cancel(self) -> None:
        self._process.cancel()

    @Slot(str)
    def _opened(self, card_id: str) -> None:
        if card_id == self._card_id:
            self._show_window()
