"""The blend panel: which two models, and how much of which in every layer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QSizePolicy, QWidget

from engine.state import (
    EditState,
    Side,
    Source,
    swapped,
    with_alpha,
    with_blend,
    with_curve,
    with_models,
    with_swap_resolution,
)
from gui.collection import Collection
from gui.panels.calm_combo import CalmComboBox
from gui.panels.hand import follow_hand
from gui.panels.labels import Letter, muted_label, row
from gui.presets import CUSTOM_NAME, PRESETS, preset_of, shown_curve, step_curve
from gui.session import Session
from gui.widgets.alpha_curve import AlphaCurve
from gui.widgets.edit_slider import EditSlider
from gui.widgets.icon_button import IconButton
from gui.widgets.section import Section

DEFAULT_RESOLUTIONS = (4, 8, 16, 32, 64)
NO_MODEL = "Choose a model B first: pick one above, or drop a model file on the window."

PARTS = {
    "mapping": ("Mapping", "Whose mapping network turns the seed into a latent w"),
    "w_avg": ("Mean latent", "Whose mean latent (w_avg) truncation pulls towards"),
    "noise": ("Noise", "Whose noise maps and noise strengths are used"),
    "affines": ("Styles", "Whose affine layers turn w into styles"),
    "torgb": ("Colour", "Whose ToRGB layers turn features into colour"),
}
SOURCE_NAMES = {Source.BLEND: "as the layers", Source.A: "A", Source.B: "B"}


class BlendPanel(Section):
    def __init__(self, session: Session, collection: Collection, parent: QWidget | None = None) -> None:
        super().__init__("Blend", parent=parent)
        self._session = session
        self._collection = collection
        self.model_a = self._model_box(Side.A)
        self.model_b = self._model_box(Side.B)
        self.swap = IconButton("swap", "Exchange A and B (X)")
        self.preset = self._preset_box()
        self.curve = AlphaCurve()
        self.swap_resolution = EditSlider(
            "Swap resolution", 4, 64, 32, decimals=0, stops=DEFAULT_RESOLUTIONS, gradient=True, lockable=True
        )
        self.alpha = EditSlider(
            "Alpha", 0.0, 1.0, 1.0, gradient=True, snaps=(0.0, 0.25, 0.5, 0.75, 1.0), lockable=True,
            typed_minimum=-1.0, typed_maximum=2.0,
        )
        self.width_slider = EditSlider("Width", 0.0, 4.0, 0.0, snaps=(0.0, 0.5, 1.0, 2.0, 4.0), lockable=True)
        self.level = EditSlider("Level", 0, 1, 0, decimals=0, stops=(0, 1))
        self.parts = Section("Transition and parts")
        self.sources = {name: self._source_box(name, tip) for name, (_, tip) in PARTS.items()}
        self._lay_out()
        self._explain()
        self._connect()
        self.show_models()
        self.show_state(session.state)

    # --- building -------------------------------------------------------------------------------------------------

    def _model_box(self, side: Side) -> QComboBox:
        box = CalmComboBox()
        box.setAccessibleName(f"Model {side.value.upper()}")
        box.setToolTip(
            "Model A: the one the latent belongs to" if side is Side.A else "Model B: the one grafted onto A"
        )
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # long names must not widen the dock
        box.setMinimumWidth(64)
        box.activated.connect(partial(self._pick_model, side))
        return box

    def _preset_box(self) -> QComboBox:
        box = CalmComboBox()
        box.setAccessibleName("Preset")
        for preset in PRESETS:
            box.addItem(preset.name, preset.key)
            box.setItemData(box.count() - 1, preset.tooltip, Qt.ItemDataRole.ToolTipRole)
        box.setPlaceholderText(CUSTOM_NAME)
        box.setToolTip("A starting point for how the layers are shared")
        return box

    def _source_box(self, name: str, tip: str) -> QComboBox:
        box = CalmComboBox()
        box.setAccessibleName(PARTS[name][0])
        box.setToolTip(tip)
        for source, text in SOURCE_NAMES.items():
            box.addItem(text, source.value)
        box.activated.connect(partial(self._pick_source, name))
        return box

    def _lay_out(self) -> None:
        models = QWidget()
        grid = QGridLayout(models)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(6)
        for column, widget in enumerate((Letter(Side.A), self.model_a, self.swap, self.model_b, Letter(Side.B))):
            grid.addWidget(widget, 0, column)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self.add_widget(models)
        self.preset.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.add_widget(row(muted_label("Preset"), self.preset))
        for part in (self.curve, self.swap_resolution, self.alpha, self.parts):
            self.add_widget(part)
        sources = QWidget()
        rows = QGridLayout(sources)
        rows.setContentsMargins(0, 4, 0, 0)
        rows.setVerticalSpacing(4)
        for index, (name, (text, _)) in enumerate(PARTS.items()):
            rows.addWidget(muted_label(text), index, 0)
            rows.addWidget(self.sources[name], index, 1)
        rows.setColumnStretch(1, 1)
        for widget in (self.width_slider, self.level, sources):
            self.parts.add_widget(widget)
        self.parts.set_folded(True)

    def _explain(self) -> None:
        self.swap_resolution.set_help(
            "Layers up to this resolution are structure, the ones above are rendering; one model gives each"
        )
        self.alpha.set_help("How much of B there is at all: 0 is A. Type a number to go past the ends")
        self.width_slider.set_help("How gradual the change-over is, in layers; 0 is a hard swap")
        self.level.set_help("Where in the block the swap happens: 0 after it, 1 after the next block's first layer")
        self.curve.set_help("How much of B each resolution takes. Drag a knot; double-click goes back to the step")

    def _connect(self) -> None:
        session = self._session
        follow_hand(session, self.curve, self.swap_resolution, self.alpha, self.width_slider, self.level)
        self.preset.activated.connect(self._pick_preset)
        self.swap.clicked.connect(self.swap_models)
        self.curve.curve_changed.connect(self._turn_curve)
        self.swap_resolution.value_changed.connect(self._turn_swap)
        self.alpha.value_changed.connect(self._turn_alpha)
        self.width_slider.value_changed.connect(self._turn_width)
        self.level.value_changed.connect(self._turn_level)
        for name, slider in self._locks().items():
            slider.lock_changed.connect(partial(session.set_lock, name))
        session.locks_changed.connect(self.show_locks)
        session.state_changed.connect(self.show_state)
        self._collection.models_changed.connect(self.show_models)

    def _locks(self) -> dict[str, EditSlider]:
        return {"swap_resolution": self.swap_resolution, "alpha": self.alpha, "width": self.width_slider}

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot()
    def show_models(self) -> None:
        """Fill both choosers from the library."""
        for box in (self.model_a, self.model_b):
            box.clear()
            for record in self._collection.models():
                box.addItem(record.ref.name, record.ref.sha256)
        self.show_state(self._session.state)

    @Slot(object)
    def show_state(self, state: EditState) -> None:
        blend = state.blend
        self._show_resolutions(state)
        for box, ref in ((self.model_a, state.model_a), (self.model_b, state.model_b)):
            box.setCurrentIndex(box.findData(ref.sha256) if ref else -1)
            box.setPlaceholderText(ref.name if ref else "none")
        preset = preset_of(blend)
        self.preset.setCurrentIndex(self.preset.findData(preset.key) if preset else -1)
        positions = 2 * len(self._resolutions)
        self.curve.set_default_curve(step_curve(blend, positions))
        self.curve.set_curve(shown_curve(blend, positions))
        self.curve.set_alpha(blend.alpha)
        self.swap_resolution.set_value(blend.swap_resolution)
        self.alpha.set_value(blend.alpha)
        self.width_slider.set_value(blend.width)
        self.level.set_value(blend.level)
        for name, box in self.sources.items():
            box.setCurrentIndex(box.findData(getattr(blend, name).value))
        self._allow(state.model_b is not None)

    @Slot(object)
    def show_locks(self, locks: frozenset[str]) -> None:
        for name, slider in self._locks().items():
            slider.set_locked(name in locks)

    def _show_resolutions(self, state: EditState) -> None:
        descriptor = self._collection.descriptor(state.model_a)
        self._resolutions = (descriptor.resolutions if descriptor else ()) or DEFAULT_RESOLUTIONS
        self.curve.set_resolutions(self._resolutions)
        self.swap_resolution.set_stops(self._resolutions)

    def _allow(self, allowed: bool) -> None:
        reason = None if allowed else NO_MODEL
        for control in (self.curve, self.swap_resolution, self.alpha, self.width_slider, self.level):
            control.set_disabled_reason(reason)
        for box in (self.preset, *self.sources.values()):
            box.setEnabled(allowed)
        self.swap.setEnabled(allowed)

    # --- editing --------------------------------------------------------------------------------------------------

    @Slot()
    def swap_models(self) -> None:
        state = self._session.state
        if state.model_a is not None and state.model_b is not None:
            self._session.edit(swapped(state))

    def _pick_model(self, side: Side, index: int) -> None:
        box = self.model_a if side is Side.A else self.model_b
        record = self._collection.model(box.itemData(index))
        if record is None:
            return
        change = {"a": record.ref} if side is Side.A else {"b": record.ref}
        self._session.edit(with_models(self._session.state, **change))

    def _pick_preset(self, index: int) -> None:
        state = self._session.state
        preset = next(preset for preset in PRESETS if preset.key == self.preset.itemData(index))
        self._session.edit(replace(state, blend=preset.apply(state.blend)), f"preset {preset.name}")
        self.show_state(self._session.state)

    def _pick_source(self, name: str, index: int) -> None:
        source = Source(self.sources[name].itemData(index))
        self._session.edit(with_blend(self._session.state, **{name: source}))

    def _turn_curve(self, curve: tuple[float, ...]) -> None:
        state = self._session.state
        is_step = curve == step_curve(state.blend, len(curve))
        self._session.edit(with_curve(state, None if is_step else curve))

    def _turn_swap(self, value: float) -> None:
        self._session.edit(with_swap_resolution(self._session.state, int(value)))

    def _turn_alpha(self, value: float) -> None:
        self._session.edit(with_alpha(self._session.state, value))

    def _turn_width(self, value: float) -> None:
        self._session.edit(with_blend(self._session.state, width=value, curve=None))

    def _turn_level(self, value: float) -> None:
        self._session.edit(with_blend(self._session.state, level=int(value), curve=None))

