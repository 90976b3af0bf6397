"""The bar over the canvas while comparing: which two pictures, in which way; and what is pinned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.actions import follow_tooltip
from gui.compare.pin_strip import PinStrip
from gui.comparison import (
    BLINKS_PER_S,
    GAINS,
    CompareStyle,
    Comparison,
    Plate,
    exchanged,
    plate_of,
    with_left,
    with_right,
)
from gui.panels.calm_combo import CalmComboBox
from gui.widgets.icon_button import IconButton
from gui.widgets.segmented import Segment, Segmented

STYLE_SEGMENTS = (
    Segment(CompareStyle.WIPE, "Wipe", "Both under a handle that wipes between them"),
    Segment(CompareStyle.PAIR, "Pair", "Side by side, zoomed and moved together"),
    Segment(CompareStyle.BLINK, "Blink", "One after the other in the same place: the eye catches every change"),
    Segment(CompareStyle.DIFFERENCE, "Difference", "Only what differs, amplified; black is the same"),
)
PickSide: TypeAlias = Callable[[Comparison, Plate], Comparison]

_NARROW_PX = 76
_WIDE_PX = 180
_LEVEL_WORDS = {False: "Lay the handle level", True: "Set the handle upright"}


@dataclass(frozen=True, slots=True)
class PlateChoice:
    """Attributes:
    missing: Why it cannot be chosen; empty when it can.
    """

    name: str
    missing: str = ""


class CompareBar(QFrame):
    """Shows a `Comparison`; `changed` carries another when the user chooses."""

    changed = Signal(object)  # Comparison
    pin_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self._comparison = Comparison()
        self._choices: dict[Plate, PlateChoice] = {}
        self.left = self._picker("Compare with", "The reference: left of the handle, or above it")
        self.right = self._picker("Compare", "What is compared with the reference")
        self.exchange = IconButton("swap", "Exchange the two sides", size_px=16, parent=self)
        self.style_row = Segmented(STYLE_SEGMENTS, self)
        self.style_row.setAccessibleName("Way to compare")
        self.style_row.setToolTip("Wipe, side by side, blink or difference")
        self.level = IconButton("handle_level", _LEVEL_WORDS[False], size_px=16, parent=self)
        self.rate = self._numbers("Blinks a second", "How often the picture changes", BLINKS_PER_S, "{:g} a second")
        self.gain = self._numbers("Amplification", "How much the difference is amplified", GAINS, "{:g} times")
        self.pin = IconButton("pin", "Pin this picture, to compare with it later", size_px=16, parent=self)
        self.pins = PinStrip()
        self._lay_out()
        self._connect()
        self.show_comparison(self._comparison)
        self.set_pins_shown(False)

    def _picker(self, name: str, tip: str) -> CalmComboBox:
        box = CalmComboBox(self)
        box.setAccessibleName(name)
        box.setToolTip(tip)
        box.setMinimumWidth(_NARROW_PX)
        box.setMaximumWidth(_WIDE_PX)
        box.setSizeAdjustPolicy(CalmComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(6)
        return box

    def _numbers(self, name: str, tip: str, numbers: tuple[float, ...], words: str) -> CalmComboBox:
        box = CalmComboBox(self)
        box.setAccessibleName(name)
        box.setToolTip(tip)
        for number in numbers:
            box.addItem(words.format(number), number)
        return box

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.left, 4)
        row.addWidget(self.exchange)
        row.addWidget(self.right, 4)
        row.addSpacing(6)
        row.addWidget(self.style_row)
        for widget in (self.level, self.rate, self.gain):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.pin)
        self._strip = QWidget(self)
        strip = QHBoxLayout(self._strip)
        strip.setContentsMargins(0, 0, 0, 0)
        strip.setSpacing(6)
        words = QLabel("Pinned")
        words.setProperty("role", "caption")
        strip.addWidget(words)
        strip.addWidget(self.pins)
        strip.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 6, 10, 6)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._strip)

    def _connect(self) -> None:
        self.left.activated.connect(lambda: self._pick(with_left, self.left))
        self.right.activated.connect(lambda: self._pick(with_right, self.right))
        self.exchange.clicked.connect(lambda: self._change(exchanged(self._comparison)))
        self.style_row.picked.connect(self._pick_style)
        self.level.clicked.connect(
            lambda: self._change(replace(self._comparison, is_level=not self._comparison.is_level))
        )
        self.rate.activated.connect(
            lambda: self._change(replace(self._comparison, blinks_per_s=self.rate.currentData()))
        )
        self.gain.activated.connect(lambda: self._change(replace(self._comparison, gain=self.gain.currentData())))
        self.pin.clicked.connect(self.pin_wanted)

    def follow(self, pin: QAction, blink: QAction) -> None:
        """Name the keys that the user gave to these actions."""
        follow_tooltip(pin, self.pin)
        self.style_row.follow(CompareStyle.BLINK, blink)

    # --- showing --------------------------------------------------------------------------------------------------

    @property
    def comparison(self) -> Comparison:
        return self._comparison

    def set_choices(self, choices: Mapping[Plate, PlateChoice]) -> None:
        """What can be compared, and what it is called."""
        if dict(choices) == self._choices:
            return
        self._choices = dict(choices)
        for box in (self.left, self.right):
            box.clear()
            for plate, choice in self._choices.items():
                box.addItem(choice.name, plate.value)
                at = box.count() - 1
                box.setItemData(at, choice.missing or choice.name, Qt.ItemDataRole.ToolTipRole)
                item = box.model().item(at)  # type: ignore[attr-defined]
                item.setEnabled(not choice.missing)
        self.show_comparison(self._comparison)

    @Slot(object)
    def show_comparison(self, comparison: Comparison) -> None:
        self._comparison = comparison
        for box, plate in ((self.left, comparison.left), (self.right, comparison.right)):
            box.setCurrentIndex(box.findData(plate.value))
        self.style_row.set_current(comparison.style)
        self.level.setVisible(comparison.style is CompareStyle.WIPE)
        self.level.set_icon_name("handle_upright" if comparison.is_level else "handle_level")
        self.level.setToolTip(_LEVEL_WORDS[comparison.is_level])
        self.level.setAccessibleName(_LEVEL_WORDS[comparison.is_level])
        self.rate.setVisible(comparison.style is CompareStyle.BLINK)
        self.rate.setCurrentIndex(self.rate.findData(comparison.blinks_per_s))
        self.gain.setVisible(comparison.style is CompareStyle.DIFFERENCE)
        self.gain.setCurrentIndex(self.gain.findData(comparison.gain))

    def set_pins_shown(self, shown: bool) -> None:
        self._strip.setVisible(shown)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, super().minimumSizeHint().height())

    # --- choosing -------------------------------------------------------------------------------------------------

    def _pick(self, change: PickSide, box: CalmComboBox) -> None:
        plate = plate_of(str(box.currentData()))
        if plate is not None:
            self._change(change(self._comparison, plate))

    @Slot(str)
    def _pick_style(self, key: str) -> None:
        self._change(replace(self._comparison, style=CompareStyle(key)))

    def _change(self, comparison: Comparison) -> None:
        self.show_comparison(comparison)
        self.changed.emit(comparison)
