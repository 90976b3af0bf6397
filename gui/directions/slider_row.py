"""One direction in the controls: its slider, the layers it works on, and the way out."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.descriptor import NetworkDescriptor
from engine.state import DirectionUse
from gui.directions.range_chip import RangeChip
from gui.widgets.edit_slider import EditSlider
from gui.widgets.icon_button import IconButton

REACH = 3.0
FURTHEST = 100.0
NAMELESS = "direction"


class SliderRow(QWidget):
    amount_turned = Signal(float)
    rows_picked = Signal(object)
    removed = Signal()
    rename_wanted = Signal()
    keep_wanted = Signal()

    def __init__(self, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = EditSlider(
            NAMELESS, -REACH, REACH, 0.0, signed=True, snaps=tuple(float(sigma) for sigma in range(-3, 4)),
            typed_minimum=-FURTHEST, typed_maximum=FURTHEST, lockable=True,
        )  # fmt: skip
        self.slider.set_parameter(f"directions[{index}].amount")
        self.chip = RangeChip()
        self.remove = IconButton("close", "Take this direction out", size_px=12)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.chip, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.remove, 0, Qt.AlignmentFlag.AlignTop)
        self.slider.value_changed.connect(self.amount_turned)
        self.chip.picked.connect(self.rows_picked)
        self.remove.clicked.connect(self.removed)
        for text, signal in (
            ("Rename…", self.rename_wanted),
            ("Keep in the library", self.keep_wanted),
            ("Take it out", self.removed),
        ):
            action = QAction(text, self)
            action.triggered.connect(partial(_emit, signal))
            self.slider.add_menu_action(action)

    def show_use(self, use: DirectionUse, reach: tuple[float, float], descriptor: NetworkDescriptor | None) -> None:
        """Show a direction, silently.

        Args:
            reach: Ends of the track, in sigmas.
        """
        name = use.name or NAMELESS
        if name != self.slider.label:
            self.slider.set_label(name)
            self.slider.set_help(f"How far towards “{name}”: 1 is one sigma of the model's faces")
            self.remove.setToolTip(f"Take “{name}” out (the slider's menu has more)")
            self.remove.setAccessibleName(f"Take “{name}” out")
        self.slider.set_range(*reach)
        self.slider.set_value(use.amount)
        self.chip.show_rows(use.layer_range, descriptor)


def _emit(signal: object, _checked: bool = False) -> None:
    signal.emit()  # type: ignore[attr-defined]
