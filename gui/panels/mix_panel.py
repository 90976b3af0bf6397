"""The mix panel: further latents and which layers they give their style to."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QMenu, QWidget

from engine.state import EditState, Latent, MixSource, SeedLatent, with_mix_source
from gui.collection import Collection
from gui.panels.hand import follow_hand
from gui.panels.labels import caption_label
from gui.session import Session
from gui.surprise import new_seed
from gui.widgets.layer_matrix import LayerMatrix, MatrixRow
from gui.widgets.section import Section

DEFAULT_COLUMNS = (4, 8, 16, 32, 64)
FINE_FROM_PX = 16
EMPTY = "Layers can take the style of another seed"


class MixPanel(Section):
    def __init__(self, session: Session, collection: Collection, parent: QWidget | None = None) -> None:
        super().__init__("Mix", parent=parent)
        self._session = session
        self._collection = collection
        self._columns: tuple[int, ...] = DEFAULT_COLUMNS
        self.add_source = self.add_action("+ source", "Mix in the style of another seed or portrait")
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.add_source.setMenu(self._menu)
        self.add_source.setPopupMode(self.add_source.ToolButtonPopupMode.InstantPopup)
        self.empty = caption_label(EMPTY)
        self.empty.setWordWrap(True)
        self.matrix = LayerMatrix()
        self.add_widget(self.empty)
        self.add_widget(self.matrix)
        follow_hand(session, self.matrix)
        self.matrix.strengths_changed.connect(self._turn)
        self.matrix.row_removed.connect(self.remove_source)
        self.matrix.current_row_changed.connect(self._name_parameter)
        session.state_changed.connect(self.show_state)
        collection.models_changed.connect(self._refresh)
        collection.latents_changed.connect(self._refresh)
        self._name_parameter(0)
        self.show_state(session.state)

    @Slot()
    def _refresh(self) -> None:
        self.show_state(self._session.state)

    @Slot(object)
    def show_state(self, state: EditState) -> None:
        descriptor = self._collection.descriptor(state.model_a)
        self._columns = (descriptor.resolutions if descriptor else ()) or DEFAULT_COLUMNS
        self.matrix.set_columns(self._columns)
        self.matrix.set_rows(tuple(self._row(index, source) for index, source in enumerate(state.mix)))
        self.empty.setVisible(not state.mix)
        self.matrix.setVisible(bool(state.mix))

    @Slot(int)
    def _name_parameter(self, index: int) -> None:
        self.matrix.set_parameter(f"mix[{index}].strengths")

    def _row(self, index: int, source: MixSource) -> MatrixRow:
        count = 2 * len(self._columns)
        name = self.name_of(source.latent)
        strengths = (source.strengths + (0.0,) * count)[:count]
        tip = f"How much of {name} each layer takes. Delete removes it"
        return MatrixRow(f"{index}:{name}", name, strengths, tip)

    def name_of(self, latent: Latent) -> str:
        return f"seed {latent.seed}" if isinstance(latent, SeedLatent) else self._collection.latent_name(latent)

    @Slot()
    def _fill_menu(self) -> None:
        self._menu.clear()
        self._menu.addAction("New seed", self.add_seed)
        for record in self._collection.latents():
            self._menu.addAction(record.latent.name, partial(self.add_latent, record.latent))

    @Slot()
    def add_seed(self) -> None:
        rolled = new_seed(self._session.state).latent
        self.add_latent(rolled)

    def add_latent(self, latent: Latent) -> None:
        """Mix `latent` into the finer layers: its colours and light, on the present head."""
        state = self._session.state
        strengths = tuple(1.0 if size >= FINE_FROM_PX else 0.0 for size in self._columns for _ in range(2))
        self._session.edit(with_mix_source(state, len(state.mix), MixSource(latent, strengths)), "mix source")

    def _turn(self, index: int, strengths: tuple[float, ...]) -> None:
        state = self._session.state
        if index < len(state.mix):
            self._session.edit(with_mix_source(state, index, replace(state.mix[index], strengths=strengths)))

    @Slot(int)
    def remove_source(self, index: int) -> None:
        state = self._session.state
        if index < len(state.mix):
            self._session.edit(with_mix_source(state, index, None), "mix source")
