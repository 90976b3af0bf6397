"""The controls: what I turn. Every panel under the other, folding, scrolling when there is not enough room."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from gui.collection import Collection
from gui.directions.section import DirectionSection
from gui.panels.blend_panel import BlendPanel
from gui.panels.latent_panel import LatentPanel
from gui.panels.mix_panel import MixPanel
from gui.panels.noise_panel import NoisePanel
from gui.session import Session
from gui.settings import Settings
from gui.widgets.section import Section


class Controls(QScrollArea):
    def __init__(
        self, session: Session, collection: Collection, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self.blend = BlendPanel(session, collection, settings)
        self.latent = LatentPanel(session, collection)
        self.mix = MixPanel(session, collection)
        self.noise = NoisePanel(session, collection)
        self.directions = DirectionSection(session, collection)
        inside = QWidget()
        inside.setProperty("role", "panel")
        column = QVBoxLayout(inside)
        column.setContentsMargins(12, 6, 12, 8)
        column.setSpacing(6)
        for section in self.sections:
            column.addWidget(section)
        column.addStretch(1)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setAccessibleName("Controls")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._restore_folds()

    @property
    def sections(self) -> tuple[Section, ...]:
        return self.blend, self.latent, self.mix, self.noise, self.directions

    def _foldable(self) -> dict[str, Section]:
        named = {section.title.lower(): section for section in self.sections}
        return named | {"transition": self.blend.parts}

    def _restore_folds(self) -> None:
        for name, section in self._foldable().items():
            section.set_folded(self._settings.get(f"folded.{name}", section.is_folded))

    def save_folds(self) -> None:
        for name, section in self._foldable().items():
            self._settings.set(f"folded.{name}", section.is_folded)
