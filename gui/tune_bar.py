"""The bar that asks how to tune a model to a portrait, before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from engine.pivot_events import MAX_TUNING_STEPS, STOP_AT, TUNING_STEPS
from gui.panels.labels import muted_label
from gui.settings import Settings
from gui.widgets.job_card import words_for_time
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.value_field import ValueField

GENTLE, CLOSE, CLOSEST = "gentle", "close", "closest"
STRENGTHS = (
    Segment(GENTLE, "Gentle", "Ends early: nearer than the search came, and other faces hardly change"),
    Segment(CLOSE, "Close", "Ends where one hardly tells the picture from the photo"),
    Segment(CLOSEST, "Closest", "Takes all steps: the person down to the skin; other faces change more"),
)
_STOPS = {GENTLE: 0.1, CLOSE: STOP_AT, CLOSEST: 0.0}
LOCALITY_COST = 2.6
"""How much longer a step takes with other faces looked at."""

USUAL_STEP_S = 0.1
USUAL_PX = 256
KEPT_TIME = "tune.step_s"


@dataclass(frozen=True, slots=True)
class TuneChoices:
    """Fields as in `TunePivot`."""

    steps: int
    stop_at: float
    locality: bool


class TuneBar(QFrame):
    """Hidden unless somebody is about to tune. What was chosen last is remembered."""

    started = Signal()
    cancelled = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self._settings = settings
        self._px = USUAL_PX
        self.words = QLabel()
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.strength = Segmented(STRENGTHS)
        self.strength.setAccessibleName("How close")
        self.strength.setToolTip("How near to the photo it is to come")
        self.steps = ValueField(1, MAX_TUNING_STEPS, TUNING_STEPS, step=10)
        self.steps.setAccessibleName("Steps at most")
        self.steps.set_help("It ends sooner where it is near enough")
        self.locality = QCheckBox("Keep other faces")
        self.locality.setToolTip("Hold on to what the model draws of other latents; takes more than twice as long")
        self.time = muted_label()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Leave the model as it is (Esc)")
        self.start = QPushButton("Tune")
        self.start.setProperty("role", "primary")
        self.start.setToolTip("Make a tuned copy of the model (Enter)")
        self._lay_out()
        self.strength.picked.connect(self._refresh)
        self.steps.value_changed.connect(self._refresh)
        self.locality.toggled.connect(self._refresh)
        self.start.clicked.connect(self.started)
        self.cancel.clicked.connect(self.cancelled)
        self._recall()
        self.hide()

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        for line in (first, second):
            line.setSpacing(8)
        first.addWidget(self.words, 1)
        first.addWidget(self.time)
        second.addWidget(muted_label("How close"))
        second.addWidget(self.strength)
        second.addWidget(muted_label("Steps at most"))
        second.addWidget(self.steps)
        second.addWidget(self.locality)
        second.addStretch(1)
        second.addWidget(self.cancel)
        second.addWidget(self.start)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 16, 8)
        column.setSpacing(8)
        column.addLayout(first)
        column.addLayout(second)

    def ask(self, portrait: str, model: str, img_resolution: int) -> None:
        """Show it for one portrait and one model."""
        self._px = img_resolution
        self.words.setText(f"Tune “{model}” to “{portrait}”: a copy that draws this person, also in blends")
        self._refresh()
        self.show()
        self.start.setFocus()

    @property
    def choices(self) -> TuneChoices:
        return TuneChoices(int(self.steps.value), _STOPS[self.strength.current], self.locality.isChecked())

    def remember(self) -> None:
        """Keep what is chosen for the next time."""
        self._settings.set("tune.strength", self.strength.current)
        self._settings.set("tune.steps", int(self.steps.value))
        self._settings.set("tune.locality", self.locality.isChecked())

    def note_time(self, img_resolution: int, step_s: float, *, locality: bool) -> None:
        """How long a step has taken, for the next estimate."""
        self._settings.set(f"{KEPT_TIME}.{img_resolution}", step_s / (LOCALITY_COST if locality else 1.0))

    def _recall(self) -> None:
        strength = self._settings.get("tune.strength", CLOSE)
        self.strength.set_current(strength if strength in _STOPS else CLOSE)
        self.steps.set_value(self._settings.get("tune.steps", TUNING_STEPS))
        self.locality.setChecked(self._settings.get("tune.locality", False))

    @Slot()
    def _refresh(self) -> None:
        guess = USUAL_STEP_S * (self._px / USUAL_PX) ** 2
        step_s = self._settings.get(f"{KEPT_TIME}.{self._px}", guess)
        whole_s = step_s * self.steps.value * (LOCALITY_COST if self.locality.isChecked() else 1.0)
        self.time.setText(f"At most {words_for_time(whole_s)}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.started.emit()
        else:
            super().keyPressEvent(event)
