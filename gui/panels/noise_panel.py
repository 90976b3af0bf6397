"""The noise panel: the fine grain that a StyleGAN adds in every layer."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolButton, QWidget

from engine.descriptor import NetworkDescriptor
from engine.noise_locks import LAYER_LOCK, locked_layers, with_noise_seed
from engine.state import EditState, NoiseMode, with_noise
from gui.collection import Collection
from gui.panels.hand import follow_hand, follow_locks
from gui.panels.labels import caption_label, column, muted_label, row
from gui.panels.latent_panel import MAX_SEED
from gui.session import Session
from gui.surprise import new_noise
from gui.widgets.edit_slider import EditSlider
from gui.widgets.icon_button import IconButton
from gui.widgets.noise_strip import NoiseStrip
from gui.widgets.section import Section
from gui.widgets.seed_strip import SeedStrip
from gui.widgets.slider_scale import shown
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
        self.strength = EditSlider("Strength", 0.0, 2.0, 1.0, snaps=(0.0, 0.5, 1.0, 1.5, 2.0), lockable=True)
        self.seed = ValueField(0, MAX_SEED, 0, lockable=True)
        self.seed.setAccessibleName("Noise seed")
        self.dice = IconButton("dice", "New noise seed; what is locked stays")
        self.strip = NoiseStrip()
        self.seeds = SeedStrip()
        self.layer = caption_label()
        self.layer.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # a long seed widens nothing
        self._seed_row = row(muted_label("Noise seed"), 1, self.seed, self.dice, spacing=2)
        for widget in (self.strength, column(self.strip, self.seeds, self.layer, spacing=3), self._seed_row):
            self.add_widget(widget)
        self._name()
        self._connect()
        self.show_state(session.state)
        self._tell_layer(0)

    def _name(self) -> None:
        self.strength.set_help("How strong the noise is in all layers; 1 is as trained")
        self.strip.set_help("How strong the noise is in each layer, coarse to fine")
        self.seeds.set_help("Drag across for other noise in this layer. Click to type, double-click to give it back")
        self.seed.set_help("The seed of random noise. Drag across to go through seeds, click to type")
        self.strength.set_parameter("noise.strength")
        self.seed.set_parameter("noise.seed")
        self.strip.set_parameter("noise.layer_strengths")
        self.seeds.set_parameter("noise.layer_seeds")

    def _connect(self) -> None:
        session = self._session
        follow_hand(session, self.strength, self.seed, self.strip, self.seeds)
        follow_locks(session, {"noise.strength": self.strength, "noise.seed": self.seed})
        self.strength.value_changed.connect(self._turn_strength)
        self.seed.value_changed.connect(self._turn_seed)
        self.dice.clicked.connect(self._roll)
        self.strip.values_changed.connect(self._turn_layers)
        self.seeds.seeds_changed.connect(self._turn_layer_seeds)
        for strip in (self.strip, self.seeds):
            strip.column_lock_changed.connect(self._lock_layer)
            strip.pointed.connect(self._tell_layer)
        session.locks_changed.connect(self.show_locks)
        session.state_changed.connect(self.show_state)
        self._collection.models_changed.connect(self._refresh)

    # --- showing ---------------------------------------------------------------------------------------------------

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
        self.strip.set_inert(_without_noise(descriptor))
        self.seeds.set_resolutions(resolutions, _without_noise(descriptor))
        self.seeds.set_start(noise.seed if noise.mode is NoiseMode.RANDOM else 0.0)
        self.seeds.set_seeds(noise.layer_seeds)
        self.mode.setText(f"{noise.mode.value} ▾")
        self._modes[noise.mode].setChecked(True)
        self.strength.set_value(noise.strength)
        self.seed.set_value(noise.seed)
        reason = NO_NOISE if noise.mode is NoiseMode.NONE else None
        for control in (self.strength, self.strip, self.seeds):
            control.set_disabled_reason(reason)
        is_random = noise.mode is NoiseMode.RANDOM
        self.seed.set_disabled_reason(None if is_random else NO_SEED)
        self._seed_row.setVisible(is_random)

    @Slot(object)
    def show_locks(self, locks: frozenset[str]) -> None:
        for strip in (self.strip, self.seeds):
            strip.set_locked_columns(locked_layers(locks))

    @Slot(int)
    def _tell_layer(self, column: int) -> None:
        """What the layer that is pointed at has, in words."""
        if column < min(self.strip.column_count, self.seeds.column_count):
            strength = f"strength {shown(self.strip.column_value(column), 2)}"
            words = [] if column in self.seeds.inert else [strength]
            if not words or self.seeds.seeds[column] is not None:
                words.append(self.seeds.seed_text(column))
            self.layer.setText(f"{self.seeds.label(column)}: {', '.join(words)}")

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

    # --- editing ---------------------------------------------------------------------------------------------------

    def pick_mode(self, mode: NoiseMode) -> None:
        self._session.edit(with_noise(self._session.state, mode=mode))

    def _turn_strength(self, value: float) -> None:
        self._session.edit(with_noise(self._session.state, strength=value))

    def _turn_seed(self, value: float) -> None:
        self._session.edit(with_noise_seed(self._session.state, int(value), self._session.locks))

    @Slot()
    def _roll(self) -> None:
        self._session.edit(new_noise(self._session.state, self._session.locks), "noise seed")

    def _turn_layers(self, values: tuple[float, ...]) -> None:
        self._session.edit(with_noise(self._session.state, layer_strengths=values))

    def _turn_layer_seeds(self, seeds: tuple[float | None, ...]) -> None:
        """Trailing layers without a seed are left out: a state that was given back is the state it was."""
        while seeds and seeds[-1] is None:
            seeds = seeds[:-1]
        self._session.edit(with_noise(self._session.state, layer_seeds=seeds))

    @Slot(int, bool)
    def _lock_layer(self, position: int, locked: bool) -> None:
        self._session.set_lock(f"{LAYER_LOCK}{position}", locked)


def _without_noise(descriptor: NetworkDescriptor | None) -> frozenset[int]:
    """Positions whose layer adds no noise, such as the constant's."""
    if descriptor is None:
        return frozenset()
    noisy = {layer.position for layer in descriptor.layers if layer.has_noise}
    return frozenset(range(2 * len(descriptor.resolutions))) - noisy if noisy else frozenset()
