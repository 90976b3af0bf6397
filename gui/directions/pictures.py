"""The pictures of directions: the present face at several amounts, drawn when nothing else is to be drawn."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from engine.state import DirectionUse, EditState
from gui.directions.ranges import Rows
from gui.directions.strip import IN_ORDER
from gui.session import Session
from gui.thumbnails import Thumbnails

PREFIX = "direction:"
REST_MS = 350
"""How long the face must stay before its pictures are drawn."""


class DirectionPictures(QObject):
    """Draws what is wanted, the likely most telling first, and again when the face has changed.

    The directions that are turned already stay as they are; the one that is shown starts from 0.
    """

    ready = Signal(str, float, QImage)  # key, amount, picture

    def __init__(self, session: Session, thumbnails: Thumbnails, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._thumbnails = thumbnails
        self._wanted: tuple[tuple[str, Rows | None], ...] = ()
        self._drawn: dict[tuple[str, float], EditState] = {}
        self._asked: dict[str, tuple[EditState, list[tuple[str, float]]]] = {}
        self._number = 0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(REST_MS)
        self._soon.timeout.connect(self._draw)
        session.state_changed.connect(self._later)
        thumbnails.ready.connect(self._take)

    def want(self, wanted: tuple[tuple[str, Rows | None], ...]) -> None:
        """Draw these directions, each on its rows, the first first; no others any more."""
        self._wanted = wanted
        self._draw()

    def forget(self) -> None:
        """What was drawn is shown nowhere any more."""
        self._drawn.clear()

    @Slot()
    def _later(self) -> None:
        if self._wanted:
            self._soon.start()

    @Slot()
    def _draw(self) -> None:
        self._thumbnails.drop_wishes(PREFIX)
        self._asked.clear()
        base = self._session.state
        if base.model_a is None:
            return
        places: dict[EditState, list[tuple[str, float]]] = {}  # at 0, all show the same face
        for amounts in (IN_ORDER[:3], IN_ORDER[3:]):  # the ends of all, then what is between them
            for key, rows in self._wanted:
                for amount in amounts:
                    state = at_amount(base, key, rows, amount)
                    if self._drawn.get((key, amount)) != state:
                        places.setdefault(state, []).append((key, amount))
        for state, shown_at in places.items():
            self._number += 1
            tag = f"{PREFIX}{self._number}"
            self._asked[tag] = state, shown_at
            self._thumbnails.want(tag, state)

    @Slot(str, QImage)
    def _take(self, tag: str, picture: QImage) -> None:
        if not tag.startswith(PREFIX):
            return
        self._thumbnails.forget(tag)  # the strip has it
        asked = self._asked.pop(tag, None)
        if asked is not None:
            state, shown_at = asked
            for key, amount in shown_at:
                self._drawn[key, amount] = state
                self.ready.emit(key, amount, picture)


def at_amount(state: EditState, key: str, rows: Rows | None, amount: float) -> EditState:
    """The state with one direction at an amount, instead of any amounts of it that there are."""
    others = tuple(use for use in state.directions if use.key != key)
    here = (DirectionUse(key, amount, rows),) if amount else ()
    return replace(state, directions=(*others, *here))
