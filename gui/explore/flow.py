"""Explore: makes sheets of variations round the present picture, has them drawn, and goes where one picks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QImage

from engine.differences import differences, latent_name
from engine.state import EditState
from engine.variations import Sheet, Vary, locked_parts, variable_parts
from gui.collection import Collection
from gui.explore import LABEL
from gui.explore.page import CHIPS, DEFAULT_DISTANCE, EDGES, ExplorePage
from gui.explore.sheet import Cell, place_of_present
from gui.main_window import MainWindow
from gui.messages import Messages
from gui.session import Session
from gui.settings import Settings
from gui.state_pictures import StatePictures
from gui.surprise import roll_number
from gui.thumbnails import Thumbnails

SOON_MS = 120
DWELL_MS = 140
SIZES_PX = (128, 256)
LARGE_PX = 384
KEPT, KEPT_LARGE = 160, 40
"""Pictures in memory: of some sheets, and of what one looked at."""

RECENT = 16
DEFAULT_WHAT = (Vary.PAD, Vary.MIX, Vary.CURVE)
NOTHING_VARIES = "Choose above what may vary, and a distance."


class ExploreFlow(QObject):
    """`toggle` shows and leaves the sheet."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        collection: Collection,
        thumbnails: Thumbnails,
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._session = session
        self._collection = collection
        self._messages = messages
        self._settings = settings
        self._by_size = {
            size: StatePictures(thumbnails, self, prefix=f"explore-{size}:", size_px=size, kept=KEPT)
            for size in SIZES_PX
        }
        self._small = self._by_size[SIZES_PX[-1]]
        self._large = StatePictures(thumbnails, self, prefix="explore-large:", size_px=LARGE_PX, kept=KEPT_LARGE)
        self._centre: EditState | None = None
        self._sheet: Sheet | None = None
        self._wanted_sheet: Sheet | None = None
        self._recent: list[tuple[int, Sheet]] = []
        self.page = ExplorePage()
        what = [Vary(part) for part in settings.get("explore.what", "").split(",") if part in set(Vary)]
        distance, edge = settings.get("explore.distance", DEFAULT_DISTANCE), settings.get("explore.edge", EDGES[0])
        self.page.choose(what or DEFAULT_WHAT, distance, edge)
        self._soon = self._timer(SOON_MS, self._remake)
        self._dwell = self._timer(DWELL_MS, self._want_large)
        self._connect()

    def _timer(self, interval_ms: int, run: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval_ms)
        timer.timeout.connect(run)
        return timer

    def _connect(self) -> None:
        page, session, canvas = self.page, self._session, self._window.parts.canvas
        page.settings_changed.connect(self._soon.start)
        page.again_wanted.connect(self.again)
        page.taken.connect(self.take)
        page.kept.connect(self.keep)
        page.left.connect(self.leave)
        page.recent_wanted.connect(self._fill_recent)
        page.sheet.looked_at.connect(self._look)
        session.history_changed.connect(self._arrive)
        session.locks_changed.connect(self._soon.start)
        for pictures in self._by_size.values():
            pictures.ready.connect(self._small_ready)
        self._large.ready.connect(self._large_ready)
        self._window.stack.currentChanged.connect(self._centre_changed)
        canvas.mode_changed.connect(self.leave)
        canvas.align_begun.connect(self.leave)

    # --- coming and going -----------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._window.centre is self.page

    @Slot()
    def toggle(self) -> None:
        if self.is_open:
            self.leave()
        else:
            self.open()

    def open(self) -> None:
        self._session.end_gesture()
        if self._session.state.model_a is None:
            self._window.actions_["explore"].setChecked(False)
            self._messages.say("There is no picture to vary yet.", "Choose a model from the shelf first.")
            return
        self._window.show_in_centre(self.page)
        self._window.actions_["explore"].setChecked(True)
        self._centre = None
        self._arrive()
        self.page.focus_sheet()

    @Slot()
    def leave(self) -> None:
        if self.is_open:
            self._window.show_in_centre(None)
            self._window.parts.canvas.setFocus()

    def close(self) -> None:
        """The window is about to go, and its parts with it, one after the other."""
        self.leave()
        self._window.stack.currentChanged.disconnect(self._centre_changed)

    @Slot(int)
    def _centre_changed(self, _index: int) -> None:
        if not self.is_open:
            self._window.actions_["explore"].setChecked(False)
            self._soon.stop()
            self._dwell.stop()
            for pictures in (*self._by_size.values(), self._large):
                pictures.want("sheet", ())

    # --- sheets ---------------------------------------------------------------------------------------------------

    @Slot()
    def _arrive(self) -> None:
        """Another picture is in the middle: show the sheet that was seen round it last, or a new one."""
        state = self._session.state
        if not self.is_open or state == self._centre:
            return
        self._centre = state
        history = self._session.history
        seen = history.entries[history.index].sheets
        sheet, self._wanted_sheet = self._wanted_sheet or (seen[-1] if seen else None), None
        if sheet is not None:
            self.page.choose(sheet.what, sheet.distance, math.isqrt(sheet.count + 1))
        self._offer(state)
        self._show(sheet or self._chosen_sheet(roll_number()))

    def _offer(self, state: EditState) -> None:
        self.page.set_variable(variable_parts(state), locked_parts(state, self._session.locks))

    def _chosen_sheet(self, seed: int) -> Sheet:
        page = self.page
        return Sheet(
            seed, page.wishes, round(page.distance.value, 3), page.edge**2 - 1, tuple(sorted(self._session.locks))
        )

    @Slot()
    def again(self) -> None:
        """Other variations of the same picture."""
        if self.is_open:
            self._soon.stop()
            self._show(self._chosen_sheet(roll_number()))

    @Slot()
    def _remake(self) -> None:
        """The same draw with other settings: the distance grows and shrinks what is there."""
        if self.is_open and self._sheet is not None:
            self._offer(self._session.state)
            self._show(self._chosen_sheet(self._sheet.seed), keep_place=True)

    def _show(self, sheet: Sheet, *, keep_place: bool = False) -> None:
        state = self._centre
        if state is None:
            return
        self._sheet = sheet
        edge = math.isqrt(sheet.count + 1)
        found = list(sheet.states(state, self._collection.descriptor(state.model_a)))[: edge * edge - 1]
        found.insert(place_of_present(edge), state)
        self._small.want("sheet", ())
        self._small = self._pictures_for(edge)
        varies = any(one != state for one in found)
        kept = self._kept_states()
        cells = [
            Cell(one, self._small.picture(one), ", ".join(differences(state, one)), one in kept) for one in found
        ]
        self.page.sheet.set_cells(
            cells if varies else [cells[0]], keep_place=keep_place, notice="" if varies else NOTHING_VARIES
        )
        middle = place_of_present(edge)
        by_distance = sorted(
            range(len(found)),
            key=lambda place: math.hypot(place % edge - middle % edge, place // edge - middle // edge),
        )
        missing = [found[place] for place in by_distance if cells[place].picture is None]
        self._small.want("sheet", dict.fromkeys(missing))
        self._remember(sheet)

    def _pictures_for(self, edge: int) -> StatePictures:
        """As large as they are shown: small ones are drawn several times as fast."""
        shown_px = self.page.sheet.cell_px_of(edge) * self.page.devicePixelRatioF()
        return self._by_size[next((size for size in SIZES_PX if size >= shown_px), SIZES_PX[-1])]

    def _kept_states(self) -> set[EditState]:
        history = self._session.history
        return {history.entries[child].state for child in history.children(history.index)}

    def _remember(self, sheet: Sheet) -> None:
        page, settings = self.page, self._settings
        settings.set("explore.what", ",".join(page.wishes))
        settings.set("explore.distance", float(page.distance.value))
        settings.set("explore.edge", page.edge)
        self._session.note_sheet(sheet)
        shown = (self._session.history.number(self._session.history.index), sheet)
        self._recent = [*(one for one in self._recent if one != shown), shown][-RECENT:]

    # --- picking --------------------------------------------------------------------------------------------------

    @Slot(int)
    def take(self, place: int) -> None:
        """Go on from a picture: one step, and the sheet is round it then."""
        cells = self.page.sheet.cells
        if place < len(cells) and cells[place].state != self._session.state:
            self._session.insert(cells[place].state, LABEL)

    @Slot(int)
    def keep(self, place: int) -> None:
        """Hang a picture in the history as a branch, and stay."""
        cells = self.page.sheet.cells
        if place >= len(cells) or cells[place].state == self._session.state:
            return
        is_new = self._session.keep(cells[place].state, LABEL)
        self.page.sheet.set_cell(place, replace(cells[place], is_kept=True))
        if is_new:
            self._messages.say("Kept as a branch of the history.", "Ctrl+H shows the tree.")

    # --- looking --------------------------------------------------------------------------------------------------

    @Slot(int)
    def _look(self, place: int) -> None:
        cells, state = self.page.sheet.cells, self._centre
        if state is None or place >= len(cells):
            return
        cell = cells[place]
        picture = self._large.picture(cell.state) or cell.picture
        self.page.show_look(picture, differences(state, cell.state), is_present=cell.state == state)
        self._dwell.start()

    @Slot()
    def _want_large(self) -> None:
        cells, place = self.page.sheet.cells, self.page.sheet.looked
        if self.is_open and place < len(cells) and self._large.picture(cells[place].state) is None:
            self._large.want("sheet", (cells[place].state,), first=True)

    @Slot(object, QImage)
    def _small_ready(self, state: EditState, picture: QImage) -> None:
        sheet = self.page.sheet
        for place, cell in enumerate(sheet.cells):
            if cell.state == state:
                sheet.set_cell(place, replace(cell, picture=picture))
                if place == sheet.looked and self._large.picture(state) is None:
                    self.page.large.set_image(picture)

    @Slot(object, QImage)
    def _large_ready(self, state: EditState, picture: QImage) -> None:
        cells, place = self.page.sheet.cells, self.page.sheet.looked
        if place < len(cells) and cells[place].state == state:
            self.page.large.set_image(picture)

    # --- earlier sheets -------------------------------------------------------------------------------------------

    @Slot()
    def _fill_recent(self) -> None:
        menu = self.page.recent_menu
        menu.clear()
        for place, sheet in self._earlier():
            menu.addAction(self._words(place, sheet), partial(self.reopen, place, sheet))
        if menu.isEmpty():
            menu.addAction("No other sheet yet").setEnabled(False)

    def _earlier(self) -> list[tuple[int, Sheet]]:
        """Places in the history and sheets that were shown there, the newest first, without the present one."""
        history = self._session.history
        places = {history.number(place): place for place in range(len(history.entries))}
        kept = [(number, sheet) for number, place in places.items() for sheet in history.entries[place].sheets]
        in_order = dict.fromkeys([*(one for one in kept if one not in self._recent), *self._recent])
        here = (history.number(history.index), self._sheet)
        found = [(places[one[0]], one[1]) for one in in_order if one[0] in places and one != here]
        return found[::-1][:RECENT]

    def _words(self, place: int, sheet: Sheet) -> str:
        entry = self._session.history.entries[place]
        edge = math.isqrt(sheet.count + 1)
        parts = ", ".join(CHIPS[part][0] for part in sheet.what)
        return f"{edge} x {edge} round {entry.name or latent_name(entry.state.latent)}, {sheet.distance:g}: {parts}"

    def reopen(self, place: int, sheet: Sheet) -> None:
        """Show an earlier sheet again, with what was in its middle."""
        self._wanted_sheet, self._centre = sheet, None
        if not self._session.go_to(place):
            self._arrive()
