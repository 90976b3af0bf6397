"""The blend doctor at work: asks for distances, examines the models of the moment, does what is advised."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from engine.blend_doctor import Mend, diagnose
from engine.kinship import WeightDistance
from engine.library_records import ModelRecord
from engine.messages import CompareWeights, JobFinished, JobOutcome, WeightsCompared
from engine.state import EditState, ModelRef, with_swap_resolution
from gui.blend_doctor_window import MEASURING, DoctorWindow
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.further_models import letter_of
from gui.session import Session
from gui.settings import Settings

NO_PAIR = "Choose a model A and a model B first; then they can be examined."
OF_B = -1

Pair = tuple[str, str]


class BlendDoctorFlow(QObject):
    """The window is made when it is first wanted; distances are asked for once per pair, while it is open."""

    def __init__(
        self, owner: QWidget, session: Session, collection: Collection, bridge: EngineBridge, settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._session = session
        self._collection = collection
        self._bridge = bridge
        self._settings = settings
        self._window: DoctorWindow | None = None
        self._which = OF_B
        self._distances: dict[Pair, WeightDistance] = {}
        self._notes: dict[Pair, str] = {}

    @property
    def window(self) -> DoctorWindow:
        if self._window is None:
            self._window = window = DoctorWindow(self._settings, self._owner)
            window.pair_picked.connect(self._pick)
            window.mend_wanted.connect(self.mend)
            window.swap_wanted.connect(self._swap_at)
            self._session.state_changed.connect(self._refresh)
            self._collection.models_changed.connect(self._refresh)
        return self._window

    @Slot()
    def open(self) -> None:
        window = self.window
        window.show()
        self._notes.clear()  # what failed is tried again
        self._refresh()
        window.raise_()
        window.activateWindow()

    # --- examining -------------------------------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        window = self.window
        if not window.isVisible():
            return
        state = self._session.state
        pairs = _pairs(state)
        if self._which not in [which for which, _ in pairs]:
            self._which = pairs[0][0] if pairs else OF_B
        window.show_pairs([(which, f"{_name(state.model_a)} and {words}") for which, words in pairs], self._which)
        a, b = self._record(state.model_a), self._record(_partner(state, self._which))
        if a is None or b is None:
            window.show_nothing(NO_PAIR)
            return
        pair = (a.ref.sha256, b.ref.sha256)
        others = self._collection.models()
        is_overlay = self._which != OF_B
        found = diagnose(
            a, b, self._distances.get(pair), blend=state.blend, others=others, for_overlay=is_overlay
        )
        swap = None if is_overlay or state.blend.curve is not None else state.blend.swap_resolution
        window.show_diagnosis(found, swap, self._notes.get(pair, MEASURING))
        self._measure(pair, a.ref, b.ref)

    def _record(self, ref: ModelRef | None) -> ModelRecord | None:
        return self._collection.model(ref.sha256) if ref is not None else None

    def _measure(self, pair: Pair, a: ModelRef, b: ModelRef) -> None:
        if pair not in self._distances and pair not in self._notes:
            self._notes[pair] = MEASURING
            self._bridge.submit(CompareWeights(a, b), self._measured)

    def _measured(self, event: JobFinished) -> None:
        assert isinstance(event.job, CompareWeights)
        pair = (event.job.a.sha256, event.job.b.sha256)
        if isinstance(event.result, WeightsCompared):
            self._distances[pair] = event.result.distance
            self._notes.pop(pair, None)
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._notes[pair] = f"The weights could not be compared. {event.error.user_message}"
        self._refresh()

    # --- mending ---------------------------------------------------------------------------------------------------

    @Slot(int)
    def _pick(self, which: int) -> None:
        self._which = which
        self._refresh()

    @Slot(object)
    def mend(self, mend: Mend) -> None:
        """Do what was advised, as one step that can be undone."""
        self._session.end_gesture()
        overlay = None if self._which == OF_B else self._which
        self._session.edit(mend.apply(self._session.state, overlay), mend.words.split(",")[0].lower())

    @Slot(int)
    def _swap_at(self, resolution: int) -> None:
        if self._which == OF_B:
            self._session.end_gesture()
            self._session.edit(with_swap_resolution(self._session.state, resolution))

    def close(self) -> None:
        if self._window is not None:
            self._window.close()


def _pairs(state: EditState) -> list[tuple[int, str]]:
    """What can be examined beside A: B, then the further models; in words."""
    if state.model_a is None:
        return []
    found = [(OF_B, f"B {state.model_b.name}")] if state.model_b is not None else []
    return found + [(index, f"{letter_of(index)} {one.model.name}") for index, one in enumerate(state.overlays)]


def _partner(state: EditState, which: int) -> ModelRef | None:
    if which == OF_B:
        return state.model_b
    return state.overlays[which].model if which < len(state.overlays) else None


def _name(ref: ModelRef | None) -> str:
    return f"A {ref.name}" if ref is not None else "A"
