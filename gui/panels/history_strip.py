"""The filmstrip's contents: the way that led here and on, as pictures. Arrow keys and clicks walk it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QImage

from engine.differences import summary
from engine.history import HistoryEntry
from engine.messages import Frame
from engine.state import EditState, SeedLatent
from gui.session import Session
from gui.state_pictures import StatePictures
from gui.thumbnails import Thumbnails
from gui.widgets.filmstrip import FilmItem, Filmstrip

MAX_SHOWN = 120
"""Of a longer way, the part round the present picture; the history window shows the whole tree."""

WANTED_AHEAD = 24


class HistoryStrip(QObject):
    """Keeps a `Filmstrip` showing the present path through the session's history."""

    def __init__(
        self, session: Session, thumbnails: Thumbnails, strip: Filmstrip, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self.pictures = StatePictures(thumbnails, self)
        self.strip = strip
        self._shown: dict[str, int] = {}
        self._keys: dict[EditState, list[str]] = {}
        session.history_changed.connect(self.refresh)
        session.marks_changed.connect(self.refresh)
        self.pictures.ready.connect(self._thumbnail_ready)
        strip.picked.connect(self._pick)
        strip.branch_wanted.connect(self._step_aside)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        history = self._session.history
        entries, path = history.entries, history.path
        here = path.index(history.index)
        first = max(0, min(here - MAX_SHOWN // 2, len(path) - MAX_SHOWN))
        shown = path[first : first + MAX_SHOWN]
        items: list[FilmItem] = []
        self._shown, self._keys = {}, {}
        for offset, index in enumerate(shown):
            entry, key = entries[index], str(history.number(index))
            before = entries[shown[offset - 1]] if offset else None
            self._shown[key] = index
            self._keys.setdefault(entry.state, []).append(key)
            items.append(
                FilmItem(
                    key,
                    self.pictures.picture(entry.state),
                    _tooltip(before, entry, len(history.children(index))),
                    before is not None and _is_new_picture(before, entry),
                    len(history.children(index)),
                    entry.is_starred,
                )
            )
        self.strip.set_items(tuple(items), str(history.number(history.index)))
        self._want_missing([entries[index].state for index in shown], here - first)

    def take_frame(self, state: EditState, frame: Frame) -> None:
        """Use the picture on screen as the thumbnail of its state."""
        self.pictures.keep(state, frame.image)

    def want_present(self) -> None:
        """Have the present entry drawn, while the canvas shows something else."""
        self.pictures.want("present", [self._session.history.state])

    def _want_missing(self, shown: list[EditState], here: int) -> None:
        """Entries that were passed by too quickly to be seen get their picture later, the nearest first."""
        by_distance = sorted(range(len(shown)), key=lambda place: abs(place - here))
        self.pictures.want("strip", [shown[place] for place in by_distance[1:WANTED_AHEAD]])

    @Slot(object, QImage)
    def _thumbnail_ready(self, state: EditState, picture: QImage) -> None:
        for key in self._keys.get(state, ()):
            self.strip.set_thumbnail(key, picture)

    @Slot(str)
    def _pick(self, key: str) -> None:
        if key in self._shown:
            self._session.go_to(self._shown[key])

    @Slot(int)
    def _step_aside(self, step: int) -> None:
        self._session.step_aside(step)


def _tooltip(before: HistoryEntry | None, entry: HistoryEntry, ways: int) -> str:
    """What this entry is, what it changed, and how to get to its branches."""
    changed = "" if before is None else summary(before.state, entry.state)
    lines = [entry.title, changed if changed != entry.title else ""]
    if ways > 1:
        lines.append(f"{ways} ways lead on from here: Up and Down change the branch, Ctrl+H shows them all")
    return "\n".join(filter(None, lines))


def _is_new_picture(before: HistoryEntry, after: HistoryEntry) -> bool:
    """Whether another face or another model begins here: the strip leaves a gap."""
    return _face(before.state) != _face(after.state)


def _face(state: EditState) -> tuple[object, ...]:
    """Not where on its pad a seed is: that is the same face, a step away."""
    latent = state.latent
    return latent.seed if isinstance(latent, SeedLatent) else latent.key, state.model_a, state.model_b
