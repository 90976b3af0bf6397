"""Export network: whose, for which program, which file."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from engine.export.network_formats import FORMATS, NetworkFormat
from engine.state import EditState, View, differs_from_a, model_refs
from gui.export.dialog import TargetDialog
from gui.settings import Settings
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.target_fields import TargetFields

WHOSE = (
    Segment(View.A.value, "A", "Model A's network", tint="a"),
    Segment(View.BLEND.value, "Blend", "One new network, blended as on screen"),
    Segment(View.B.value, "B", "Model B's network", tint="b"),
)
PROMISE = "What is written is read back and compared with the model; a file that draws something else is not kept."


class NetworkDialog(TargetDialog):
    def __init__(self, state: EditState, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__("Export network", parent)
        self._state = state
        offered = [whose for whose in WHOSE if _is_there(View(whose.key), state)]
        self.whose = Segmented(offered)
        self.whose.setAccessibleName("Whose network")
        self.whose.set_current((View.BLEND if differs_from_a(state) else View.A).value)
        self.target = TargetFields(
            self, settings, "networks", self._stem(), {form.value: facts.name for form, facts in FORMATS.items()},
            suffix_of=lambda key: FORMATS[NetworkFormat(key)].suffix,
        )  # fmt: skip
        for place, facts in enumerate(FORMATS.values()):
            self.target.format.setItemData(place, facts.tip, Qt.ItemDataRole.ToolTipRole)
        self.whose.picked.connect(self._rename)
        self.target.format.currentIndexChanged.connect(self._explain)
        self.lay_out((("Network", self.whose), *self.target.rows()), PROMISE)
        self._explain()

    @property
    def view(self) -> View:
        return View(self.whose.current)

    @property
    def form(self) -> NetworkFormat:
        return NetworkFormat(self.target.key)

    def _stem(self) -> str:
        alone = {View.A.value: self._state.model_a, View.B.value: self._state.model_b}.get(self.whose.current)
        chosen = model_refs(self._state) if alone is None else (alone,)
        return "-".join(ref.name for ref in chosen).replace("/", "-")[:120] or "network"

    def _rename(self) -> None:
        self.target.name.setText(self._stem() + self.target.suffix)

    def _explain(self) -> None:
        self.promise.setText(f"{FORMATS[self.form].tip}. {PROMISE}")


def _is_there(view: View, state: EditState) -> bool:
    if view is View.B:
        return state.model_b is not None
    return view is View.A or differs_from_a(state)
