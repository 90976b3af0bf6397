"""The latent panel: which face, by seed and seed pad or by portrait, and how far truncation pulls it to the mean."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QLabel, QWidget

from engine.state import (
    DEFAULT_PSI,
    EditState,
    SeedLatent,
    StoredLatent,
    with_latent,
    with_pad,
    with_seed,
    with_truncation,
)
from gui.collection import Collection
from gui.panels.hand import follow_hand, follow_locks
from gui.panels.labels import column, muted_label, row
from gui.session import Session
from gui.surprise import new_seed
from gui.widgets.edit_slider import EditSlider
from gui.widgets.icon_button import IconButton
from gui.widgets.section import Section
from gui.widgets.seed_pad import SeedPad
from gui.widgets.value_field import ValueField

MAX_SEED = 2**32 - 1
PAD_PX = 84
NO_PAD = "A portrait has no seed to walk around; go back to the seed"


class LatentPanel(Section):
    def __init__(self, session: Session, collection: Collection, parent: QWidget | None = None) -> None:
        super().__init__("Latent", parent=parent)
        self._session = session
        self._collection = collection
        self._last_seed = 0
        self.pad = SeedPad()
        self.pad.setFixedSize(PAD_PX, PAD_PX)
        self.seed = ValueField(0, MAX_SEED, 0, lockable=True)
        self.seed.setAccessibleName("Seed")
        self.dice = IconButton("dice", "New seed (R)")
        self.seed_lock = IconButton("unlock", "Keep this seed through “surprise me”")
        self.seed_lock.setCheckable(True)
        self.psi = EditSlider(
            "Psi", -1.0, 2.0, DEFAULT_PSI, snaps=(-1.0, -0.5, 0.0, 0.5, 0.7, 1.0, 1.5, 2.0), lockable=True
        )
        self.cutoff = EditSlider("Cutoff", 0, 10, 10, decimals=0, lockable=True)
        self.class_index = EditSlider("Class", 0, 1, 0, decimals=0, lockable=True)
        self.more = Section("Truncated layers")
        self.portrait = QLabel()
        self.to_seed = IconButton("reset", "Back to the seed")
        self._lay_out()
        self._connect()
        self.show_state(session.state)

    def _lay_out(self) -> None:
        self._seed_row = row(muted_label("Seed"), 1, self.seed, self.dice, self.seed_lock, spacing=2)
        self._portrait_row = row(self.portrait, 1, self.to_seed)
        words = column(self._seed_row, self._portrait_row, self.psi, self.more, spacing=0)
        self.add_widget(row(column(self.pad), words, spacing=12))
        self.more.add_widget(self.cutoff)
        self.more.add_widget(self.class_index)
        self.more.set_folded(True)
        self.pad.set_help("Walk away from the seed: its neighbours lie around it. Double-click comes back")
        self.psi.set_help("Truncation psi: 1 as found, towards 0 more average and safer, below 0 the opposite face")
        self.cutoff.set_help("How many layers psi acts on, from the coarsest; all by default")
        self.class_index.set_help("Which class of a conditional model to draw")
        self.seed.set_help("The number that decides the face. Drag across to go through faces, click to type one")
        self.pad.set_parameter("latent")
        self.seed.set_parameter("latent")
        self.psi.set_parameter("truncation_psi")
        self.cutoff.set_parameter("truncation_cutoff")
        self.class_index.set_parameter("class_index")

    def _connect(self) -> None:
        session = self._session
        follow_hand(session, self.pad, self.seed, self.psi, self.cutoff, self.class_index)
        self.pad.moved.connect(self._move)
        self.seed.value_changed.connect(self._turn_seed)
        self.dice.clicked.connect(self.roll)
        self.to_seed.clicked.connect(self._back_to_seed)
        self.psi.value_changed.connect(self._turn_psi)
        self.cutoff.value_changed.connect(self._turn_cutoff)
        self.class_index.value_changed.connect(self._turn_class)
        self.seed_lock.toggled.connect(self._lock_seed)
        follow_locks(session, {"seed": self.seed, "psi": self.psi, "cutoff": self.cutoff, "class": self.class_index})
        follow_locks(session, {"seed": self.pad})
        session.locks_changed.connect(self.show_locks)
        session.state_changed.connect(self.show_state)
        self._collection.models_changed.connect(self._refresh)

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        self.show_state(self._session.state)

    @Slot(object)
    def show_state(self, state: EditState) -> None:
        latent = state.latent
        is_seed = isinstance(latent, SeedLatent)
        if isinstance(latent, SeedLatent):
            self._last_seed = latent.seed
            self.seed.set_value(latent.seed)
            self.pad.set_position(latent.pad_x, latent.pad_y)
        else:
            self._show_portrait(latent)
        self._portrait_row.setVisible(not is_seed)
        self._seed_row.setVisible(is_seed)
        self.pad.set_disabled_reason(None if is_seed else NO_PAD)
        self.psi.set_default(DEFAULT_PSI if is_seed else 1.0)
        self.psi.set_value(state.truncation_psi)
        self._show_layers(state)

    @Slot(object)
    def show_locks(self, locks: frozenset[str]) -> None:
        self.seed_lock.setChecked("seed" in locks)

    def _show_portrait(self, latent: StoredLatent) -> None:
        name = self._collection.latent_name(latent)
        self.portrait.setText(self.portrait.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, 130))
        self.portrait.setToolTip(f"The portrait “{name}”, found in the space of model A")

    def _show_layers(self, state: EditState) -> None:
        descriptor = self._collection.descriptor(state.model_a)
        rows = descriptor.num_ws if descriptor else 10
        classes = descriptor.c_dim if descriptor else 0
        self.cutoff.set_range(0, rows)
        self.cutoff.set_default(rows)
        self.cutoff.set_value(rows if state.truncation_cutoff is None else min(state.truncation_cutoff, rows))
        self.class_index.setVisible(classes > 0)
        self.class_index.set_range(0, max(1, classes - 1))
        self.class_index.set_value(state.class_index or 0)

    # --- editing --------------------------------------------------------------------------------------------------

    @Slot()
    def roll(self) -> None:
        """A new seed, unless the seed is locked."""
        if "seed" not in self._session.locks:
            self._session.edit(new_seed(self._session.state))

    def _move(self, x: float, y: float) -> None:
        self._session.edit(with_pad(self._session.state, x, y))

    def _turn_seed(self, value: float) -> None:
        self._session.edit(with_seed(self._session.state, int(value)))

    def _back_to_seed(self) -> None:
        state = self._session.state
        self._session.edit(replace(with_latent(state, SeedLatent(self._last_seed)), truncation_psi=DEFAULT_PSI))

    def _turn_psi(self, value: float) -> None:
        state = self._session.state
        self._session.edit(with_truncation(state, value, state.truncation_cutoff))

    def _turn_cutoff(self, value: float) -> None:
        state = self._session.state
        cutoff = None if value >= self.cutoff.default else int(value)
        self._session.edit(with_truncation(state, state.truncation_psi, cutoff))

    def _turn_class(self, value: float) -> None:
        self._session.edit(replace(self._session.state, class_index=int(value)))

    def _lock_seed(self, locked: bool) -> None:
        self.seed_lock.set_icon_name("lock" if locked else "unlock")
        self._session.set_lock("seed", locked)
