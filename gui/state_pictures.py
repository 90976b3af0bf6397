"""Thumbnails of states: one name for every state, whoever shows it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from engine.messages import Pixels
from engine.state import EditState
from gui.thumbnails import SIZE_PX, Thumbnails

KEPT = 4000


class StatePictures(QObject):
    """Small pictures by state. `ready` tells when one has come."""

    ready = Signal(object, QImage)  # EditState

    def __init__(
        self,
        thumbnails: Thumbnails,
        parent: QObject | None = None,
        *,
        prefix: str = "state:",
        size_px: int = SIZE_PX,
        kept: int = KEPT,
    ) -> None:
        """
        Args:
            prefix: Of the tags: pictures of one size have one of their own.
            kept: Of how many states; the oldest go first.
        """
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._prefix = prefix
        self._size_px = size_px
        self._kept = kept
        self._tags: dict[EditState, str] = {}
        self._states: dict[str, EditState] = {}
        self._numbers = itertools.count()
        self._wishes: dict[str, tuple[EditState, ...]] = {}
        thumbnails.ready.connect(self._arrived)

    def picture(self, state: EditState) -> QImage | None:
        tag = self._tags.get(state)
        return None if tag is None else self._thumbnails.picture(tag)

    def keep(self, state: EditState, pixels: Pixels) -> None:
        """Take a picture that is there anyway."""
        if state.model_a is not None:
            self._thumbnails.keep(self.tag(state), pixels)

    def want(self, who: str, states: Iterable[EditState], *, first: bool = False) -> None:
        """Have these drawn, in this order and before those that others want of this kind.

        Args:
            who: Whose wish it is; it replaces the one before.
            first: Before thumbnails of any kind.
        """
        self._wishes.pop(who, None)
        self._wishes = {who: tuple(states), **self._wishes}
        self._thumbnails.drop_wishes(self._prefix)
        for state in itertools.chain.from_iterable(self._wishes.values()):
            if state.model_a is not None:
                self._thumbnails.want(self.tag(state), state, size_px=self._size_px, first=first)

    def tag(self, state: EditState) -> str:
        tag = self._tags.get(state)
        if tag is None:
            while len(self._tags) >= self._kept:
                gone = self._tags.pop(next(iter(self._tags)))
                del self._states[gone]
                self._thumbnails.forget(gone)
            tag = self._tags[state] = f"{self._prefix}{next(self._numbers)}"
            self._states[tag] = state
        return tag

    @Slot(str, QImage)
    def _arrived(self, tag: str, picture: QImage) -> None:
        state = self._states.get(tag)
        if state is not None:
            self.ready.emit(state, picture)
