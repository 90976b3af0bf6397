"""The bar under a portrait that is being aligned: how to search for it, and Start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engine.encoder_file import EncoderOffer
from engine.errors import printable
from engine.messages import LatentSpaceChoice, StartPoint
from gui.panels.labels import muted_label
from gui.settings import Settings
from gui.widgets.ends_slider import EndsSlider
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.value_field import ValueField


class SearchSpace(StrEnum):
    """What a search may change."""

    W = "w"
    W_PLUS = "w+"
    NOISE = "w+noise"


SPACES = (
    Segment(SearchSpace.W, "W", "One w for all layers: a cousin of the portrait, the easiest to edit and blend"),
    Segment(SearchSpace.W_PLUS, "W+", "A w for every layer: a close likeness that still edits well"),
    Segment(SearchSpace.NOISE, "W+ with noise", "The noise maps as well: the closest likeness, down to the skin; "
            "the noise stays where it is when the face turns or changes"),
)  # fmt: skip
ENCODER = Segment(StartPoint.ENCODER, "Encoder", "The model's own encoder finds a likeness at once; steps refine it")
MEAN = Segment(StartPoint.MEAN, "Mean", "From the average face")
HERE = Segment(StartPoint.FOUND, "Here", "Go on from the portrait on screen, which was found in this photo")
PRESETS = ((0, "At once", "No steps: what the encoder says, in a moment"),
           (20, "20", "A quick look"), (100, "100", "A good likeness"), (300, "300", "A close likeness"))  # fmt: skip
DEFAULT_STEPS = 100
MAX_STEPS = 5000
DEFAULT_EDITABILITY = 0.5
EDITABILITY_HELP = (
    "Fidelity: as close to the photo as it gets, but sliders, looks and directions may break the face. "
    "Editability: near the faces that the model knows, which edit and blend well, but less like the person."
)


@dataclass(frozen=True, slots=True)
class SearchChoices:
    """How to search; fields as in `InvertPortrait`."""

    space: LatentSpaceChoice
    optimise_noise: bool
    steps: int
    editability: float
    start: StartPoint


class InvertBar(QFrame):
    """Hidden unless a portrait is being aligned. What was chosen last is remembered."""

    started = Signal()
    cancelled = Signal()
    styles_wanted = Signal()

    def __init__(self, settings: Settings | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self._settings = settings
        self._has_encoder = self._has_here = False
        self._encoder = ENCODER
        self._picked_start = str(StartPoint.ENCODER)
        self.space = Segmented(SPACES)
        self.space.setAccessibleName("Latent space")
        self.space.setToolTip("What the search may change")
        self.begin = Segmented((MEAN,))
        self.begin.setAccessibleName("Start from")
        self.begin.setToolTip("Where the search begins")
        self.begin_label = muted_label("Start from")
        self.no_encoder = muted_label("Starts from the mean")
        self.steps = ValueField(0, MAX_STEPS, DEFAULT_STEPS)
        self.steps.setAccessibleName("Steps")
        self.steps.set_help("How long to search: more is closer and slower; 0 takes what the encoder says")
        self.presets = tuple(self._preset(*preset) for preset in PRESETS)
        self.editability = EndsSlider("Editability", "Fidelity", "Editability", DEFAULT_EDITABILITY)
        self.editability.set_help(EDITABILITY_HELP)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Leave the photo; nothing changes (Esc)")
        self.styles = QPushButton("Styles")
        self.styles.setAccessibleName("In every style")
        self.styles.setToolTip("This crop in every style at once")
        self.styles.hide()
        self.start = QPushButton("Start")
        self.start.setProperty("role", "primary")
        self.start.setToolTip("Find this face in model A (Enter)")
        self._lay_out()
        self.steps.value_changed.connect(self._show_presets)
        self.begin.picked.connect(self._pick_start)
        self.start.clicked.connect(self.started)
        self.cancel.clicked.connect(self.cancelled)
        self.styles.clicked.connect(self.styles_wanted)
        self._recall()
        self.offer_encoder(EncoderOffer(None))
        self.hide()

    def _preset(self, steps: int, words: str, tip: str) -> QPushButton:
        button = QPushButton(words)
        button.setProperty("role", "chip")
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setAccessibleName(words if steps == 0 else f"{steps} steps")
        button.clicked.connect(lambda: self.set_steps(steps))
        return button

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        for line in (first, second):
            line.setSpacing(8)
        first.addWidget(muted_label("Space"))
        first.addWidget(self.space)
        first.addSpacing(8)
        first.addWidget(self.begin_label)
        first.addWidget(self.begin)
        first.addWidget(self.no_encoder)
        first.addStretch(1)
        second.addWidget(muted_label("Steps"))
        second.addWidget(self.steps)
        for button in self.presets:
            second.addWidget(button)
        second.addSpacing(8)
        second.addWidget(self.editability, 3)
        second.addStretch(1)
        first.addWidget(self.styles)
        second.addWidget(self.cancel)
        second.addWidget(self.start)
        self.editability.setMaximumWidth(320)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 16, 8)
        column.setSpacing(8)
        column.addLayout(first)
        column.addLayout(second)

    # --- what can be chosen ---------------------------------------------------------------------------------------

    def offer_encoder(self, offer: EncoderOffer) -> None:
        """Offer the start from the model's encoder, or say why there is none."""
        self._has_encoder = offer.path is not None
        named = f"The encoder “{printable(offer.title, 60)}” finds a likeness at once; steps refine it"
        self._encoder = replace(ENCODER, tooltip=named) if offer.title else ENCODER
        self.no_encoder.setToolTip(offer.reason)
        self._show_starts()

    def offer_here(self, offered: bool) -> None:
        """Offer to go on from the portrait on screen."""
        self._has_here = offered
        self._show_starts()

    def _show_starts(self) -> None:
        starts = ((self._encoder,) if self._has_encoder else ()) + (MEAN,) + ((HERE,) if self._has_here else ())
        self.begin.set_segments(starts)
        picked = self._picked_start
        self.begin.set_current(picked if picked in {start.key for start in starts} else starts[0].key)
        has_choice = len(starts) > 1
        self.begin.setVisible(has_choice)
        self.begin_label.setVisible(has_choice)
        self.no_encoder.setVisible(not has_choice)
        self._show_presets()

    @Slot(str)
    def _pick_start(self, key: str) -> None:
        self._picked_start = key
        self._show_presets()

    def set_steps(self, steps: int) -> None:
        self.steps.set_value(steps)
        self._show_presets()

    @Slot()
    def _show_presets(self) -> None:
        for button, (steps, _, tip) in zip(self.presets, PRESETS, strict=True):
            button.setChecked(steps == self.steps.value)
            is_possible = steps >= self._least_steps
            button.setEnabled(is_possible)
            button.setToolTip(tip if is_possible else "Only an encoder finds a portrait without steps")

    # --- what is chosen -------------------------------------------------------------------------------------------

    @property
    def start_point(self) -> StartPoint:
        # The engine looks for the encoder again: by then another model's may be there.
        return StartPoint(self.begin.current)

    @property
    def _least_steps(self) -> int:
        """Without an encoder there is nothing to take as it is."""
        return 0 if self.start_point is StartPoint.ENCODER else 1

    @property
    def choices(self) -> SearchChoices:
        space = SearchSpace(self.space.current)
        return SearchChoices(
            space=LatentSpaceChoice.W if space is SearchSpace.W else LatentSpaceChoice.W_PLUS,
            optimise_noise=space is SearchSpace.NOISE,
            steps=max(int(self.steps.value), self._least_steps),
            editability=self.editability.value,
            start=self.start_point,
        )

    def remember(self) -> None:
        """Keep what is chosen for the next search."""
        if self._settings is not None:
            self._settings.set("search.space", self.space.current)
            self._settings.set("search.steps", int(self.steps.value))
            self._settings.set("search.editability", self.editability.value)

    def _recall(self) -> None:
        settings, usual = self._settings, SearchSpace.W_PLUS.value
        space = usual if settings is None else settings.get("search.space", usual)
        self.space.set_current(space if space in set(SearchSpace) else usual)
        if settings is not None:
            self.steps.set_value(settings.get("search.steps", DEFAULT_STEPS))
            self.editability.set_value(settings.get("search.editability", DEFAULT_EDITABILITY))
