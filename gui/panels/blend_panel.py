"""The blend panel: which models, and how much of which in every layer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QComboBox, QGridLayout, QMenu, QSizePolicy, QWidget

from engine.carry import carry_sentence, is_carried_into
from engine.descriptor import NetworkDescriptor
from engine.state import (
    BlendSpace,
    EditState,
    ModelRef,
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
from gui.further_models import added, letter_of
from gui.own_presets import OwnPresets
from gui.panels.calm_combo import CalmComboBox
from gui.panels.hand import follow_hand, follow_locks
from gui.panels.labels import Letter, muted_label, row
from gui.panels.overlay_rows import OverlayRows
from gui.panels.preset_row import PresetRow
from gui.presets import Preset, shown_curve, step_curve
from gui.session import Session
from gui.settings import Settings
from gui.theme import current_theme
from gui.widgets.alpha_curve import ENDS, AlphaCurve
from gui.widgets.drops import dropped_model
from gui.widgets.edit_slider import EditSlider
from gui.widgets.icon_button import IconButton
from gui.widgets.section import Section
from gui.widgets.segmented import Segment, Segmented

DEFAULT_RESOLUTIONS = (4, 8, 16, 32, 64)
NO_MODEL = "Choose a model B first: pick one above, or drop a model file on the window."
CARRY = "How much of what tuning A to a person changed the layers of other models get as well; 0 leaves them alone"
FADES = "B has the same parent as A, so the blend fades between the two; nothing is carried"
ONLY_A = "In W only A's network draws: there is nothing of B in its layers"

PARTS = {
    "mapping": ("Mapping", "Whose mapping network turns the seed into a latent w"),
    "w_avg": ("Mean latent", "Whose mean latent (w_avg) truncation pulls towards"),
    "noise": ("Noise", "Whose noise maps and noise strengths are used"),
    "affines": ("Styles", "Whose affine layers turn w into styles"),
    "torgb": ("Colour", "Whose ToRGB layers turn features into colour"),
}
NETWORK_PARTS = ("noise", "affines", "torgb")
SOURCE_NAMES = {Source.BLEND: "as the layers", Source.A: "A", Source.B: "B"}
SPACES = (
    Segment("weights", "Weights", "Mix the layers of the networks"),
    Segment("latents", "Latents (W)", "Leave A's network alone and mix the latents of both mappings"),
)
SHORT_NAMES = {"torgb": "ToRGB"}


class BlendPanel(Section):
    doctor_wanted = Signal()

    def __init__(
        self, session: Session, collection: Collection, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__("Blend", parent=parent)
        self._session = session
        self._collection = collection
        self._resolutions: tuple[int, ...] = DEFAULT_RESOLUTIONS
        self._is_drop_target = False
        self.doctor = self.add_action("Doctor", "What will not mix in these models, why, and where to swap (Ctrl+D)")
        self.add_model = self.add_action("+ model", "Lay a further model over the blend, or drop one here")
        self.model_a = self._model_box(Side.A)
        self.model_b = self._model_box(Side.B)
        self.swap = IconButton("swap", "Exchange A and B (X)")
        self.overlays = OverlayRows(session, collection)
        self.presets = PresetRow(OwnPresets(settings))
        self.preset = self.presets.box
        self.curve = AlphaCurve()
        self.swap_resolution = EditSlider(
            "Swap resolution", 4, 64, 32, decimals=0, stops=DEFAULT_RESOLUTIONS, gradient=True, lockable=True
        )
        self.alpha = EditSlider(
            "Alpha", 0.0, 1.0, 1.0, gradient=True, snaps=(0.0, 0.25, 0.5, 0.75, 1.0), lockable=True,
            typed_minimum=ENDS[0], typed_maximum=ENDS[1],
        )
        self.width_slider = EditSlider("Width", 0.0, 4.0, 0.0, snaps=(0.0, 0.5, 1.0, 2.0, 4.0), lockable=True)
        self.level = EditSlider("Level", 0, 1, 0, decimals=0, stops=(0, 1))
        self.carry = EditSlider(
            "Carry the tuning", 0, 100, 100, decimals=0, snaps=(0.0, 25.0, 50.0, 75.0, 100.0), suffix=" %"
        )
        self.space = Segmented(SPACES)
        self.space.setAccessibleName("Mix in")
        self.parts = Section("Transition and parts")
        self.sources = {name: self._source_box(name, tip) for name, (_, tip) in PARTS.items()}
        self.setAcceptDrops(True)
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
        mix_in = row(muted_label("Mix in"), 1, self.space)
        sliders = (self.swap_resolution, self.alpha, self.carry)
        for part in (models, self.overlays, self.presets, self.curve, *sliders, mix_in):
            self.add_widget(part)
        self.add_widget(self.parts)
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
        self.overlays.set_tab_after(self.swap)

    def _explain(self) -> None:
        self.swap_resolution.set_help(
            "Layers up to this resolution are structure, the ones above are rendering; one model gives each"
        )
        self.alpha.set_help("How much of B there is at all: 0 is A. Type a number to go past the ends")
        self.carry.set_help(CARRY)
        self.width_slider.set_help("How gradual the change-over is, in layers; 0 is a hard swap")
        self.level.set_help("Where in the block the swap happens: 0 after it, 1 after the next block's first layer")
        self.curve.set_help("How much of B each resolution takes. Drag a knot; double-click goes back to the step")
        for control, field in (
            (self.swap_resolution, "swap_resolution"), (self.alpha, "alpha"), (self.width_slider, "width"),
            (self.level, "level"), (self.curve, "curve"),
        ):
            control.set_parameter(f"blend.{field}")

    def _connect(self) -> None:
        session = self._session
        follow_hand(
            session, self.curve, self.swap_resolution, self.alpha, self.carry, self.width_slider, self.level
        )
        follow_locks(session, {
            "curve": self.curve, "swap_resolution": self.swap_resolution, "alpha": self.alpha,
            "width": self.width_slider,
        })
        self.doctor.clicked.connect(self.doctor_wanted)
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.add_model.setMenu(self._menu)
        self.add_model.setPopupMode(self.add_model.ToolButtonPopupMode.InstantPopup)
        self.presets.picked.connect(self._pick_preset)
        self.swap.clicked.connect(self.swap_models)
        self.curve.curve_changed.connect(self._turn_curve)
        self.curve.past_ends_changed.connect(self._follow_ends)
        self.swap_resolution.value_changed.connect(self._turn_swap)
        self.alpha.value_changed.connect(self._turn_alpha)
        self.carry.value_changed.connect(self._turn_carry)
        self.width_slider.value_changed.connect(self._turn_width)
        self.level.value_changed.connect(self._turn_level)
        self.space.picked.connect(self._pick_space)
        session.state_changed.connect(self.show_state)
        self._collection.models_changed.connect(self.show_models)

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot()
    def show_models(self) -> None:
        """Fill the choosers from the library."""
        for box in (self.model_a, self.model_b):
            box.clear()
            for record in self._collection.models():
                box.addItem(record.ref.name, record.ref.sha256)
        self.overlays.show_models()
        self.show_state(self._session.state)

    @Slot(object)
    def show_state(self, state: EditState) -> None:
        blend = state.blend
        descriptor = self._collection.descriptor(state.model_a)
        self._resolutions = (descriptor.resolutions if descriptor else ()) or DEFAULT_RESOLUTIONS
        names = layer_names(descriptor) if descriptor is not None else ()
        self.curve.set_resolutions(self._resolutions)
        self.curve.set_names(names)
        self.swap_resolution.set_stops(self._resolutions)
        for box, ref in ((self.model_a, state.model_a), (self.model_b, state.model_b)):
            box.setCurrentIndex(box.findData(ref.sha256) if ref else -1)
            box.setPlaceholderText(ref.name if ref else "none")
        self.overlays.show_state(state, self._resolutions, names)
        self.presets.show_blend(blend)
        positions = 2 * len(self._resolutions)
        self.curve.set_default_curve(step_curve(blend, positions))
        self.curve.set_curve(shown_curve(blend, positions))
        self.curve.set_alpha(blend.alpha)
        self.swap_resolution.set_value(blend.swap_resolution)
        self.alpha.set_value(blend.alpha)
        self._show_carry(state, descriptor)
        self.width_slider.set_value(blend.width)
        self.level.set_value(blend.level)
        self.space.set_current(blend.space.value)
        for name, box in self.sources.items():
            box.setCurrentIndex(box.findData(getattr(blend, name).value))
        self._allow(state)

    def _show_carry(self, state: EditState, descriptor: NetworkDescriptor | None) -> None:
        """Only a tuned model has anything to carry."""
        self.carry.set_value(100.0 * state.blend.carry)
        refs = [ref for ref in (state.model_b, *(one.model for one in state.overlays)) if ref is not None]
        others = [ref for ref in refs if self._takes_tuning(descriptor, ref)]
        name_a = self._collection.model_name(state.model_a) if state.model_a is not None else ""
        name_b = self._collection.model_name(others[0]) if len(others) == 1 else "the other models"
        said = carry_sentence(state.blend, descriptor, name_a, name_b)
        self.carry.setVisible(said is not None)
        self.carry.set_help(f"{said} {CARRY}" if said is not None and others else CARRY)
        self.carry.set_disabled_reason(None if others else FADES if refs else NO_MODEL)

    def _takes_tuning(self, a: NetworkDescriptor | None, ref: ModelRef) -> bool:
        other = self._collection.descriptor(ref)
        return a is not None and other is not None and is_carried_into(a, ref, other)

    def _allow(self, state: EditState) -> None:
        has_b = state.model_b is not None
        reason = None if has_b else NO_MODEL
        for control in (self.curve, self.swap_resolution, self.alpha, self.width_slider, self.level):
            control.set_disabled_reason(reason)
        for widget in (self.presets, self.space, self.swap):
            widget.setEnabled(has_b)
        in_weights = state.blend.space is BlendSpace.WEIGHTS
        for name, box in self.sources.items():
            counts = in_weights or name not in NETWORK_PARTS
            box.setEnabled(has_b and counts)
            box.setToolTip(PARTS[name][1] if counts else ONLY_A)
        self.add_model.setEnabled(state.model_a is not None)
        self.doctor.setEnabled(state.model_a is not None and (has_b or bool(state.overlays)))

    def _follow_ends(self, past: bool) -> None:
        """The slider that scales the curve goes as far as the curve does."""
        self.alpha.set_range(*(ENDS if past else (0.0, 1.0)))

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

    def _pick_preset(self, preset: Preset) -> None:
        state = self._session.state
        self._session.edit(replace(state, blend=preset.apply(state.blend)), f"preset {preset.name}")

    def _pick_source(self, name: str, index: int) -> None:
        source = Source(self.sources[name].itemData(index))
        self._session.edit(with_blend(self._session.state, **{name: source}))

    def _pick_space(self, key: str) -> None:
        self._session.edit(with_blend(self._session.state, space=BlendSpace(key)))

    def _turn_curve(self, curve: tuple[float, ...]) -> None:
        state = self._session.state
        is_step = curve == step_curve(state.blend, len(curve))
        self._session.edit(with_curve(state, None if is_step else curve))

    def _turn_swap(self, value: float) -> None:
        self._session.edit(with_swap_resolution(self._session.state, int(value)))

    def _turn_alpha(self, value: float) -> None:
        self._session.edit(with_alpha(self._session.state, value))

    def _turn_carry(self, value: float) -> None:
        self._session.edit(with_blend(self._session.state, carry=value / 100.0))

    def _turn_width(self, value: float) -> None:
        self._session.edit(with_blend(self._session.state, width=value, curve=None))

    def _turn_level(self, value: float) -> None:
        self._session.edit(with_blend(self._session.state, level=int(value), curve=None))

    # --- further models -------------------------------------------------------------------------------------------

    @Slot()
    def _fill_menu(self) -> None:
        self._menu.clear()
        for record in self._collection.models():
            self._menu.addAction(record.ref.name, partial(self.lay_over, record.ref.sha256))

    def lay_over(self, sha256: str) -> None:
        """Put a further model over the blend."""
        state, record = self._session.state, self._collection.model(sha256)
        if record is not None and state.model_a is not None:
            self._session.end_gesture()
            self._session.edit(added(state, record.ref), f"model {letter_of(len(state.overlays))}")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_model(event.mimeData()) is not None and self._session.state.model_a is not None:
            event.acceptProposedAction()
            self._mark_drop_target(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._mark_drop_target(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._mark_drop_target(False)
        sha256 = dropped_model(event.mimeData())
        if sha256 is not None:
            event.acceptProposedAction()
            self.lay_over(sha256)

    def _mark_drop_target(self, is_target: bool) -> None:
        self._is_drop_target = is_target
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._is_drop_target:
            with QPainter(self) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(QColor(current_theme().focus), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)


def layer_names(descriptor: NetworkDescriptor) -> tuple[str, ...]:
    """What stands at each position, in short: "conv0", "conv1, ToRGB"."""
    found: dict[int, list[str]] = {}
    for layer in descriptor.layers:
        short = layer.name.rsplit(".", 1)[-1]
        found.setdefault(layer.position, []).append(SHORT_NAMES.get(short, short))
    return tuple(", ".join(found.get(position, ["nothing"])) for position in range(descriptor.num_ws))
