"""What is seen while a portrait is searched: the portrait, the improving picture of it, the curve, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QEvent, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui.search.pictures import SearchPictures
from gui.search.trail import Stop, Trail
from gui.theme import current_theme
from gui.widgets.distance_plot import DistancePlot
from gui.widgets.segmented import Segment, Segmented

BAR_PX = 2
PLOT_WIDTH_PX = 760
MARGIN_PX = 24
PAIR, WIPE = "pair", "wipe"
NO_STEP = "There is no step to take yet"
WAYS = (
    Segment(PAIR, "Pair", "Side by side; press the right picture to see the portrait in its place (W)"),
    Segment(WIPE, "Wipe", "One picture with a handle: the portrait left of it, what is found right of it (W)"),
)
_COPY_KEYS = Qt.KeyboardModifier.ShiftModifier


class SearchState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Which search is looked at.

    Attributes:
        target: What is aimed at, as far as it is at hand.
        where: What stands under the picture beside it: in which model.
    """

    target: QImage | None
    name: str
    where: str
    trail: Trail


class InversionView(QWidget):
    """Space pauses and goes on, Enter takes the step on screen, Shift+Enter a copy of it while the search goes on,
    the arrows walk to earlier steps, W wipes, Esc goes back to the picture while the search goes on in its card."""

    left = Signal()
    pause_wanted = Signal(bool)
    take_wanted = Signal(object, bool)  # Stop, and whether the search is to go on
    keep_wanted = Signal()  # end it, and take the best
    cancel_wanted = Signal()  # end it, and take nothing
    compare_wanted = Signal()
    stop_chosen = Signal(object)  # Stop | None for the newest

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Shown | None = None
        self._stop: Stop | None = None
        self._newest: QImage | None = None
        self._fraction: float | None = None
        self._state = SearchState.RUNNING
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Search for the portrait")
        self.setToolTip("Space pauses, Enter takes the step on screen, Esc goes back to the picture")
        self.pictures = SearchPictures(self)
        self.plot = DistancePlot(self)
        self.words = QLabel(self)
        self.way = Segmented(WAYS, self)
        self.way.setAccessibleName("How the two pictures are shown")
        self.pause = self._button("Pause", "Let the search rest; it keeps what it has (Space)")
        self.take = self._button("Take this step", "")
        self.copy = self._button("Take a copy", "")
        self.keep = self._button("Stop and keep the best", "End the search; the best step goes under the sliders")
        self.cancel = self._button("Cancel", "End the search and leave the picture as it was; its steps stay at hand")
        self.compare = self._button("Compare with the photo", "The photo and the portrait under a wipe (Shift+C)")
        self.back = self._button("Back", "")
        self.take.setProperty("role", "primary")
        self._lay_out()
        self._connect()

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _lay_out(self) -> None:
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        curve = QHBoxLayout()
        curve.addStretch(1)
        curve.addWidget(self.plot, 100)
        curve.addStretch(1)
        self.plot.setMaximumWidth(PLOT_WIDTH_PX)
        head = QHBoxLayout()
        head.addWidget(self.way)
        head.addWidget(self.words, 1)
        head.addWidget(self.back)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        for button in (self.pause, self.take, self.copy, self.keep, self.cancel, self.compare):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN_PX, 0, MARGIN_PX, 12)
        column.setSpacing(4)
        column.addWidget(self.pictures, 1)
        column.addLayout(head)
        column.addLayout(curve)
        column.addSpacing(4)
        column.addLayout(buttons)

    def _connect(self) -> None:
        self.way.picked.connect(self._pick_way)
        self.plot.picked.connect(self._pick)
        self.plot.walked.connect(self._walk)
        self.plot.newest_wanted.connect(self.show_newest)
        self.pause.clicked.connect(self._toggle_pause)
        self.take.clicked.connect(lambda: self._take(goes_on=False))
        self.copy.clicked.connect(lambda: self._take(goes_on=True))
        self.keep.clicked.connect(self.keep_wanted)
        self.cancel.clicked.connect(self.cancel_wanted)
        self.compare.clicked.connect(self.compare_wanted)
        self.back.clicked.connect(self.left)

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def found(self) -> QImage | None:
        """What is shown beside the portrait."""
        return self.pictures.found

    @property
    def fraction(self) -> float:
        """How far the search is, 0 to 1."""
        return self._fraction or 0.0

    @property
    def state(self) -> SearchState:
        return self._state

    @property
    def stop(self) -> Stop | None:
        """The step on screen, as far as it can be taken."""
        if self._stop is not None:
            return self._stop
        return self._shown.trail.beside(None, 0) if self._shown is not None else None

    def begin(self, shown: Shown, state: SearchState, text: str = "") -> None:
        """Look at a search, at its newest step."""
        self._shown = shown
        self._stop = None
        self._fraction = None
        self.pictures.set_target(shown.target)
        stop = shown.trail.beside(None, 0)
        self._newest = None if stop is None else stop.picture
        self.plot.mark(None)
        self.set_state(state, text or "Waiting for the engine")
        self._refresh()

    def set_target(self, picture: QImage) -> None:
        """The portrait, when it comes later than the search."""
        self.pictures.set_target(picture)

    def show_progress(self, fraction: float | None, text: str, newest: QImage | None) -> None:
        """How far the search is; its trail has taken it in already."""
        if newest is not None:
            self._newest = newest
        self._fraction = fraction
        self._say(text)
        self._refresh()

    def set_state(self, state: SearchState, text: str = "") -> None:
        self._state = state
        if text:
            self._say(text)
        if state is SearchState.ENDED:
            self._fraction = None
            self._newest = None
        self._refresh()

    def show_sharp(self, stop: Stop, picture: QImage) -> None:
        """A finer picture of an earlier step than the one that was kept."""
        if self._stop is not None and stop.step == self._stop.step:
            self.pictures.set_found(picture)

    def _say(self, text: str) -> None:
        self.words.setText(text.replace(" %", "\N{NO-BREAK SPACE}%"))

    def _refresh(self) -> None:
        shown = self._shown
        if shown is None:
            return
        trail, stop = shown.trail, self.stop
        self.plot.show_curve(trail.points, [one.step for one in trail.stops], trail.steps)
        if self._stop is None:
            self.pictures.set_found(self._newest or (stop.picture if stop is not None else None))
        self.pictures.set_captions(shown.name, f"{self._caption(stop)} {shown.where}")
        self._refresh_buttons(stop)
        self.update()

    def _caption(self, stop: Stop | None) -> str:
        if self._stop is not None:
            return f"{self._stop.words},"
        if self._state is SearchState.ENDED and stop is not None:
            return f"{stop.words},"
        points = self._shown.trail.points if self._shown is not None else []
        return f"found so far, pixels {100 * points[-1][1]:.1f} % off," if points else "found so far"

    def _refresh_buttons(self, stop: Stop | None) -> None:
        runs = self._state is not SearchState.ENDED
        self.pause.setText("Go on" if self._state is SearchState.PAUSED else "Pause")
        for button in (self.pause, self.copy, self.keep, self.cancel):
            button.setVisible(runs)
        self.compare.setVisible(not runs)
        can_take = stop is not None
        self.take.setEnabled(can_take)
        self.copy.setEnabled(can_take)
        self.keep.setEnabled(self._shown is not None and bool(self._shown.trail.points))
        self.take.setText(_take_words(stop))
        ends = ", and end the search" if runs else ""
        take = f"Put this step under the sliders{ends} (Enter)"
        copy = "Put this step under the sliders and on the shelf; the search goes on (Shift+Enter)"
        self.take.setToolTip(take if can_take else NO_STEP)
        self.copy.setToolTip(copy if can_take else NO_STEP)
        in_card = "; the search goes on in its card, and a click on that comes back here" if runs else ""
        self.back.setToolTip(f"Back to the picture{in_card} (Esc)")

    # --- doing -----------------------------------------------------------------------------------------------------

    @Slot(str)
    def _pick_way(self, key: str) -> None:
        self.pictures.set_wiping(key == WIPE)

    def toggle_wipe(self) -> None:
        self.way.set_current(PAIR if self.pictures.is_wiping else WIPE)
        self._pick_way(self.way.current)

    @Slot(float)
    def _pick(self, step: float) -> None:
        if self._shown is not None:
            self._choose(self._shown.trail.nearest(step))

    @Slot(int)
    def _walk(self, count: int) -> None:
        if self._shown is not None:
            self._choose(self._shown.trail.beside(self._stop, count))

    def _choose(self, stop: Stop | None) -> None:
        if stop is None or self._shown is None:
            return
        newest = self._shown.trail.beside(None, 0)
        if stop is newest:
            self.show_newest()
            return
        self._stop = stop
        self.plot.mark(stop.step)
        self.pictures.set_found(stop.picture)
        self._refresh()
        self.stop_chosen.emit(stop)

    @Slot()
    def show_newest(self) -> None:
        """Follow the search again."""
        self._stop = None
        self.plot.mark(None)
        self._refresh()
        self.stop_chosen.emit(None)

    @Slot()
    def _toggle_pause(self) -> None:
        if self._state is not SearchState.ENDED:
            self.pause_wanted.emit(self._state is SearchState.RUNNING)

    def _take(self, *, goes_on: bool) -> None:
        stop = self.stop
        if stop is not None:
            self.take_wanted.emit(stop, goes_on and self._state is not SearchState.ENDED)

    # --- events ----------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keys that act here are not for the window's shortcuts."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_way_key(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._toggle_pause()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take(goes_on=bool(event.modifiers() & _COPY_KEYS))
        elif _is_way_key(event):
            self.toggle_wipe()
        elif not self.pictures.take_key(event) and not self.plot.take_key(event):
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(theme.canvas))
            if self._fraction is not None:
                bar = QRectF(0, self.height() - BAR_PX, self.width() * self._fraction, BAR_PX)
                painter.fillRect(bar, QColor(theme.focus))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._color()
        super().changeEvent(event)

    def _color(self) -> None:
        style = f"color: {current_theme().canvas_text};"
        if style != self.words.styleSheet():
            self.words.setStyleSheet(style)


def _is_way_key(event: QKeyEvent) -> bool:
    return event.key() == Qt.Key.Key_W and not event.modifiers()


def _take_words(stop: Stop | None) -> str:
    if stop is None:
        return "Take this step"
    return "Take the best" if stop.is_result else f"Take step {stop.step}"
