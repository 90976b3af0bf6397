"""Export contact sheet: which figure, of which faces, which file."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from engine.animation.parameters import Kind, parameters, screen_name
from engine.descriptor import NetworkDescriptor
from engine.errors import EngineError
from engine.export.sheet_plan import (
    SheetPlan,
    Stop,
    grid,
    mixing_matrix,
    parameter_stops,
    seed_stops,
    swap_stops,
)
from engine.number_lists import read_numbers, read_seeds
from engine.state import EditState, SeedLatent
from gui.export.dialog import TargetDialog
from gui.exporting import FORMATS, OTHER_SPELLINGS
from gui.settings import Settings
from gui.widgets.target_fields import TargetFields

SEEDS, SWAPS, MIXING = "seeds", "swaps", "mixing"
DEFAULT_LISTS = {
    SEEDS: "0-4", "blend.alpha": "0..1/5", "truncation_psi": "0..1/5", "noise.strength": "0..2/5",
    "blend.carry": "0..1/5", "blend.width": "0..3/4", "latent.seed": "0-4",
}  # fmt: skip
CELLS_PX = (96, 128, 192, 256, 512)
LAYERS_TIP = "Rows of W+ that the faces across give; low ones are pose and shape"
PROMISE = "Every picture is rendered fresh. Lists are numbers and ranges: 1,4,8-12, or from, to and how many: 0..1/5."


class SheetDialog(TargetDialog):
    """Rows and columns are seeds, swap resolutions, a mixing matrix, or any number of the picture."""

    def __init__(
        self, state: EditState, descriptor: NetworkDescriptor, settings: Settings, parent: QWidget | None = None
    ) -> None:
        """
        Args:
            descriptor: Of model A.
        """
        super().__init__("Export contact sheet", parent)
        self._state = state
        self._descriptor = descriptor
        self.columns = QComboBox()
        self.columns.setAccessibleName("Across")
        self.columns.setToolTip("What changes from the left to the right")
        self.rows = QComboBox()
        self.rows.setAccessibleName("Down")
        self.rows.setToolTip("What changes from the top to the bottom")
        self.column_list, self.row_list = QLineEdit(), QLineEdit()
        self.column_list.setAccessibleName("Values across")
        self.row_list.setAccessibleName("Values down")
        self.layers = QLineEdit(f"0-{min(3, descriptor.num_ws - 1)}")
        self.layers.setAccessibleName("Layers from the columns")
        self.cell = QComboBox()
        self.cell.setAccessibleName("Size of a picture")
        self._fill()
        self.target = TargetFields(self, settings, "sheets", "sheet", FORMATS, OTHER_SPELLINGS)
        self.lay_out(
            (
                ("Across", self.columns), ("", self.column_list), ("Down", self.rows), ("", self.row_list),
                ("Layers", self.layers), ("Picture size", self.cell), *self.target.rows(),
            ),
            PROMISE,
        )  # fmt: skip
        for box, field in ((self.columns, self.column_list), (self.rows, self.row_list)):
            box.currentIndexChanged.connect(self._suggest)
            field.textChanged.connect(self.check)
        self.layers.textChanged.connect(self.check)
        self._suggest()

    @property
    def plan(self) -> SheetPlan:
        """
        Raises:
            EngineError: what was typed makes no sheet; says why.
        """
        rows = self._stops(self.rows, self.row_list)
        if self.columns.currentData() == MIXING:
            sources = read_seeds(self.column_list.text())
            down = read_seeds(self.row_list.text())
            return mixing_matrix(self._state, sources, down, self._layer_range(), self._descriptor.num_ws)
        return grid(self._state, self._stops(self.columns, self.column_list), rows)

    @property
    def cell_px(self) -> int:
        return int(self.cell.currentData())

    def _fill(self) -> None:
        numbers = [
            (screen_name(one.path, self._state), one.path)
            for one in parameters(self._state)
            if one.kind in (Kind.NUMBER, Kind.WHOLE) and one.get(self._state) is not None
        ]
        if self._state.model_b is not None:
            self.columns.addItem("Swap resolution, from A to B", SWAPS)
        self.columns.addItem("Style mixing, from other seeds", MIXING)
        self.columns.addItem("Seeds", SEEDS)
        self.rows.addItem("Seeds", SEEDS)
        for text, path in numbers:
            self.columns.addItem(text, path)
            self.rows.addItem(text, path)
        for edge in CELLS_PX:
            if edge <= max(CELLS_PX[0], self._descriptor.img_resolution):
                self.cell.addItem(f"{edge} px", edge)
        self.cell.setCurrentIndex(max(0, self.cell.findData(192)))

    def _suggest(self) -> None:
        """Lists to begin with, where the user has typed none for this."""
        across = self.columns.currentData()
        is_mixing = across == MIXING
        self.rows.setEnabled(not is_mixing)
        if is_mixing:
            self.rows.setCurrentIndex(self.rows.findData(SEEDS))
        self.layers.setEnabled(is_mixing)
        self.layers.setToolTip(LAYERS_TIP if is_mixing else "Only for style mixing")
        for box, field in ((self.columns, self.column_list), (self.rows, self.row_list)):
            key = str(box.currentData())
            if field.property("for") != key:
                field.setProperty("for", key)
                field.setText(self._default_list(key))
        self.check()

    def _default_list(self, key: str) -> str:
        stops = sorted(self._descriptor.resolutions[:-1], reverse=True)
        if key == SWAPS:
            return ",".join(map(str, stops))
        if key == MIXING:
            return "10-14"
        if key == SEEDS and isinstance(self._state.latent, SeedLatent):
            first = self._state.latent.seed
            return f"{first}-{first + 4}"
        return DEFAULT_LISTS.get(key, "0..1/5")

    def _stops(self, box: QComboBox, field: QLineEdit) -> tuple[Stop, ...]:
        key = str(box.currentData())
        if key in (SEEDS, MIXING):
            return seed_stops(read_seeds(field.text()))
        if key == SWAPS:
            return swap_stops([int(value) for value in read_numbers(field.text())])
        return parameter_stops(key, read_numbers(field.text()), self._state)

    def _layer_range(self) -> tuple[int, int]:
        first, _, last = self.layers.text().partition("-")
        try:
            return int(first), int(last or first) + 1
        except ValueError:
            raise EngineError("The layers must be two numbers, such as 0-3.") from None

    def more_problems(self) -> str:
        try:
            plan = self.plan
        except EngineError as error:
            return f"{error.user_message} {error.hint}".strip()
        self.save.setToolTip(f"{plan.count} pictures")
        return ""

