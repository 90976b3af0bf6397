"""The filmstrip's contents: where the session has been, as pictures. Arrow keys and clicks walk it."""

from __future__ import annotations

import itertools

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from engine.history import HistoryEntry
from engine.messages import Frame
from engine.state import EditState
from gui.session import Session
from gui.thumbnails import Thumbnails
from gui.widgets.filmstrip import FilmItem, Filmstrip

PREFIX = "state:"
MAX_SHOWN = 120
"""Older entries can still be reached by undo; the strip shows the newest."""

WANTED_AHEAD = 24
KEPT_TAGS = 2000


class HistoryStrip(QObject):
    """Keeps a `Filmstrip` showing the session's history."""

    picked = Signal(int)

    def __init__(
        self, session: Session, thumbnails: Thumbnails, strip: Filmstrip, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._thumbnails = thumbnails
        self.strip = strip
        self._tags: dict[EditState, str] = {}
        self._numbers = itertools.count()
        self._shown: dict[str, int] = {}
        session.history_changed.connect(self.refresh)
        thumbnails.ready.connect(self._thumbnail_ready)
        strip.picked.connect(self._pick)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        history = self._session.history
        entries, index = history.entries, history.index
        first = max(0, min(index, len(entries) - MAX_SHOWN))
        shown = entries[first : first + MAX_SHOWN]
        items: list[FilmItem] = []
        self._shown = {}
        for offset, entry in enumerate(shown):
            key = f"{first + offset}:{self._tag(entry.state)}"
            self._shown[key] = first + offset
            starts_group = offset > 0 and _is_new_picture(shown[offset - 1], entry)
            items.append(FilmItem(key, self._picture(entry), entry.label, starts_group))
        self.strip.set_items(tuple(items), f"{index}:{self._tag(entries[index].state)}")
        self._want_missing(shown, index - first)

    def take_frame(self, state: EditState, frame: Frame) -> None:
        """Use the picture on screen as the thumbnail of its state."""
        if state.model_a is not None:
            self._thumbnails.keep(self._tag(state), frame.image)

    def _want_missing(self, shown: tuple[HistoryEntry, ...], here: int) -> None:
        """Entries that were passed by too quickly to be seen get their picture later, the nearest first."""
        self._thumbnails.drop_wishes(PREFIX)
        by_distance = sorted(range(len(shown)), key=lambda place: abs(place - here))
        for place in by_distance[1:WANTED_AHEAD]:
            state = shown[place].state
            if state.model_a is not None:
                self._thumbnails.want(self._tag(state), state)

    def _tag(self, state: EditState) -> str:
        tag = self._tags.get(state)
        if tag is None:
            while len(self._tags) >= KEPT_TAGS:
                del self._tags[next(iter(self._tags))]
            tag = self._tags[state] = f"{PREFIX}{next(self._numbers)}"
        return tag

    def _picture(self, entry: HistoryEntry) -> QImage | None:
        return self._thumbnails.picture(self._tag(entry.state))

    @Slot(str, QImage)
    def _thumbnail_ready(self, tag: str, picture: QImage) -> None:
        for key in self._shown:
            if key.endswith(f":{tag}"):
                self.strip.set_thumbnail(key, picture)

    @Slot(str)
    def _pick(self, key: str) -> None:
        if key in self._shown:
            self._session.go_to(self._shown[key])


def _is_new_picture(before: HistoryEntry, after: HistoryEntry) -> bool:
    """Whether another face or another model begins here: the strip leaves a gap."""
    old, new = before.state, after.state
    return (old.latent, old.model_a, old.model_b) != (new.latent, new.model_a, new.model_b)
