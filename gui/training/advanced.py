"""The settings behind a goal, for those who want to turn them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from gui.panels.calm_combo import CalmComboBox
from gui.panels.labels import column, muted_label, row
from gui.training.goals import BATCH, LEARNING_RATE, Choices, parse_more
from gui.widgets.edit_slider import EditSlider
from gui.widgets.section import Section
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.value_field import ValueField

MAX_SEED = 2**32 - 1
SIZES = (16, 32, 64, 128, 256, 512, 1024)
DEFAULT_SIZE = 64

AUGMENTATIONS = (
    Segment("none", "None", "The pictures as they are; right for tens of thousands of them"),
    Segment("ada", "ADA", "Changes the pictures more and more as soon as they are being learned by heart"),
    Segment("diffaugment", "DiffAugment", "Always changes colour and place a little; right for few pictures"),
)
TRAINABLE = (
    Segment("all", "All", "Every layer of the generator learns"),
    Segment("synthesis", "Synthesis", "The mapping stays: every seed keeps its w, and so its face"),
    Segment("mapping", "Mapping", "Only which faces come up changes, not how they are drawn"),
)
PRECISIONS = (
    Segment("bfloat16", "bf16", "Half precision with the range of full: fast on new processors and cards"),
    Segment("float16", "fp16", "Half precision for NVIDIA cards of any age; not for processors"),
    Segment("float32", "fp32", "Full precision: slow, for comparisons"),
)
DEVICES = (("auto", "The fastest"), ("cpu", "Processor"), ("cuda", "NVIDIA card"), ("mps", "Apple graphics"))
CAPACITIES = (
    ((2048, 64), "Small, quick"),
    ((4096, 128), "Usual"),
    ((16384, 512), "Large"),
)
FRAMINGS = (("ffhq", "As in FFHQ"), ("eyes", "Eyes on one line"))


@dataclass(frozen=True, slots=True)
class Extras:
    """What is no training setting: where a network from nothing begins, and where it is computed."""

    size: int
    channel_base: int
    channel_max: int
    framing: str
    device: str
    minutes: float


class AdvancedSettings(Section):
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Advanced", parent=parent)
        self.augmentation = _segmented(AUGMENTATIONS, "Augmentation")
        self.trainable = _segmented(TRAINABLE, "What learns")
        self.precision = _segmented(PRECISIONS, "Precision")
        self.frozen_below = EditSlider("Layers frozen below", 4, 64, 4, decimals=0, stops=(4, 64), suffix=" px")
        self.frozen_below.set_help("Layers of fewer pixels do not learn: structure stays. 4 freezes none")
        self.freeze_d = EditSlider("FreezeD", 0, 20, 0, decimals=0)
        self.freeze_d.set_help("Layers of the discriminator, from the picture inwards, that do not learn. "
                               "Worth it only when starting from a run, which brings a trained one")  # fmt: skip
        self.learning_rate = ValueField(0.00001, 0.1, LEARNING_RATE, decimals=5, step=0.0005)
        self.learning_rate.setToolTip("How large each step is. Smaller is slower and safer")
        self.batch = ValueField(1, 512, BATCH)
        self.batch.setToolTip("Pictures per step. Less needs less memory")
        self.seed = ValueField(0, MAX_SEED, 0)
        self.seed.setToolTip("Fixes everything random: the same seed trains the same model")
        self.minutes = ValueField(0, 100_000, 0, step=10, suffix=" min")
        self.minutes.setToolTip("Pause by itself after this time; 0 for never")
        self.device = _combo(DEVICES, "Computed on")
        self.new_size = _combo(tuple((size, f"{size} px") for size in SIZES), "Size")
        self.new_size.setCurrentIndex(SIZES.index(DEFAULT_SIZE))
        self.capacity = _combo(CAPACITIES, "Capacity")
        self.capacity.setCurrentIndex(1)
        self.capacity.setToolTip("How much the network can hold. Large wants a graphics card")
        self.framing = _combo(FRAMINGS, "Faces sit")
        self.framing.setToolTip("How portraits will be aligned for this model; no matter where there are no faces")
        self.more = QLineEdit()
        self.more.setPlaceholderText("r1_gamma=1 mirror=false")
        self.more.setAccessibleName("More settings")
        self.more.setToolTip("Any other training setting as name=value, several with spaces between")
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self._from_nothing = [
            _line("Size", self.new_size), _line("Capacity", self.capacity), _line("Faces sit", self.framing),
        ]
        self.body.setSpacing(8)
        for widget in (
            *self._from_nothing,
            _under("Augmentation", self.augmentation),
            _under("What learns", self.trainable),
            self.frozen_below,
            self.freeze_d,
            _line("Learning rate", self.learning_rate),
            _line("Batch", self.batch),
            _line("Seed", self.seed),
            _line("Pause after", self.minutes),
            _line("Computed on", self.device),
            _under("Precision", self.precision),
            _under("More settings", self.more),
        ):
            self.add_widget(widget)
        self.set_from_nothing(False)

    def _connect(self) -> None:
        for segmented in (self.augmentation, self.trainable, self.precision):
            segmented.picked.connect(self.changed)
        for value in (self.frozen_below, self.freeze_d, self.learning_rate, self.batch, self.seed, self.minutes):
            value.value_changed.connect(self.changed)
        for combo in (self.device, self.new_size, self.capacity, self.framing):
            combo.activated.connect(self.changed)
        self.more.textEdited.connect(self.changed)

    def set_from_nothing(self, from_nothing: bool) -> None:
        """Show what only a new network can choose, or hide it."""
        for line in self._from_nothing:
            line.setVisible(from_nothing)

    def set_resolution(self, resolution: int) -> None:
        """How large the model's pictures will be: which layers there are to freeze."""
        stops = [4]
        while stops[-1] < resolution:
            stops.append(2 * stops[-1])
        self.frozen_below.set_stops(tuple(float(stop) for stop in stops))
        self.freeze_d.set_range(0, 1 + 3 * (len(stops) - 1))

    # --- values ---------------------------------------------------------------------------------------------------

    def show_choices(self, choices: Choices) -> None:
        self.augmentation.set_current(choices.augmentation)
        self.trainable.set_current(choices.trainable)
        self.precision.set_current(choices.precision)
        self.frozen_below.set_value(max(4, choices.frozen_below))
        self.freeze_d.set_value(choices.frozen_discriminator_layers)
        self.learning_rate.set_value(choices.learning_rate)
        self.batch.set_value(choices.batch)

    def choices(self, total_images: int) -> Choices:
        below = int(self.frozen_below.value)
        return Choices(
            total_images=total_images,
            augmentation=self.augmentation.current,
            trainable=self.trainable.current,
            frozen_below=below if below > 4 else 0,
            frozen_discriminator_layers=int(self.freeze_d.value),
            learning_rate=self.learning_rate.value,
            batch=int(self.batch.value),
            seed=int(self.seed.value),
            precision=self.precision.current,
        )

    def extras(self) -> Extras:
        base, most = self.capacity.currentData()
        return Extras(
            int(self.new_size.currentData()), int(base), int(most), str(self.framing.currentData()),
            str(self.device.currentData()), self.minutes.value,
        )

    def more_settings(self) -> dict[str, Any]:
        """Raises:
        JobError: a word without a value.
        """
        return parse_more(self.more.text())


def _segmented(segments: Sequence[Segment], name: str) -> Segmented:
    made = Segmented(segments)
    made.setAccessibleName(name)
    return made


def _combo(items: Sequence[tuple[object, str]], name: str) -> CalmComboBox:
    combo = CalmComboBox()
    combo.setAccessibleName(name)
    for value, text in items:
        combo.addItem(text, value)
    return combo


def _line(text: str, control: QWidget) -> QWidget:
    """A label at the left and its control at the right."""
    if not control.accessibleName():
        control.setAccessibleName(text)
    return row(muted_label(text), 1, control)


def _under(text: str, control: QWidget) -> QWidget:
    """A label with its control under it."""
    return column(muted_label(text), control)
