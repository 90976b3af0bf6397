"""The explore page: what may vary and how far, the sheet, and the picture one looks at, larger and in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.variations import Vary
from gui.explore.sheet import GAP_PX, VariationSheet
from gui.icons import icon
from gui.panels.labels import caption_label
from gui.widgets.edit_slider import EditSlider
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.thumb import Thumb

EDGES = (3, 4, 5, 6)
SIDE_PX = 196
_CHIPS_ACROSS = ((660, 8), (410, 4), (0, 3))
WIDEST_SIDE_PX = 420
DEFAULT_DISTANCE = 0.35

CHIPS: Mapping[Vary, tuple[str, str]] = {
    Vary.SEED: ("Seed", "Other faces altogether"),
    Vary.PAD: ("Nearby", "The same seed, a step on the seed pad: faces like this one"),
    Vary.MIX: ("Mix", "Other faces mixed into some of the layers, and how strongly"),
    Vary.CURVE: ("Blend", "Alpha, swap resolution, width and the alpha curve"),
    Vary.OVERLAYS: ("Models", "How much further models take"),
    Vary.DIRECTIONS: ("Directions", "How far the directions go that are in use"),
    Vary.NOISE: ("Noise", "Strength and seeds of the noise: hair, skin, grain"),
    Vary.PSI: ("Psi", "How far from the mean face"),
}
NOT_NOW: Mapping[Vary, str] = {
    Vary.SEED: "A portrait has no seed; mix other faces in instead",
    Vary.PAD: "A portrait has no seed pad; mix other faces in instead",
    Vary.CURVE: "Choose a model B to blend with first",
    Vary.OVERLAYS: "Lay a further model over the blend first",
    Vary.DIRECTIONS: "Use a direction first",
    Vary.NOISE: "This picture is without noise",
}
_KEYS = (Qt.Key.Key_R, Qt.Key.Key_K, Qt.Key.Key_Escape)


class ExplorePage(QWidget):
    """Stands in for the canvas."""

    settings_changed = Signal()
    again_wanted = Signal()
    taken = Signal(int)
    kept = Signal(int)
    left = Signal()
    recent_wanted = Signal()  # `recent_menu` is about to be shown: fill it

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.chips = {part: self._chip(part) for part in Vary}
        self.distance = EditSlider("Distance", 0.0, 1.0, DEFAULT_DISTANCE, snaps=(0.1, 0.2, 0.35, 0.5, 0.75, 1.0))
        self.distance.set_help("How far the variations go from the picture in the middle; 0 changes nothing")
        self.distance.setMinimumWidth(130)
        self.distance.setMaximumWidth(260)
        self.size_choice = Segmented(
            tuple(Segment(str(edge), f"{edge}²", f"{edge} x {edge} pictures") for edge in EDGES)
        )
        self.size_choice.setAccessibleName("How many pictures")
        self.again = QPushButton(icon("again"), "Again")
        self.again.setProperty("role", "primary")
        self.again.setToolTip("Other variations of the same picture (R, or Space on the sheet)")
        self.recent_menu = QMenu(self)
        self.recent = QToolButton()
        self.recent.setIcon(icon("history"))
        self.recent.setMenu(self.recent_menu)
        self.recent.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.recent.setToolTip("Sheets that were shown before: none is lost")
        self.recent.setAccessibleName("Earlier sheets")
        self.done = QPushButton("Done")
        self.done.setToolTip("Back to the picture (Esc)")
        self.sheet = VariationSheet()
        self.large = Thumb(SIDE_PX)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.take = QPushButton("Take it")
        self.take.setToolTip("Go on from this picture; the sheet shows variations of it then (Enter, or click it)")
        self.keep = QPushButton(icon("kept"), "Keep")
        self.keep.setToolTip("Hang it in the history as a branch, and stay here (K, right click or Shift+click)")
        self.help = caption_label("Click takes, right click keeps, arrow keys walk")
        self.help.setWordWrap(True)
        self._side = QWidget()
        self._lay_out()
        self._connect()

    def _chip(self, part: Vary) -> QPushButton:
        words, tip = CHIPS[part]
        chip = QPushButton(words)
        chip.setCheckable(True)
        chip.setProperty("role", "switch")
        chip.setToolTip(tip)
        chip.setAccessibleName(f"Vary {words.lower()}")
        return chip

    def _lay_out(self) -> None:
        self._chip_grid = QGridLayout()
        self._chip_grid.setSpacing(6)
        self._chip_grid.setColumnStretch(len(self.chips), 1)
        top = QHBoxLayout()
        top.addLayout(self._chip_grid, 1)
        top.addWidget(self.done, 0, Qt.AlignmentFlag.AlignTop)
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        for widget in (self.size_choice, self.recent, self.again):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        self._turns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._turns.setSpacing(10)
        self._turns.addWidget(self.distance, 1)
        self._turns.addLayout(buttons, 1)
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 4, 0, 4)
        side.setSpacing(8)
        side.addWidget(self.large)
        choices = QHBoxLayout()
        choices.setSpacing(8)
        choices.addWidget(self.take, 1)
        choices.addWidget(self.keep, 1)
        side.addLayout(choices)
        side.addWidget(self.words, 1)
        side.addWidget(self.help)
        body = QHBoxLayout()
        body.setSpacing(16)
        body.addWidget(self.sheet, 1)
        body.addWidget(self._side)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 10)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addLayout(self._turns)
        layout.addLayout(body, 1)
        self._across = 0
        self._arrange(len(self.chips))

    def _arrange(self, across: int) -> None:
        """Chips on as many lines as it takes, and the other controls below each other where room is scarce."""
        if across == self._across:
            return
        self._across = across
        for place, chip in enumerate(self.chips.values()):
            self._chip_grid.addWidget(chip, place // across, place % across)
        is_wide = across == len(self.chips)
        self._turns.setDirection(
            QBoxLayout.Direction.LeftToRight if is_wide else QBoxLayout.Direction.TopToBottom
        )

    def _connect(self) -> None:
        for chip in self.chips.values():
            chip.clicked.connect(self.settings_changed)
        self.distance.value_changed.connect(self.settings_changed)
        self.size_choice.picked.connect(self.settings_changed)
        self.again.clicked.connect(self.again_wanted)
        self.done.clicked.connect(self.left)
        self.recent_menu.aboutToShow.connect(self.recent_wanted)
        self.sheet.taken.connect(self.taken)
        self.sheet.kept.connect(self.kept)
        self.sheet.again_wanted.connect(self.again_wanted)
        self.take.clicked.connect(lambda: self.taken.emit(self.sheet.current))
        self.keep.clicked.connect(lambda: self.kept.emit(self.sheet.current))

    # --- what is chosen -------------------------------------------------------------------------------------------

    @property
    def what(self) -> tuple[Vary, ...]:
        """What may vary, as far as it is there."""
        return tuple(part for part in self.wishes if self.chips[part].isEnabled())

    @property
    def wishes(self) -> tuple[Vary, ...]:
        return tuple(part for part, chip in self.chips.items() if chip.isChecked())

    @property
    def edge(self) -> int:
        return int(self.size_choice.current)

    def choose(self, what: Collection[Vary], distance: float, edge: int) -> None:
        """Show these settings, silently."""
        for part, chip in self.chips.items():
            chip.setChecked(part in what)
        self.distance.set_value(distance)
        self.size_choice.set_current(str(edge if edge in EDGES else EDGES[0]))

    def set_variable(self, parts: Collection[Vary], locked: Collection[Vary]) -> None:
        """Say what can vary in the present picture."""
        for part, chip in self.chips.items():
            is_locked = part in locked
            chip.setEnabled(part in parts and not is_locked)
            tip = CHIPS[part][1]
            if is_locked:
                tip = "Locked: open the lock beside its control to let it vary"
            elif part not in parts:
                tip = NOT_NOW.get(part, tip)
            chip.setToolTip(tip)

    # --- what one looks at ----------------------------------------------------------------------------------------

    def show_look(self, picture: QImage | None, words: Iterator[str] | Collection[str], *, is_present: bool) -> None:
        """Show one picture larger, and what it changes."""
        if picture is not None:
            self.large.set_image(picture)
        self.words.setText("The picture one goes from." if is_present else "\n".join(words) or "Nothing changes.")
        self.take.setEnabled(not is_present)
        self.keep.setEnabled(not is_present)

    @property
    def large_px(self) -> int:
        return self.large.width()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The sheet is square; the picture one looks at gets what is beside it."""
        inside = self.contentsRect().adjusted(14, 10, -14, -10)
        self._arrange(next(count for least, count in _CHIPS_ACROSS if inside.width() >= least))
        lines = 1 if self._across == len(self.chips) else 2
        high = max(200, inside.height() - lines * (self.done.sizeHint().height() + self.distance.height() + 16))
        beside = inside.width() - high - 16
        side = min(max(beside, SIDE_PX), WIDEST_SIDE_PX)
        self._side.setVisible(inside.width() - SIDE_PX - GAP_PX > 240)
        self._side.setFixedWidth(side)
        large = min(side, max(120, high - 150))
        self.large.setFixedSize(large, large)

    def sizeHint(self) -> QSize:
        return QSize(720, 560)

    # --- keys -----------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """These keys are the page's while it has the focus, not the window's."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_ours(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not _is_ours(event):
            super().keyPressEvent(event)
        elif event.key() == Qt.Key.Key_R:
            self.again_wanted.emit()
        elif event.key() == Qt.Key.Key_K:
            self.kept.emit(self.sheet.current)
        else:
            self.left.emit()

    @Slot()
    def focus_sheet(self) -> None:
        self.sheet.setFocus(Qt.FocusReason.OtherFocusReason)


def _is_ours(event: QKeyEvent) -> bool:
    return event.key() in _KEYS and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
