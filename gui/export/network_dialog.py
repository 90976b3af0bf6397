"""Export network: whose, for which program, which file."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from engine.export.network_formats import FORMATS, NetworkFormat
from engine.state import EditState, View
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
        self.whose = Segmented(WHOSE if state.model_b or state.overlays else WHOSE[:1])
        self.whose.setAccessibleName("Whose network")
        self.whose.set_current((View.BLEND if state.model_b or state.overlays else View.A).value)
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
        a, b = self._state.model_a, self._state.model_b
        chosen = {View.A.value: [a], View.B.value: [b]}.get(self.whose.current, [a, b])
        return "-".join(ref.name for ref in chosen if ref is not None).replace("/", "-") or "network"

    def _rename(self) -> None:
        self.target.name.setText(self._stem() + self.target.suffix)

    def _explain(self) -> None:
        self.promise.setText(f"{FORMATS[self.form].tip}. {PROMISE}")
