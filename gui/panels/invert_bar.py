"""The bar under a portrait that is being aligned: how to search for it, and Start."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPushButton, QWidget

from engine.encoder_file import EncoderOffer
from engine.messages import LatentSpaceChoice, StartPoint
from gui.panels.labels import muted_label
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.value_field import ValueField

SPACES = (
    Segment(LatentSpaceChoice.W.value, "W", "One w for all layers: a cousin of the portrait, easy to edit and blend"),
    Segment(LatentSpaceChoice.W_PLUS.value, "W+", "A w for every layer: closest likeness"),
)
STARTS = (
    Segment(StartPoint.ENCODER.value, "Encoder", "The model's own encoder finds a likeness at once; steps refine it"),
    Segment(StartPoint.MEAN.value, "Mean", "From the average face"),
)
DEFAULT_STEPS = 300
MAX_STEPS = 5000


class InvertBar(QFrame):
    """Hidden unless a portrait is being aligned."""

    started = Signal()
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.space = Segmented(SPACES)
        self.space.setAccessibleName("Latent space")
        self.space.set_current(LatentSpaceChoice.W_PLUS.value)
        self.begin = Segmented(STARTS)
        self.begin.setAccessibleName("Start from")
        self.begin_label = muted_label("Start from")
        self.no_encoder = muted_label("Starts from the mean")
        self.steps = ValueField(0, MAX_STEPS, DEFAULT_STEPS)
        self.steps.setAccessibleName("Steps")
        self.steps.setToolTip("How long to search. More is closer and slower; 0 takes what the encoder says")
        self.noise = QCheckBox("Fit noise")
        self.noise.setChecked(True)
        self.noise.setToolTip("Also fit the noise maps: closer likeness, a little less editable")
        self.cancel = QPushButton("Cancel")
        self.start = QPushButton("Start")
        self.start.setProperty("role", "primary")
        self.start.setToolTip("Find this face in model A (Enter)")
        self._lay_out()
        self.start.clicked.connect(self.started)
        self.cancel.clicked.connect(self.cancelled)
        self.offer_encoder(EncoderOffer(None))
        self.hide()

    def _lay_out(self) -> None:
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 8, 16, 8)
        line.setSpacing(8)
        line.addWidget(muted_label("Space"))
        line.addWidget(self.space)
        line.addSpacing(8)
        line.addWidget(self.begin_label)
        line.addWidget(self.begin)
        line.addWidget(self.no_encoder)
        line.addSpacing(8)
        line.addWidget(muted_label("Steps"))
        line.addWidget(self.steps)
        line.addSpacing(8)
        line.addWidget(self.noise)
        line.addStretch(1)
        line.addWidget(self.cancel)
        line.addWidget(self.start)

    def offer_encoder(self, offer: EncoderOffer) -> None:
        """Offer the start from the model's encoder, or say why there is none."""
        fits = offer.path is not None
        self.begin.setVisible(fits)
        self.begin_label.setVisible(fits)
        self.no_encoder.setVisible(not fits)
        self.no_encoder.setToolTip(offer.reason)

    @property
    def start_point(self) -> StartPoint:
        # The engine looks for the encoder again: by then another model's may be there.
        return StartPoint(self.begin.current) if self.begin.isVisibleTo(self) else StartPoint.MEAN

    @property
    def wanted_steps(self) -> int:
        """Without an encoder there is nothing to take as it is."""
        return max(int(self.steps.value), 0 if self.start_point is StartPoint.ENCODER else 1)

    @property
    def choice(self) -> LatentSpaceChoice:
        return LatentSpaceChoice(self.space.current)
