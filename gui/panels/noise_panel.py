"""The noise panel: the fine grain that a StyleGAN adds in every layer."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from engine.state import EditState, NoiseMode, with_noise
from gui.collection import Collection
from gui.panels.hand import follow_hand
from gui.panels.labels import muted_label, row
from gui.panels.latent_panel import MAX_SEED
from gui.session import Session
from gui.surprise import roll_number
from gui.widgets.edit_slider import EditSlider
from gui.widgets.icon_button import IconButton
from gui.widgets.noise_strip import NoiseStrip
from gui.widgets.section import Section
from gui.widgets.value_field import ValueField

DEFAULT_RESOLUTIONS = (4, 8, 16, 32, 64)
MODES = {
    NoiseMode.CONST: "The model's own noise, the same for every face",
    NoiseMode.RANDOM: "New noise, from a seed of its own",
    NoiseMode.NONE: "No noise: smoother, flatter",
}
NO_NOISE = "There is no noise in this mode; choose const or random"
NO_SEED = "Only random noise has a seed"


class NoisePanel(Section):
    def __init__(self, session: Session, collection: Collection, parent: QWidget | None = None) -> None:
        super().__init__("Noise", parent=parent)
        self._session = session
        self._collection = collection
        self.mode = self.add_action("const", "Where the noise comes from")
        self._modes = self._mode_menu()
        self.strength = EditSlider("Strength", 0.0, 2.0, 1.0, snaps=(0.0, 0.5, 1.0, 1.5, 2.0))
        self.seed = ValueField(0, MAX_SEED, 0)
        self.seed.setAccessibleName("Noise seed")
        self.dice = IconButton("dice", "New noise seed")
        self.strip = NoiseStrip()
        self._seed_row = row(muted_label("Noise seed"), 1, self.seed, self.dice, spacing=2)
        for widget in (self.strength, self.strip, self._seed_row):
            self.add_widget(widget)
        self.strength.set_help("How strong the noise is in all layers; 1 is as trained")
        self.strip.set_help("How strong the noise is in each layer, coarse to fine")
        self.strength.set_parameter("noise.strength")
        self.seed.set_parameter("noise.seed")
        self.strip.set_parameter("noise.layer_strengths")
        follow_hand(session, self.strength, self.seed, self.strip)
        self.strength.value_changed.connect(self._turn_strength)
        self.seed.value_changed.connect(self._turn_seed)
        self.dice.clicked.connect(self._roll)
        self.strip.values_changed.connect(self._turn_layers)
        session.state_changed.connect(self.show_state)
        collection.models_changed.connect(self._refresh)
        self.show_state(session.state)

    @Slot()
    def _refresh(self) -> None:
        self.show_state(self._session.state)

    @Slot(object)
    def show_state(self, state: EditState) -> None:
        noise = state.noise
        descriptor = self._collection.descriptor(state.model_a)
        resolutions = (descriptor.resolutions if descriptor else ()) or DEFAULT_RESOLUTIONS
        count = 2 * len(resolutions)
        self.strip.set_resolutions(resolutions)
        self.strip.set_values((noise.layer_strengths + (1.0,) * count)[:count])
        self.mode.setText(f"{noise.mode.value} ▾")
        self._modes[noise.mode].setChecked(True)
        self.strength.set_value(noise.strength)
        self.seed.set_value(noise.seed)
        reason = NO_NOISE if noise.mode is NoiseMode.NONE else None
        self.strength.set_disabled_reason(reason)
        self.strip.set_disabled_reason(reason)
        is_random = noise.mode is NoiseMode.RANDOM
        self.seed.set_disabled_reason(None if is_random else NO_SEED)
        self._seed_row.setVisible(is_random)

    def _mode_menu(self) -> dict[NoiseMode, QAction]:
        menu, group = QMenu(self), QActionGroup(self)
        menu.setToolTipsVisible(True)
        self.mode.setMenu(menu)
        self.mode.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.mode.setAccessibleName("Noise mode")
        modes = {}
        for mode, tip in MODES.items():
            action = menu.addAction(mode.value, partial(self.pick_mode, mode))
            action.setToolTip(tip)
            action.setCheckable(True)
            group.addAction(action)
            modes[mode] = action
        return modes

    def pick_mode(self, mode: NoiseMode) -> None:
        self._session.edit(with_noise(self._session.state, mode=mode))

    def _turn_strength(self, value: float) -> None:
        self._session.edit(with_noise(self._session.state, strength=value))

    def _turn_seed(self, value: float) -> None:
        self._session.edit(with_noise(self._session.state, seed=int(value)))

    @Slot()
    def _roll(self) -> None:
        self._session.edit(with_noise(self._session.state, seed=roll_number()))

    def _turn_layers(self, values: tuple[float, ...]) -> None:
        self._session.edit(with_noise(self._session.state, layer_strengths=values))
